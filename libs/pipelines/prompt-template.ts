/** Prompts of customers: templates with declared variables. */
import type { PromptVariable } from '#libs/contracts/prompts.ts';
import { problem } from '#libs/problems/problems.ts';
import { fenceUntrusted } from './untrusted.ts';

export type PromptTemplate = { template: string; variables: readonly PromptVariable[] };

const PLACEHOLDER = /\{\{\s*([a-z][a-z0-9_]*)\s*\}\}/g;

/** @throws ProblemError `semantic_error` unless placeholders and variables are the same names, each declared once. */
export function checkTemplate({ template, variables }: PromptTemplate): void {
  const placeholders = new Set([...template.matchAll(PLACEHOLDER)].map(([, name]) => name as string));
  const declared = new Set<string>();
  for (const { name } of variables) {
    if (declared.has(name)) throw invalid('variables', `The variable ${name} is declared twice.`);
    if (!placeholders.has(name)) {
      throw invalid('variables', `The variable ${name} has no placeholder in the template.`);
    }
    declared.add(name);
  }
  for (const name of placeholders) {
    if (!declared.has(name))
      throw invalid('template', `The placeholder {{${name}}} has no declared variable.`);
  }
}

/**
 * The prompt with its values. Each value is fenced as data, and inserted once: placeholders in values stay as they are.
 *
 * @throws ProblemError `semantic_error` for a value that is missing or has no variable.
 */
export function renderPrompt(
  { template, variables }: PromptTemplate,
  values: Readonly<Record<string, string>>,
): string {
  const known = new Map(variables.map(({ name, default: fallback }) => [name, fallback]));
  for (const name of Object.keys(values)) {
    if (!known.has(name)) throw invalid('variables', `The prompt has no variable ${name}.`);
  }
  return template.replace(PLACEHOLDER, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : known.get(name);
    if (value === undefined) throw invalid('variables', `The variable ${name} has no value.`);
    return fenceUntrusted(name, value);
  });
}

function invalid(param: string, detail: string) {
  return problem('semantic_error', { detail, fields: { param } });
}
