/** Prepares Gemini's requests for their schema: one spelling of names, nothing that is free to ignore, and refusals by name. */
import { type Fields, isFields, listOf, refuse, shown, take } from '../chat/domain/fields.ts';

/** Hints without an effect on the cost, and names that the path has. */
const IGNORED = ['safetySettings', 'labels', 'store'];
const IGNORED_CONFIG = [
  'audioTimestamp',
  'enableEnhancedCivicAnswers',
  'logprobs',
  'mediaResolution',
  'responseLogprobs',
];
const STANDARD_TIER = /^(?:service_tier_)?(?:standard|unspecified)$/i;
const PARTS = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse'];
/** What inlineData and fileData may have. */
const TAKEN_TYPES = /^(?:image\/|text\/|application\/pdf$|audio\/(?:x-)?(?:wav|mp3|mpeg)$)/;
/** A URL, but none of Google's own storage. */
const READABLE_URI = /^https?:\/\/(?!generativelanguage\.googleapis\.com\/)/i;
/** Fields of a part that are not its content. */
const PART_HINTS: ReadonlySet<string> = new Set([
  'thought',
  'thoughtSignature',
  'partMetadata',
  'mediaResolution',
]);

/**
 * Prepares a request in place.
 * @returns the names of what was removed.
 * @throws ProblemError `unsupported_parameter`
 */
export function checkGeminiFields(body: unknown): string[] {
  if (!isFields(body)) return [];
  camelCase(body);
  if (isFields(body.generateContentRequest)) checkGeminiFields(body.generateContentRequest);
  for (const request of listOf(body.requests)) checkEmbedding(request);
  if (body.content !== undefined) checkEmbedding(body);
  delete body.model;
  if (body.cachedContent) refuse('cachedContent', 'storing contents has a price of its own');
  delete body.cachedContent;
  if (body.serviceTier !== undefined && !STANDARD_TIER.test(shown(body.serviceTier))) {
    refuse('serviceTier', 'other tiers have other prices');
  }
  delete body.serviceTier;
  if (isFields(body.contents) || typeof body.contents === 'string') body.contents = [body.contents];
  if (Array.isArray(body.contents)) body.contents = body.contents.map(contentOf);
  if (body.systemInstruction !== undefined) body.systemInstruction = contentOf(body.systemInstruction);
  listOf(body.contents).forEach((content, index) => {
    checkParts(content, `contents.${index}`);
  });
  if (isFields(body.systemInstruction)) checkParts(body.systemInstruction, 'systemInstruction');
  checkTools(body);
  return [...take(body, IGNORED).filter((name) => name !== 'store'), ...checkConfig(body.generationConfig)];
}

/** Google's API reads names in both spellings. Names inside schemas, arguments and results are the client's own. */
const OPAQUE: ReadonlySet<string> = new Set([
  'args',
  'response',
  'parameters',
  'parametersJsonSchema',
  'responseSchema',
  'responseJsonSchema',
  'labels',
  'fit_budget',
  'allow_degraded',
]);

function camelCase(fields: Fields): void {
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    const known = OPAQUE.has(name) ? name : name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
    if (known !== name || value === null) delete fields[name];
    if (value === null) continue;
    if (known !== name) fields[known] ??= value;
    if (OPAQUE.has(known)) continue;
    if (isFields(value)) camelCase(value);
    for (const item of listOf(value)) camelCase(item);
  }
}

/** A text stands for a content with it. */
function contentOf(content: unknown): unknown {
  return typeof content === 'string' ? { parts: [{ text: content }] } : content;
}

function checkEmbedding(request: Fields): void {
  delete request.model;
  delete request.title;
  request.content = contentOf(request.content);
  if (isFields(request.content)) {
    listOf(request.content.parts).forEach((part, position) => {
      if (typeof part.text !== 'string') refuse(`content.parts.${position}`, 'only texts are embedded');
    });
  }
}

function checkParts(content: Fields, path: string): void {
  if (isFields(content.parts)) content.parts = [content.parts];
  listOf(content.parts).forEach((part, position) => {
    const at = `${path}.parts.${position}`;
    const kinds = Object.keys(part).filter((name) => !PART_HINTS.has(name));
    const unknown = kinds.find((kind) => !PARTS.includes(kind));
    if (unknown !== undefined)
      refuse(`${at}.${unknown}`, 'parts are texts, images, documents, recordings, and functions');
    const { mimeType } = { ...(part.inlineData as Fields), ...(part.fileData as Fields) };
    const kind = part.inlineData ? 'inlineData' : 'fileData';
    if (mimeType !== undefined && !TAKEN_TYPES.test(shown(mimeType))) {
      const taken = 'images, texts, application/pdf, audio/wav and audio/mp3';
      refuse(`${at}.${kind}`, `data of the type ${shown(mimeType)} is not taken, only ${taken}`);
    }
    const file = part.fileData;
    if (isFields(file) && !READABLE_URI.test(shown(file.fileUri)))
      refuse(`${at}.fileData.fileUri`, 'files are not stored; send inlineData, or a URL');
  });
}

function checkTools(body: Fields): void {
  if (isFields(body.tools)) body.tools = [body.tools];
  listOf(body.tools).forEach((tool, index) => {
    for (const kind of Object.keys(tool)) {
      if (kind !== 'functionDeclarations') {
        refuse(`tools.${index}.${kind}`, 'the provider would run it; use functionDeclarations');
      }
    }
  });
}

function checkConfig(config: unknown): string[] {
  if (!isFields(config)) return [];
  const { responseModalities: modalities, speechConfig, imageConfig } = config;
  if (Array.isArray(modalities) && modalities.some((one) => !/^text$/i.test(shown(one)))) {
    refuse('generationConfig.responseModalities', 'only ["TEXT"] is');
  }
  if (speechConfig) refuse('generationConfig.speechConfig', 'speech has a price of its own');
  if (imageConfig) refuse('generationConfig.imageConfig', 'use POST /v1/images/generations');
  for (const name of ['responseModalities', 'speechConfig', 'imageConfig']) delete config[name];
  return take(config, IGNORED_CONFIG).map((name) => `generationConfig.${name}`);
}
