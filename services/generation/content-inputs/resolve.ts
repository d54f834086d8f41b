import type { z } from 'zod';
import type { ContentInputs, RewriteOrder, rewriteInputs } from '#libs/contracts/content-inputs.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { Database } from '#libs/db/database.ts';
import { byteBound, cutToByteBound } from '#libs/pipelines/byte-bound.ts';
import { detectLanguage, languageCode } from '#libs/pipelines/content/language.ts';
import { subjectOf } from '#libs/pipelines/content/research.ts';
import { sectionsOf } from '#libs/pipelines/content/sections.ts';
import { countWords, plainText } from '#libs/pipelines/content/text.ts';
import { renderPrompt } from '#libs/pipelines/prompt-template.ts';
import { problem } from '#libs/problems/problems.ts';
import type { TextExtractor } from '../extraction/domain/extracted-text.ts';
import { type ContentInputResolver, MAX_PASSAGES, MAX_PROMPT_BYTES, MAX_SOURCE_BYTES } from './domain.ts';
import {
  findArticle,
  findFiles,
  findRecording,
  findSourceDocument,
  firstPassages,
  loadBrandVoice,
  loadPrompt,
  retrievePassages,
} from './store.ts';

export type ResolveOptions = {
  database: Database;
  extractor: Pick<TextExtractor, 'fromUrl'>;
  now: () => Date;
};

/** The gateway waits for 10 s. */
const PAGE_TIMEOUT_MS = 8_000;

export function createContentInputResolver(options: ResolveOptions): ContentInputResolver {
  return {
    resolveSource: (caller, request) => resolveSource(options, caller, request),
    resolveRewrite: (caller, order) => resolveRewrite(options, caller, order),
    async resolve(caller, request) {
      // A page is fetched last, when everything else that can be refused has been found.
      const voice = await resolveVoice(options, caller, request);
      const prompt = await resolvePrompt(options, caller, request);
      const recording = await resolveRecording(options, caller, request);
      const source = await resolveSource(options, caller, request);
      const inputs = {
        ...(recording && { recording }),
        ...(source && { source }),
        ...(voice && { voice }),
        ...(prompt && { prompt }),
      };
      const passages = await resolvePassages(options, caller, request, inputs);
      return { ...inputs, ...(passages && { passages }) };
    },
  };
}

/** Of a section. Longer ones are no sections of an article. */
const MAX_SECTION_BYTES = 8_000;
const MIN_WORDS = 20;

async function resolveRewrite(
  options: ResolveOptions,
  caller: Caller,
  order: RewriteOrder,
): Promise<z.infer<typeof rewriteInputs>> {
  const document = await findArticle(
    options.database,
    caller.accountId,
    order.document_id,
    order.base_version,
  );
  if (document === undefined) throw problem('not_found');
  const { version, title, markdown, language } = document;
  const section = sectionsOf(markdown)[order.section - 1];
  if (section === undefined) throw problem('not_found', { detail: `There is no section ${order.section}.` });
  if (byteBound(section.text) > MAX_SECTION_BYTES)
    throw problem('semantic_error', { detail: `The section has more than ${MAX_SECTION_BYTES} bytes.` });
  const voice = await resolveVoice(options, caller, order);
  const words = order.words ?? Math.max(MIN_WORDS, countWords(plainText(section.text)));
  return {
    language,
    inputs: {
      source: {
        title,
        text: cutToByteBound(markdown, MAX_SOURCE_BYTES),
        url: null,
        document_id: document.id,
      },
      ...(voice && { voice }),
      rewrite: {
        section: order.section,
        version,
        text: section.text,
        words,
        instructions: order.instructions,
      },
    },
  };
}

