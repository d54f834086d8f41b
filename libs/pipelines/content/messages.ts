/** Progress messages, in the language of the content. */

export const MESSAGE_KEYS = [
  'outline',
  'section',
  'edit',
  'metadata',
  'write',
  'social',
  'audio',
  'video',
  'newsletter',
  'seo',
  'content_plan',
  'image_prompts',
  'research',
  'rewrite',
  'hero_image',
  'alt_text',
  'voice_over',
  'transcript',
  'notes',
  'insights',
] as const;
export type MessageKey = (typeof MESSAGE_KEYS)[number];

/** In the order of {@link MESSAGE_KEYS}; `#` stands for a number. */
const TEXTS: Readonly<Record<string, string>> = {
  en: 'Planning the article|Writing section #|Editing the article|Writing title and description|Writing the article|Writing the posts|Writing the audio script|Writing the video script|Writing the newsletter|Analysing keywords|Planning the calendar|Describing images|Searching for sources|Rewriting section #|Drawing the image|Describing the image|Recording the voice-over|Transcribing the recording|Reading piece # of the transcript|Extracting insights',
  de: 'Artikel wird gegliedert|Abschnitt # wird geschrieben|Artikel wird redigiert|Titel und Beschreibung werden geschrieben|Artikel wird geschrieben|Beiträge werden geschrieben|Audioskript wird geschrieben|Videoskript wird geschrieben|Newsletter wird geschrieben|Keywords werden analysiert|Redaktionsplan wird erstellt|Bilder werden beschrieben|Quellen werden gesucht|Abschnitt # wird neu geschrieben|Titelbild wird gezeichnet|Titelbild wird beschrieben|Sprachaufnahme wird erstellt|Aufnahme wird transkribiert|Teil # des Transkripts wird gelesen|Erkenntnisse werden herausgearbeitet',
  fr: 'Plan de l’article|Rédaction de la section #|Relecture de l’article|Titre et description|Rédaction de l’article|Rédaction des publications|Rédaction du script audio|Rédaction du script vidéo|Rédaction de la newsletter|Analyse des mots-clés|Calendrier éditorial|Description des images|Recherche de sources|Réécriture de la section #|Création de l’image|Description de l’image|Enregistrement de la voix off|Transcription de l’enregistrement|Lecture de la partie # de la transcription|Extraction des idées clés',
  es: 'Planificando el artículo|Escribiendo la sección #|Editando el artículo|Escribiendo título y descripción|Escribiendo el artículo|Escribiendo las publicaciones|Escribiendo el guion de audio|Escribiendo el guion de vídeo|Escribiendo el boletín|Analizando palabras clave|Planificando el calendario|Describiendo imágenes|Buscando fuentes|Reescribiendo la sección #|Creando la imagen|Describiendo la imagen|Grabando la locución|Transcribiendo la grabación|Leyendo la parte # de la transcripción|Extrayendo las ideas clave',
  it: 'Pianificazione dell’articolo|Scrittura della sezione #|Revisione dell’articolo|Titolo e descrizione|Scrittura dell’articolo|Scrittura dei post|Scrittura del copione audio|Scrittura del copione video|Scrittura della newsletter|Analisi delle parole chiave|Calendario editoriale|Descrizione delle immagini|Ricerca delle fonti|Riscrittura della sezione #|Creazione dell’immagine|Descrizione dell’immagine|Registrazione della voce fuori campo|Trascrizione della registrazione|Lettura della parte # della trascrizione|Estrazione delle idee chiave',
  pt: 'Planejando o artigo|Escrevendo a seção #|Editando o artigo|Escrevendo título e descrição|Escrevendo o artigo|Escrevendo as publicações|Escrevendo o roteiro de áudio|Escrevendo o roteiro de vídeo|Escrevendo a newsletter|Analisando palavras-chave|Planejando o calendário|Descrevendo imagens|Buscando fontes|Reescrevendo a seção #|Criando a imagem|Descrevendo a imagem|Gravando a locução|Transcrevendo a gravação|Lendo a parte # da transcrição|Extraindo as ideias principais',
  nl: 'Artikel plannen|Deel # schrijven|Artikel redigeren|Titel en beschrijving schrijven|Artikel schrijven|Berichten schrijven|Audioscript schrijven|Videoscript schrijven|Nieuwsbrief schrijven|Zoekwoorden analyseren|Contentkalender plannen|Afbeeldingen beschrijven|Bronnen zoeken|Deel # herschrijven|Afbeelding maken|Afbeelding beschrijven|Voice-over opnemen|Opname transcriberen|Deel # van het transcript lezen|Inzichten verzamelen',
  sv: 'Planerar artikeln|Skriver avsnitt #|Redigerar artikeln|Skriver rubrik och beskrivning|Skriver artikeln|Skriver inläggen|Skriver ljudmanuset|Skriver videomanuset|Skriver nyhetsbrevet|Analyserar nyckelord|Planerar kalendern|Beskriver bilder|Söker källor|Skriver om avsnitt #|Skapar bilden|Beskriver bilden|Spelar in berättarrösten|Transkriberar inspelningen|Läser del # av transkriptionen|Sammanställer insikter',
  pl: 'Planowanie artykułu|Pisanie części #|Redagowanie artykułu|Pisanie tytułu i opisu|Pisanie artykułu|Pisanie postów|Pisanie scenariusza audio|Pisanie scenariusza wideo|Pisanie newslettera|Analiza słów kluczowych|Planowanie kalendarza|Opisywanie obrazów|Szukanie źródeł|Przepisywanie części #|Tworzenie obrazu|Opisywanie obrazu|Nagrywanie lektora|Transkrypcja nagrania|Czytanie części # transkrypcji|Wyodrębnianie wniosków',
  fi: 'Suunnitellaan artikkelia|Kirjoitetaan osaa #|Muokataan artikkelia|Kirjoitetaan otsikkoa ja kuvausta|Kirjoitetaan artikkelia|Kirjoitetaan julkaisuja|Kirjoitetaan äänikäsikirjoitusta|Kirjoitetaan videokäsikirjoitusta|Kirjoitetaan uutiskirjettä|Analysoidaan avainsanoja|Suunnitellaan kalenteria|Kuvaillaan kuvia|Etsitään lähteitä|Kirjoitetaan osaa # uudelleen|Luodaan kuvaa|Kuvaillaan kuvaa|Äänitetään selostusta|Litteroidaan tallennetta|Luetaan litteroinnin osaa #|Poimitaan oivalluksia',
};

