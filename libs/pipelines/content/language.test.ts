/** Languages are recognised, named, and measured in tokens and bytes. */
import { countTokens as countCl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { countTokens as countO200k } from 'gpt-tokenizer/encoding/o200k_base';
import t from 'tap';
import { byteBound } from '../byte-bound.ts';
import { LABEL_TEXTS } from './label-texts.ts';
import { bytesForWords, detectLanguage, languageCode, languageName, tokensForWords } from './language.ts';
import { LABELS, MESSAGE_KEYS, stepMessage } from './messages.ts';
import { STEP_TEXTS } from './step-texts.ts';
import { countWords } from './text.ts';

t.test('languages are recognised', async (t) => {
  const rows: [string, string][] = [
    ['fountain pens', 'en'],
    ['How to brew the perfect tea', 'en'],
    ['Wie man guten Tee kocht', 'de'],
    ['Comment préparer le thé', 'fr'],
    ['Jak zaparzyć zieloną herbatę', 'pl'],
    ['Sähköautot talvella', 'fi'],
    ['Как заваривать чай', 'ru'],
    ['緑茶の淹れ方', 'ja'],
    ['绿茶怎么泡', 'zh'],
    ['Hvordan man brygger en god kop te', 'da'],
    ['Hur man brygger gott te', 'sv'],
    ['Come preparare il tè verde', 'it'],
    ['Cómo preparar té verde', 'es'],
    ['Como preparar chá verde em casa', 'pt'],
    ['Hoe zet je goede thee', 'nl'],
    ['Jak připravit zelený čaj', 'cs'],
    ['Iyi çay nasıl demlenir', 'tr'],
    ['The letter α in the history of physics', 'en'],
  ];
  for (const [topic, language] of rows) t.equal(detectLanguage(topic), language, topic);
  t.strictSame(['de-AT', 'German', 'Deutsch', 'Klingon'].map(languageCode), ['de', 'de', 'de', 'Klingon']);
});

t.test('caps have half as much again as 800 words have on average', async (t) => {
  for (const [language, tokens] of [
    ['en', 890],
    ['pl', 1_660],
    ['fi', 2_240],
  ] as const) {
    const cap = tokensForWords(800, language, 'o200k_base');
    t.ok(Math.abs(cap / 1.5 - tokens) < 10, `${language}: ${cap}`);
  }
});

/** Article 1 of the Universal Declaration of Human Rights. */
const ARTICLES: Readonly<Record<string, string>> = {
  en: 'All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood.',
  de: 'Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.',
  fr: 'Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de conscience et doivent agir les uns envers les autres dans un esprit de fraternité.',
  es: 'Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y conciencia, deben comportarse fraternalmente los unos con los otros.',
  pl: 'Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa.',
  ro: 'Toate ființele umane se nasc libere și egale în demnitate și în drepturi. Ele sunt înzestrate cu rațiune și conștiință și trebuie să se comporte unele față de altele în spiritul fraternității.',
  cs: 'Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Jsou nadáni rozumem a svědomím a mají spolu jednat v duchu bratrství.',
  fi: 'Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Heille on annettu järki ja omatunto, ja heidän on toimittava toisiaan kohtaan veljeyden hengessä.',
  hu: 'Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Az emberek, ésszel és lelkiismerettel bírván, egymással szemben testvéri szellemben kell hogy viseltessenek.',
  tr: 'Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler ve birbirlerine karşı kardeşlik zihniyeti ile hareket etmelidirler.',
  ru: 'Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.',
  uk: 'Всі люди народжуються вільними і рівними у своїй гідності та правах. Вони наділені розумом і совістю і повинні діяти у відношенні один до одного в дусі братерства.',
  el: 'Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι προικισμένοι με λογική και συνείδηση, και οφείλουν να συμπεριφέρονται μεταξύ τους με πνεύμα αδελφοσύνης.',
  ar: 'يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا وعليهم أن يعامل بعضهم بعضا بروح الإخاء.',
  he: 'כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון, לפיכך חובה עליהם לנהוג איש ברעהו ברוח של אחווה.',
  hi: 'सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि और अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव से बर्ताव करना चाहिए।',
  th: 'มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ',
  ja: 'すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。',
  zh: '人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。',
  ko: '모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다.',
};

const COUNTERS = [
  ['o200k_base', countO200k],
  ['cl100k_base', countCl100k],
] as const;

t.test('texts in twenty languages fit into the tokens and bytes of their words', async (t) => {
  for (const [language, text] of Object.entries(ARTICLES)) {
    const words = countWords(text);
    t.equal(detectLanguage(text), language);
    for (const [tokenizer, count] of COUNTERS) {
      const tokens = count(text);
      const cap = tokensForWords(words, language, tokenizer);
      t.ok(cap >= tokens * 1.2, `${language}, ${tokenizer}: ${cap} for ${tokens}`);
      t.ok(cap <= tokens * 2.5, `${language}, ${tokenizer}: ${cap} for ${tokens}, no more than is useful`);
    }
    t.ok(bytesForWords(words, language) >= byteBound(text), language);
  }
});

t.test('every language that is measured has its own step messages and labels', async (t) => {
  t.strictSame(Object.keys(STEP_TEXTS).sort(), Object.keys(LABEL_TEXTS).sort());
  t.equal(Object.keys(STEP_TEXTS).length, 26);
  for (const [language, texts] of Object.entries(STEP_TEXTS)) {
    t.ok(languageName(language), language);
    const messages = texts.split('|');
    t.equal(messages.length, MESSAGE_KEYS.length, language);
    t.strictSame(
      messages.flatMap((text, index) => (text.includes('#') ? [MESSAGE_KEYS[index]] : [])),
      ['section', 'rewrite', 'notes'],
      language,
    );
    t.equal(LABEL_TEXTS[language]?.split('|').length, LABELS.length, language);
  }
  t.equal(stepMessage('section', 'ja', 3), 'セクション3を執筆中');
  t.equal(stepMessage('section', 'eo', 3), 'Writing section 3', 'others are told in English');
});
