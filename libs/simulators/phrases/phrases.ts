/** A part of an article: one heading and the sentences its paragraphs draw on. */
export interface SectionTemplate {
  readonly heading: string;
  readonly sentences: readonly string[];
}

/** Single texts: headings, and fields of objects. `#` is a number. */
export type Line =
  | 'section'
  | 'part'
  | 'conclusion'
  | 'checklist'
  | 'researchNotes'
  | 'keyFindings'
  | 'angle'
  | 'angleText'
  | 'openQuestions'
  | 'keywords'
  | 'titles'
  | 'metaDescription'
  | 'opening'
  | 'closing'
  | 'summary'
  | 'summaryThisWeek'
  | 'description'
  | 'scriptTitle'
  | 'hook'
  | 'visual'
  | 'pause'
  | 'scriptAction'
  | 'subject'
  | 'preheader'
  | 'greeting'
  | 'newsletterAction'
  | 'goal'
  | 'altText';

/** The wording of a language. `{topic}` is the subject of the prompt, and `{focus}` one of the concerns. */
export interface Phrases {
  /** Nouns in the singular that any subject can be looked at by. */
  readonly concerns: readonly string[];
  readonly titleTemplates: readonly string[];
  readonly introductions: readonly string[];
  readonly sections: readonly SectionTemplate[];
  readonly checklistItems: readonly string[];
  readonly conclusions: readonly string[];
  readonly findings: readonly string[];
  readonly openQuestions: readonly string[];
  readonly linkedinPosts: readonly string[];
  readonly shortPosts: readonly string[];
  readonly answers: readonly string[];
  readonly followUps: readonly string[];
  readonly lines: Readonly<Record<Line, string>>;
  /** Words that are searched for with a topic: a guide, a checklist, examples, mistakes, the cost, tips. */
  readonly keywordWords: readonly string[];
  readonly clusters: readonly string[];
  readonly tags: readonly string[];
  /** `{promise}` is one of the promises, which fit into a headline of 30 characters. */
  readonly ads: {
    readonly promises: readonly string[];
    readonly description: string;
    readonly primary: string;
    readonly introductory: string;
    readonly text: string;
  };
  /** To messages of customers; `#` is the author. */
  readonly replies: { readonly complaint: readonly string[]; readonly other: readonly string[] };
}
