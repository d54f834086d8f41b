import type { ModelInfo, ModelKind } from './model.ts';
import type { PriceRow } from './price.ts';
import {
  type BookModelEntry,
  type PriceBookFile,
  type PricedModelEntry,
  priceBookSchema,
} from './price-book-schema.ts';
import { OUTPUT_TOKEN_CLASSES, PLAIN_INPUT_CLASSES, UNIT_CLASSES, type UnitClass } from './units.ts';
import { describeIssues, formatPath, readYaml, type SourceIssue, schemaIssues } from './yaml-document.ts';

export interface PriceBook {
  readonly version: string;
  readonly models: readonly ModelInfo[];
  readonly rows: readonly PriceRow[];
}

/** An invalid price book, with the line of every error. */
export class PriceBookError extends Error {
  override readonly name = 'PriceBookError';
  readonly issues: readonly SourceIssue[];

  constructor(issues: readonly SourceIssue[]) {
    super(describeIssues(issues));
    this.issues = issues;
  }
}

/** A missing price would only be noticed when a call settles, so a book must price every class. */
const REQUIRED_CLASSES: { readonly [K in ModelKind]: readonly UnitClass[] } = {
  text: [...PLAIN_INPUT_CLASSES, ...OUTPUT_TOKEN_CLASSES],
  image: ['image'],
  embedding: ['input'],
  moderation: ['request'],
  audio: ['audio_second'],
  speech: ['character'],
  search: ['search'],
  page: ['page'],
};

/** Parses a price book from YAML. @throws PriceBookError listing every error. */
export function parsePriceBook(text: string): PriceBook {
  const document = readYaml(text);
  if (document.issues.length > 0) throw new PriceBookError(document.issues);
  const parsed = priceBookSchema.safeParse(document.data);
  if (!parsed.success) throw new PriceBookError(schemaIssues(document, parsed.error));
  const issues = bookIssues(parsed.data).map(({ path, message }) => ({
    line: document.lineOf(path),
    path: formatPath(path),
    message,
  }));
  if (issues.length > 0) throw new PriceBookError(issues);
  return {
    version: parsed.data.version,
    models: parsed.data.models.map(modelInfoOf),
    rows: parsed.data.models.flatMap(priceRowsOf),
  };
}

/** The price rows of one entry, in the order of the file. */
export function priceRowsOf(entry: PricedModelEntry): PriceRow[] {
  const { provider, model } = entry;
  return entry.prices.flatMap((set) => {
    // Micro-USD per million tokens is the same number as pico-USD per token, so no conversion is needed.
    const prices = new Map<string, bigint>(Object.entries({ ...set.perMillion, ...set.perUnit }));
    return UNIT_CLASSES.flatMap((unitClass) => {
      const picoUsdPerUnit = prices.get(unitClass);
      if (picoUsdPerUnit === undefined) return [];
      const fromInputTokens = set.aboveInputTokens === undefined ? 0 : set.aboveInputTokens + 1;
      return [{ provider, model, class: unitClass, validFrom: set.from, picoUsdPerUnit, fromInputTokens }];
    });
  });
}

function modelInfoOf(entry: BookModelEntry): ModelInfo {
  const can = new Set<string>(entry.capabilities);
  return {
    provider: entry.provider,
    model: entry.model,
    aliases: entry.aliases,
    upstreamModel: entry.upstreamModel ?? entry.model,
    kind: entry.kind,
    contextWindow: entry.contextWindow,
    maxOutputTokens: entry.maxOutputTokens,
    maxImageInputTokens: entry.maxImageInputTokens,
    ...(entry.enforcesWindow && { enforcesWindow: true }),
    ...(entry.maxPageInputTokens !== undefined && { maxPageInputTokens: entry.maxPageInputTokens }),
    ...(entry.maxAudioTokensPerSecond !== undefined && {
      maxAudioTokensPerSecond: entry.maxAudioTokensPerSecond,
    }),
    tokenizer: entry.tokenizer,
    capabilities: {
      vision: can.has('vision'),
      tools: can.has('tools'),
      jsonSchema: can.has('jsonSchema'),
      reasoning: can.has('reasoning'),
      streaming: can.has('streaming'),
      ...(can.has('pdf') && { pdf: true }),
      ...(can.has('audio') && { audio: true }),
    },
  };
}

