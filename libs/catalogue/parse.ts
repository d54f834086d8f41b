import type { ModelInfo } from '#libs/pricing/model.ts';
import {
  describeIssues,
  formatPath,
  readYaml,
  type SourceIssue,
  schemaIssues,
} from '#libs/pricing/yaml-document.ts';
import { catalogueChecks } from './checks.ts';
import { type Catalogue, catalogueSchema } from './schema.ts';

/** An invalid catalogue, with every issue and its line. */
export class CatalogueError extends Error {
  override readonly name = 'CatalogueError';
  readonly issues: readonly SourceIssue[];

  constructor(issues: readonly SourceIssue[]) {
    super(describeIssues(issues));
    this.issues = issues;
  }
}

export interface ParseOptions {
  /** If given, every model that the catalogue names must be one of these and of the right kind. */
  readonly knownModels?: readonly ModelInfo[];
}

/**
 * Reads a catalogue from YAML text (JSON is YAML too).
 * @throws CatalogueError listing every issue with its line.
 */
export function parseCatalogue(text: string, options: ParseOptions = {}): Catalogue {
  const document = readYaml(text);
  if (document.issues.length > 0) throw new CatalogueError(document.issues);
  const parsed = catalogueSchema.safeParse(document.data);
  if (!parsed.success) throw new CatalogueError(schemaIssues(document, parsed.error));
  const issues = catalogueChecks(parsed.data, options.knownModels).map(({ path, message }) => ({
    line: document.lineOf(path),
    path: formatPath(path),
    message,
  }));
  if (issues.length > 0) throw new CatalogueError(issues);
  return parsed.data;
}
