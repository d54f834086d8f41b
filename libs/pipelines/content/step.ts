/** The vocabulary of content pipelines: a pipeline is a list of steps, and a step is data. */
import type { z } from 'zod';
import type { SpeechRequest } from '#libs/contracts/audio.ts';
import type { ContentInputs, OutlineApproval } from '#libs/contracts/content-inputs.ts';
import type { GenerateRequest, Part } from '#libs/contracts/generate.ts';
import type { MessageKey } from './messages.ts';

/** What a step produced: a Markdown text, or an object of its schema. */
export type StepOutput = { readonly markdown: string } | { readonly json: Readonly<Record<string, unknown>> };

/** By the key of the step; `source` is the text that the request gave. */
export type StepOutputs = ReadonlyMap<string, StepOutput>;

/** The key of the text that a request gave, in place of a step. */
export const SOURCE = 'source';

/** The output of another step as part of a prompt, cut to a number of words. */
export type StepInput = {
  readonly from: string;
  readonly label: string;
  readonly words: number;
  /** One of several pieces of that output, of about the same length; all of it if absent. */
  readonly piece?: { readonly index: number; readonly count: number };
};

/** A text in Markdown. */
export type MarkdownSpec = {
  readonly kind: 'markdown';
  /** Fewer words are a mistake of the model. */
  readonly minWords: number;
  /** Fewer headings of the second level are one too. */
  readonly minHeadings: number;
};

/** An object. Its schema has types only: vendors support few constraints, and the code checks the others. */
export type JsonSpec = {
  readonly kind: 'json';
  readonly name: string;
  readonly schema: z.ZodType<Record<string, unknown>>;
  /** What is wrong with a value, in words for the model; empty if nothing is. */
  readonly problems: (value: never) => string[];
  /** Corrects what code can correct, such as a text that is too long. */
  readonly fit: (value: never) => Record<string, unknown>;
  /** What of it is in the language of the content; all of it if absent. */
  readonly localised?: (value: never) => unknown;
};

/** The pages that a search provider finds. The step writes nothing. Without a query, it searches for its first input. */
export type SearchSpec = { readonly kind: 'search'; readonly provider: string; readonly query: string };

/** The text of the recording that the request names. */
export type TranscriptionSpec = { readonly kind: 'transcription'; readonly seconds: number };

/** An image of its first input. */
export type ImageSpec = { readonly kind: 'image' };

/** A text alternative of the image that another step draws. */
export type AltTextSpec = { readonly kind: 'alt_text'; readonly image: string };

/** A recording of a piece of the script. */
export type SpeechSpec = {
  readonly kind: 'speech';
  readonly voice: SpeechRequest['voice'];
  /** Of the whole script. */
  readonly maxCharacters: number;
  readonly piece: { readonly index: number; readonly count: number };
  /** The steps whose recordings come before its own in one file. */
  readonly joins: readonly string[];
};

/** The output of a step that makes a file. */
export type StoredMedia = {
  readonly media_id: string;
  readonly media_type: string;
  readonly width?: number;
  readonly height?: number;
};

/** How a step uses sources: it reads them, or its text names those that its claims come from. */
export type SourceUse = {
  readonly use: 'read' | 'cite';
  /** The steps that search. */
  readonly research: readonly string[];
};

/** `fast` steps prefer a cheaper model over a better writer. */
export type ModelRole = 'writer' | 'fast';

export type ContentStep = {
  /** Unique in the job, such as `blog.section.2`. */
  readonly key: string;
  readonly part: Part;
  readonly role: ModelRole;
  /** Name and version of the prompt. */
  readonly template: string;
  readonly message: MessageKey;
  /** The number in the message, if it has one. */
  readonly number?: number;
  /** The instruction to the model, without inputs and wishes. */
  readonly task: string;
  readonly inputs: readonly StepInput[];
  /** Sources in its prompt, after the inputs. */
  readonly sources?: SourceUse | undefined;
  readonly spec:
    | MarkdownSpec
    | JsonSpec
    | SearchSpec
    | ImageSpec
    | AltTextSpec
    | SpeechSpec
    | TranscriptionSpec;
  /** Words to expect. The output cap follows from it and the language. */
  readonly words: number;
  /** Whether a second call is planned, to continue or repair the output of the first. */
  readonly hasSpare: boolean;
  /** Its prompt is as short as possible, for budgets of a few hundred tokens. */
  readonly isCompact?: boolean;
  /** What follows waits until the owner of the job has approved its output. */
  readonly needsApproval?: boolean;
  /** Steps that need several optional ones start when those have ended and one of them has succeeded. */
  readonly isOptional?: boolean;
  /** Counted meters that it adds to when it succeeds. */
  readonly counts: Readonly<Record<string, number>>;
};

/** What the steps of a job are made from. */
export type ContentBrief = {
  readonly request: GenerateRequest;
  /** Words of the article, after the budget's share. */
  readonly words: number;
  /** A code such as `pl`, or `und`. */
  readonly language: string;
  /** The language as it was known when the calls were planned, which lengths are measured in. */
  readonly plannedLanguage: string;
  /** Texts of the account that the request names. */
  readonly inputs: ContentInputs;
  /** The keys of the steps that search; empty without research. */
  readonly research: readonly string[];
  /** The outline that its owner approved; undefined before that. */
  readonly approval?: OutlineApproval | undefined;
  /** Whether a second call may repair an output. A tight budget has none. */
  readonly hasSpares: boolean;
  /** Whether the budget is too small for more than the shortest prompts, and for objects with several lists. */
  readonly isTight: boolean;
  /** What everything except the article is written from. */
  readonly basis: readonly StepInput[];
};

/** A finished part of a job. */
export type DocumentContent = {
  readonly title: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly markdown: string;
};

/** The pipeline of one content type. */
export type ContentPipeline = {
  readonly steps: (brief: ContentBrief) => ContentStep[];
  /** The document of the outputs of its steps, all of which have succeeded. */
  readonly assemble: (brief: ContentBrief, outputs: StepOutputs) => DocumentContent;
};

/** Whether a model writes the output of a step as a text or an object. */
export function isWritten({ spec }: Pick<ContentStep, 'spec'>): boolean {
  return spec.kind === 'markdown' || spec.kind === 'json';
}

/** The steps that a step waits for. */
export function dependenciesOf({ inputs, sources }: Pick<ContentStep, 'inputs' | 'sources'>): string[] {
  const needed = [...inputs.map(({ from }) => from), ...(sources?.research ?? [])];
  return [...new Set(needed)].filter((key) => key !== SOURCE);
}

export function markdownOf(outputs: StepOutputs, key: string): string {
  const output = outputs.get(key);
  return output !== undefined && 'markdown' in output ? output.markdown : '';
}

/** @throws Error if the step produced no object. */
export function jsonOf<Value>(outputs: StepOutputs, key: string): Value {
  const output = outputs.get(key);
  if (output === undefined || !('json' in output)) throw new Error(`The step ${key} has no object.`);
  return output.json as Value;
}
