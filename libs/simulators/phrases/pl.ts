import type { Phrases } from './phrases.ts';

export const pl: Phrases = {
  concerns: [
    'koszt jednego wyniku',
    'jakość na co dzień',
    'czas do pierwszego efektu',
    'to, co klienci widzą najpierw',
    'obciążenie zespołu',
  ],
  titleTemplates: [
    '{topic}: praktyczny przewodnik na najbliższy rok',
    'Czego zwykle nie mówi się na temat „{topic}”',
    '{topic} krok po kroku, jedna decyzja naraz',
    '{topic} bez zgadywania',
  ],
  introductions: [
    'Zapytaj dziesięć osób o temat „{topic}”, a usłyszysz dziesięć różnych opinii, najczęściej opartych na jednym dobrym albo złym doświadczeniu. Ten tekst idzie spokojniejszą drogą: pokazuje, co działa, ile to kosztuje i gdzie najłatwiej się pomylić. Na końcu znajdziesz krótką listę rzeczy, które można sprawdzić jeszcze w tym tygodniu.',
  ],
  sections: [
    {
      heading: 'Dlaczego warto zająć się tym teraz',
      sentences: [
        'Jeszcze pięć lat temu o temacie „{topic}” rozmawiali głównie specjaliści, a dziś wpływa on na budżety, zatrudnienie i oczekiwania klientów.',
        'Za tą zmianą stoją trzy rzeczy: tańsze narzędzia, wyższe wymagania i znacznie więcej publicznych przykładów dobrej roboty.',
        'Żadna z nich nie jest przejściowa, dlatego czekanie, aż wszystko się uspokoi, to jedyna strategia, która na pewno nie zadziała.',
        'Firmy, które zaczęły wcześnie, nie miały lepszych informacji, tylko szybciej sprawdzały, co się zmieniło.',
        'Raz w tygodniu patrzyły na jedną rzecz: {focus}.',
        'Ten nawyk łatwo przejąć i prawie nic nie kosztuje, dopóki nie zacznie się opłacać.',
      ],
    },
    {
      heading: 'Najpierw punkt wyjścia',
      sentences: [
        'Zanim cokolwiek zmienisz, zapisz, jak jest dzisiaj: liczbami tam, gdzie je masz, i zwykłymi słowami tam, gdzie ich nie ma.',
        'Taki opis mieści się na jednej stronie: ile wydajesz, co za to dostajesz, jak długo to trwa i kto jest niezadowolony.',
        'Nie próbuj mierzyć wszystkiego, bo cztery uczciwe liczby są warte więcej niż czterdzieści, w które nikt nie wierzy.',
        'Szczególnie uważnie obserwuj jedno: {focus}, bo to zwykle zmienia się jako pierwsze.',
        'Pokaż tę stronę osobom, które wykonują pracę, a w ciągu godziny poprawią dwie z twoich liczb.',
        'Zapisz datę i wróć do tej strony po trzydziestu dniach, żeby uzupełnić ją jeszcze raz.',
      ],
    },
    {
      heading: 'Jedna zmiana doprowadzona do końca',
      sentences: [
        'Najczęstszy błąd to pięć ulepszeń naraz, a potem spór o to, które z nich pomogło.',
        'Wybierz zmianę, którą najłatwiej cofnąć, a nie tę, która najlepiej wygląda na prezentacji.',
        'Niech ma właściciela, datę rozpoczęcia i dzień, w którym zdecydujesz, czy zostaje, czy trzeba ją poprawić.',
        'W czasie próby notuj niespodzianki, także te przyjemne, bo pokazują, gdzie myliły się założenia.',
        'Jeżeli wynik jest niejasny, to też jest wynik: efekt okazał się mniejszy, niż się spodziewano.',
        'Kiedy zmiana działa, opisz ją tak krótko, żeby nowa osoba poradziła sobie bez dodatkowych pytań.',
      ],
    },
    {
      heading: 'Ile to naprawdę kosztuje',
      sentences: [
        'Cennik pokazuje koszt w dobry dzień, a własne notatki pokazują koszt w zwykły dzień.',
        'Dolicz godziny spędzone na uzgodnieniach, bo często są droższe niż sama faktura i nigdy się na niej nie pojawiają.',
        'Ustal limit przed rozpoczęciem i powiedz wszystkim, co się stanie, kiedy zostanie osiągnięty.',
        'Limit brzmi surowo, ale zespoły z jasną granicą próbują więcej, bo nie boją się rachunku na koniec miesiąca.',
        'Sprawdzaj liczby zawsze tego samego dnia, żeby zły trend kończył się decyzją, a nie kolejnym spotkaniem.',
        'Oszczędności są wtedy niewielkie, ale się sumują i, co ważniejsze, zostają na dłużej.',
      ],
    },
  ],
  checklistItems: [
    'Opisz na jednej stronie, jak wygląda dziś temat „{topic}”, i wpisz datę.',
    'Wybierz jedną zmianę, którą łatwo cofnąć.',
    'Ustal limit wydatków przed pierwszą próbą.',
    'Co tydzień o tej samej porze sprawdź jedno: {focus}.',
    'Zostaw to, co działa, i usuń to, co nie działa.',
  ],
  conclusions: [
    'To wszystko nie wymaga dużego budżetu ani nowego działu. Wystarczy punkt wyjścia, jedna zmiana naraz, limit znany wszystkim i cierpliwość, żeby co tydzień patrzeć na te same liczby. Zacznij od jednej strony i pozwól, żeby o dalszych krokach decydowały wyniki.',
  ],
  findings: [
    'Zainteresowanie tematem „{topic}” rośnie, głównie za sprawą mniejszych firm, które decydują szybko.',
    'Kupujący porównują zwykle trzy możliwości, a najważniejsze jest dla nich jedno: {focus}.',
    'Opisane przykłady są zgodne: krótkie próby, za które ktoś odpowiada, udają się częściej niż szerokie programy.',
    'Koszty ocenia się o jedną piątą za nisko, bo w planie brakuje czasu na uzgodnienia.',
    'Czytelnicy szukają praktycznych porównań, a większość tekstów to reklama albo teoria.',
  ],
  openQuestions: [
    'Co z tematu „{topic}” czytelnicy znają już na tyle dobrze, że można to pominąć?',
    'Czy są nowe dane z pierwszej ręki, których jeszcze nikt nie cytował?',
    'Co przekonałoby sceptycznego czytelnika do zmiany zdania?',
  ],
  linkedinPosts: [
    'Większość porad na temat „{topic}” zaczyna się od narzędzi. Zespoły, którym się udaje, zaczynają od punktu wyjścia.\n\nJedna strona. Cztery uczciwe liczby. Zmiana, którą łatwo cofnąć, i dzień, w którym zapada decyzja.\n\nBrzmi prosto, dopóki nie zobaczysz, jak szybko poprawia się to, na co wszyscy patrzą.\n\nKtórą liczbę wpiszesz na tę stronę jako pierwszą?',
  ],
  shortPosts: [
    '{topic}: mniej narzędzi, więcej nawyków. Jeden punkt wyjścia, jedna zmiana i jedno uczciwe spojrzenie na tydzień.',
    '{topic} w trzech krokach: zmierz, zmień jedną rzecz i zostaw to, co działa. Reszta to szum.',
  ],
  answers: [
    'W skrócie: jeżeli chodzi o temat „{topic}”, postęp bierze się z małych, dobrze obserwowanych kroków, a nie z wielkich planów. Ustal, co znaczy „lepiej”, zapisz, jak jest dziś, i zmieniaj jedną rzecz naraz, żeby było wiadomo, co pomogło.',
    'Dobry początek to oddzielenie tego, co wiesz o temacie „{topic}”, od tego, co tylko zakładasz. Zapisz jedno i drugie, sprawdź założenie, które byłoby najbardziej kosztowne, i dopiero wtedy wybierz następny krok.',
  ],
  followUps: [
    'W praktyce zaczynałbym od jednej rzeczy: {focus}. Widać ją od razu, można ją poprawić w kilka dni i każdy rozumie, o co chodzi. Prowadź krótkie notatki, a po dwóch tygodniach odpowiedzą na większość pytań, które dziś wydają się trudne.',
    'Jeśli brakuje czasu, skup się na jednym i zostaw resztę tak, jak jest. Zakres zawsze można poszerzyć, ale projekt, który chce zrobić wszystko naraz, zwykle nie kończy niczego. Napisz, jakie masz ograniczenia, a odpowiem dokładniej.',
  ],
  lines: {
    section: 'Część',
    part: ', część #',
    conclusion: 'Na koniec',
    checklist: 'Krótka lista kontrolna',
    researchNotes: 'Notatki: {topic}',
    keyFindings: 'Najważniejsze ustalenia',
    angle: 'Ujęcie',
    angleText:
      'Pisz dla osób, które jeszcze w tym kwartale muszą podjąć decyzję. Zacznij od konkretnej sytuacji, potem podaj dowody i listę kroków na dziś.',
    openQuestions: 'Otwarte pytania',
    keywords: 'Słowa kluczowe',
    titles: 'Tytuły',
    metaDescription: 'Opis meta',
    opening:
      '{topic}: najwięcej zyskują ci, którzy zaczynają od jasnego pytania i zmieniają jedną rzecz naraz.',
    closing: 'Zacznij dziś od jednej strony na ten temat i wróć do niej za miesiąc.',
    summary: '{topic}: co działa, ile kosztuje i od czego zacząć.',
    summaryThisWeek: '{topic}: co działa, ile kosztuje i od czego zacząć w tym tygodniu.',
    description:
      '{topic} bez zgadywania: od czego zacząć, ile to kosztuje i po czym wcześnie poznać, że działa.',
    scriptTitle: '{topic} w minutę',
    hook: '{topic}: wciąż zgadujesz? Oto, co naprawdę działa.',
    visual: 'Zbliżenie, miękkie światło',
    pause: 'Krótka pauza',
    scriptAction: 'Zapisz dziś, od czego zaczynasz.',
    subject: '{topic}: zacznij od jednej strony',
    preheader: 'Cztery uczciwe liczby są warte więcej niż czterdzieści zgadywanych.',
    greeting: 'Dzień dobry,',
    newsletterAction: 'Odpisz, którą jedną liczbę umieścisz na tej stronie.',
    goal: 'Czytelnicy wybierają pierwszy krok: {topic}.',
    altText: 'Biurko przy oknie, w tle temat: {topic}',
  },
  keywordWords: ['przewodnik', 'lista kontrolna', 'przykłady', 'błędy', 'koszt', 'porady'],
  clusters: ['podstawy', 'koszty', 'porównanie'],
  tags: ['#pomysły', '#praca', '#nauka'],
  ads: {
    promises: [
      'Zacznij od jednej strony',
      'Sprawdź, co działa',
      'Wystarczą cztery liczby',
      'Jedna zmiana naraz',
      'Wróć do tego za miesiąc',
      'Lista kroków na dziś',
      'Poznaj koszt przed startem',
    ],
    description: '{topic} bez zgadywania. {promise}.',
    primary: '{topic}: wciąż zgadujesz? {promise} i szybko zobacz, czy to działa.',
    introductory: '{topic}: wciąż zgadujesz w pracy? {promise} i decyduj na podstawie liczb.',
    text: '{topic}: wciąż zgadujesz? {promise}.',
  },
  replies: {
    complaint: [
      'Przepraszamy, #. Prosimy o numer zamówienia, a naprawimy to.',
      'Dziękujemy za wiadomość, #. To nie powinno się zdarzyć. Czy możemy napisać prywatnie?',
    ],
    other: ['Dziękujemy, #! Sprawdzimy i odpowiemy tutaj.', 'Miło, że piszesz, #. O który model chodzi?'],
  },
};
