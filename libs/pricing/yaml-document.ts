import { isMap, isPair, isScalar, LineCounter, type Node, parseDocument, type Tags } from 'yaml';
import type { z } from 'zod';

/** One error in a file, with its line. */
export interface SourceIssue {
  /** 1-based line in the text. */
  readonly line: number;
  /** Path in the document, such as `plans[0].limits[2].amount`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
}

export interface YamlDocument {
  /** The content as plain JSON data. Numbers with a decimal point are strings, exactly as written. */
  readonly data: unknown;
  /** Syntax errors. If there are any, `data` is not usable. */
  readonly issues: readonly SourceIssue[];
  /** The line of the value at a path, or of the nearest enclosing value. */
  lineOf(path: readonly PropertyKey[]): number;
}

const ALIAS_LIMIT = 100;

/**
 * Parses YAML 1.2 and keeps decimals as text: `0.075` becomes the string `"0.075"`, which the caller converts exactly.
 * Duplicate keys are errors.
 */
export function readYaml(text: string): YamlDocument {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, customTags: withoutFloats });
  const lineAt = (offset: number) => lineCounter.linePos(offset).line;
  const issues = document.errors.map((error) => ({
    line: lineAt(error.pos[0]),
    path: '',
    message: error.message,
  }));
  let data: unknown;
  if (issues.length === 0) {
    try {
      data = document.toJS({ maxAliasCount: ALIAS_LIMIT });
    } catch (error) {
      // Aliases are resolved only here: an unknown alias, or too many, throws a ReferenceError.
      if (!(error instanceof ReferenceError)) throw error;
      issues.push({ line: 1, path: '', message: error.message });
    }
  }
  return {
    data,
    issues,
    lineOf: (path) => lineAt(offsetOf(document.contents, path)),
  };
}

/** Formats a path: `plans[0].price`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? String(step) : `${text}.${String(step)}`;
  }, '');
}

/** The schema errors of a document's data, with their lines. */
export function schemaIssues(document: YamlDocument, error: z.ZodError): SourceIssue[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      return [{ line: document.lineOf(issue.path), path: formatPath(issue.path), message: issue.message }];
    }
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return { line: document.lineOf(path), path: formatPath(path), message: 'is not a known key here' };
    });
  });
}

/** Joins issues to one message, one issue a line. */
export function describeIssues(issues: readonly SourceIssue[]): string {
  return issues
    .map(({ line, path, message }) => `line ${line}: ${path === '' ? '' : `${path}: `}${message}`)
    .join('\n');
}

function withoutFloats(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:float');
}

/** The offset of the value at a path: of the key if the path ends at a key, else of the nearest container. */
function offsetOf(contents: Node | null, path: readonly PropertyKey[]): number {
  let node: unknown = contents;
  let offset = contents?.range?.[0] ?? 0;
  for (const step of path) {
    const child = childOf(node, step);
    if (child === undefined) break;
    offset = child.offset ?? offset;
    node = child.node;
  }
  return offset;
}

function childOf(
  node: unknown,
  step: PropertyKey,
): { node: unknown; offset: number | undefined } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
    if (!isPair(pair) || !isScalar(pair.key)) return undefined;
    return { node: pair.value, offset: pair.key.range?.[0] };
  }
  const items = (node as { items?: unknown[] } | null | undefined)?.items;
  const item = typeof step === 'number' ? items?.[step] : undefined;
  return item === undefined ? undefined : { node: item, offset: (item as Node).range?.[0] };
}