async function resolveSource(
  { database, extractor }: ResolveOptions,
  { accountId }: Caller,
  { url, document_id: documentId, generation_id: generationId }: GenerateRequest,
): Promise<ContentInputs['source']> {
  if (url !== undefined) return readPage(extractor, url);
  if (documentId === undefined && generationId === undefined) return undefined;
  const document = await findSourceDocument(database, accountId, { documentId, generationId });
  if (document === undefined) {
    const detail =
      generationId === undefined
        ? 'There is no document with this document_id.'
        : 'There is no job with this generation_id that has written an article.';
    throw problem('not_found', { detail });
  }
  const { id, title, markdown, language } = document;
  const text = cutToByteBound(markdown, MAX_SOURCE_BYTES);
  return { title, text, url: null, document_id: id, ...(language !== null && { language }) };
}

async function resolveRecording(
  { database, now }: ResolveOptions,
  { accountId }: Caller,
  { recording_id: id }: GenerateRequest,
): Promise<ContentInputs['recording']> {
  if (id === undefined) return undefined;
  const file = await findRecording(database, accountId, id, now());
  if (file === undefined)
    throw problem('not_found', { detail: 'There is no recording with this recording_id.' });
  return { id, seconds: file.seconds, media_type: file.mediaType };
}

async function readPage(
  extractor: ResolveOptions['extractor'],
  url: string,
): Promise<NonNullable<ContentInputs['source']>> {
  const signal = AbortSignal.timeout(PAGE_TIMEOUT_MS);
  const page = await extractor.fromUrl(url, signal).catch((cause: unknown) => {
    if (!signal.aborted) throw cause;
    const detail = `The page was not read within ${PAGE_TIMEOUT_MS / 1_000} s.`;
    throw problem('semantic_error', { detail, fields: { param: 'url' }, cause });
  });
  const text = cutToByteBound(page.text, MAX_SOURCE_BYTES);
  return { title: page.title, text, url: page.url, document_id: null };
}

async function resolveVoice(
  { database }: ResolveOptions,
  { accountId, workspaceId }: Caller,
  request: { brand_voice?: string | null | undefined },
): Promise<ContentInputs['voice']> {
  const wanted = request.brand_voice ?? 'default';
  if (wanted === 'none') return undefined;
  const voice = await loadBrandVoice(database, accountId, wanted, workspaceId);
  if (voice === undefined && wanted !== 'default')
    throw problem('not_found', { detail: 'There is no brand voice with this id.' });
  return voice;
}

async function resolvePrompt(
  { database }: ResolveOptions,
  { accountId }: Caller,
  { prompt_id: id, prompt_version: version, prompt_variables: values = {} }: GenerateRequest,
): Promise<ContentInputs['prompt']> {
  if (id === undefined) return undefined;
  const prompt = await loadPrompt(database, accountId, id, version);
  if (prompt === undefined) throw problem('not_found', { detail: 'There is no prompt with this prompt_id.' });
  const text = renderPrompt(prompt, values);
  if (byteBound(text) > MAX_PROMPT_BYTES) {
    throw problem('semantic_error', {
      detail: `The prompt has more than ${MAX_PROMPT_BYTES} bytes with its values.`,
      fields: { param: 'prompt_id' },
    });
  }
  return { id: prompt.id, version: prompt.version, text };
}

async function resolvePassages(
  { database }: ResolveOptions,
  { accountId }: Caller,
  request: GenerateRequest,
  inputs: ContentInputs,
): Promise<ContentInputs['passages']> {
  if (request.use_knowledge_base !== true) return undefined;
  const { kb_file_ids: fileIds, language } = request;
  if (fileIds !== undefined) {
    const known = new Set(await findFiles(database, accountId, fileIds));
    const missing = fileIds.find((id) => !known.has(id));
    if (missing !== undefined) throw problem('not_found', { detail: `There is no file ${missing}.` });
  }
  const query = subjectOf({ request, inputs });
  const found = await retrievePassages(database, {
    accountId,
    query,
    language: language === undefined ? detectLanguage(query) : languageCode(language),
    limit: MAX_PASSAGES,
    ...(fileIds && { fileIds }),
  });
  if (found.length > 0 || fileIds === undefined) return found;
  // Files that the request names are read even if they share no word with the topic.
  return firstPassages(database, accountId, fileIds, MAX_PASSAGES);
}