interface LocatedIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function bookIssues(book: PriceBookFile): LocatedIssue[] {
  const owners = new Map<string, string>();
  return book.models.flatMap((entry, index) => [
    ...nameIssues(entry, ['models', index], owners),
    ...sizeIssues(entry, ['models', index]),
    ...historyIssues(entry, ['models', index]),
  ]);
}

function nameIssues(entry: BookModelEntry, path: PropertyKey[], owners: Map<string, string>): LocatedIssue[] {
  const names = [
    { name: entry.model, path: [...path, 'model'] },
    ...entry.aliases.map((name, index) => ({ name, path: [...path, 'aliases', index] })),
  ];
  return names.flatMap(({ name, path: namePath }) => {
    const owner = owners.get(name);
    owners.set(name, entry.model);
    return owner === undefined ? [] : [{ path: namePath, message: `${name} already names ${owner}` }];
  });
}

function sizeIssues(entry: BookModelEntry, path: PropertyKey[]): LocatedIssue[] {
  const issues: LocatedIssue[] = [];
  if (entry.kind === 'text' && (entry.contextWindow === 0 || entry.maxOutputTokens === 0)) {
    issues.push({ path, message: 'a text model needs its contextWindow and maxOutputTokens' });
  }
  if (entry.kind === 'text' && (entry.source === undefined || entry.checked === undefined)) {
    issues.push({ path, message: 'a text model needs the source of its windows, and when it was checked' });
  }
  if (entry.maxOutputTokens > entry.contextWindow) {
    issues.push({ path: [...path, 'maxOutputTokens'], message: 'is more than the contextWindow' });
  }
  if (entry.capabilities.includes('vision') !== entry.maxImageInputTokens > 0) {
    issues.push({ path, message: 'vision and maxImageInputTokens must be given together' });
  }
  if (entry.capabilities.includes('pdf') && !entry.enforcesWindow) {
    issues.push({ path, message: 'pdf needs enforcesWindow: nothing else bounds the tokens of a document' });
  }
  return [...issues, ...audioIssues(entry, path)];
}

function audioIssues(entry: BookModelEntry, path: PropertyKey[]): LocatedIssue[] {
  const issues: LocatedIssue[] = [];
  if (entry.kind !== 'text') return issues;
  const hearsAudio = entry.capabilities.includes('audio');
  if (hearsAudio !== (entry.maxAudioTokensPerSecond !== undefined)) {
    issues.push({ path, message: 'audio and maxAudioTokensPerSecond must be given together' });
  }
  const isPriced = entry.prices.some(({ perMillion }) => perMillion?.input_audio !== undefined);
  if (hearsAudio && !isPriced) issues.push({ path, message: 'audio needs a price of input_audio' });
  return issues;
}

function historyIssues(entry: BookModelEntry, path: PropertyKey[]): LocatedIssue[] {
  const issues: LocatedIssue[] = [];
  const seen = new Set<string>();
  for (const [index, set] of entry.prices.entries()) {
    for (const unitClass of Object.keys({ ...set.perMillion, ...set.perUnit })) {
      const key = `${unitClass} ${set.from} ${set.aboveInputTokens ?? 0}`;
      if (seen.has(key)) {
        issues.push({
          path: [...path, 'prices', index],
          message: `${unitClass} is priced twice from ${set.from}`,
        });
      }
      seen.add(key);
    }
  }
  const earliest = entry.prices.map((set) => set.from).sort()[0];
  const base = entry.prices.filter((set) => set.from === earliest && set.aboveInputTokens === undefined);
  const priced = new Set(base.flatMap((set) => Object.keys({ ...set.perMillion, ...set.perUnit })));
  const missing = REQUIRED_CLASSES[entry.kind].filter((unitClass) => !priced.has(unitClass));
  if (missing.length > 0) {
    const message = `the earliest prices must state ${missing.join(', ')} for a model of kind ${entry.kind}`;
    issues.push({ path: [...path, 'prices'], message });
  }
  return issues;
}