/** The heading above the sources of an article. */
const SOURCES: Readonly<Record<string, string>> = {
  en: 'Sources',
  de: 'Quellen',
  fr: 'Sources',
  es: 'Fuentes',
  it: 'Fonti',
  pt: 'Fontes',
  nl: 'Bronnen',
  sv: 'Källor',
  pl: 'Źródła',
  fi: 'Lähteet',
};

export function sourcesHeading(language: string): string {
  return SOURCES[language] ?? 'Sources';
}

const LABELS = [
  ...['day', 'channel', 'title', 'angle', 'keyword', 'keywords', 'titles', 'meta_description', 'questions'],
  ...['recommendations', 'checks', 'readability'],
] as const;
type Label = (typeof LABELS)[number];

/** Headings of documents that we assemble, in the order of {@link LABELS}. */
const LABEL_TEXTS: Readonly<Record<string, string>> = {
  en: 'Day|Channel|Title|Angle|Keyword|Keywords|Titles|Meta description|Questions|Recommendations|Checks|Readability',
  de: 'Tag|Kanal|Titel|Blickwinkel|Keyword|Keywords|Titel|Meta-Beschreibung|Fragen|Empfehlungen|Prüfungen|Lesbarkeit',
  fr: 'Jour|Canal|Titre|Angle|Mot-clé|Mots-clés|Titres|Méta-description|Questions|Recommandations|Contrôles|Lisibilité',
  es: 'Día|Canal|Título|Enfoque|Palabra clave|Palabras clave|Títulos|Metadescripción|Preguntas|Recomendaciones|Comprobaciones|Legibilidad',
  it: 'Giorno|Canale|Titolo|Taglio|Parola chiave|Parole chiave|Titoli|Meta descrizione|Domande|Raccomandazioni|Controlli|Leggibilità',
  pt: 'Dia|Canal|Título|Abordagem|Palavra-chave|Palavras-chave|Títulos|Meta descrição|Perguntas|Recomendações|Verificações|Legibilidade',
  nl: 'Dag|Kanaal|Titel|Invalshoek|Zoekwoord|Zoekwoorden|Titels|Metabeschrijving|Vragen|Aanbevelingen|Controles|Leesbaarheid',
  sv: 'Dag|Kanal|Titel|Vinkel|Nyckelord|Nyckelord|Titlar|Metabeskrivning|Frågor|Rekommendationer|Kontroller|Läsbarhet',
  pl: 'Dzień|Kanał|Tytuł|Ujęcie|Słowo kluczowe|Słowa kluczowe|Tytuły|Metaopis|Pytania|Zalecenia|Kontrole|Czytelność',
  fi: 'Päivä|Kanava|Otsikko|Näkökulma|Avainsana|Avainsanat|Otsikot|Metakuvaus|Kysymykset|Suositukset|Tarkistukset|Luettavuus',
};

/** A heading or column, in the language of the content; in English for a language without labels. */
export function labelOf(label: Label, language: string): string {
  const texts = (LABEL_TEXTS[language] ?? (LABEL_TEXTS.en as string)).split('|');
  return texts[LABELS.indexOf(label)] as string;
}

const MESSAGES = new Map(
  Object.entries(TEXTS).map(([language, text]) => [language, text.split('|')] as const),
);

/** The message of a step; in English for a language without messages. */
export function stepMessage(key: MessageKey, language: string, number?: number): string {
  const texts = MESSAGES.get(language) ?? (MESSAGES.get('en') as string[]);
  const text = texts[MESSAGE_KEYS.indexOf(key)] as string;
  return number === undefined ? text : text.replace('#', String(number));
}
