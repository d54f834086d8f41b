/** Turns of Gemini as messages. Function calls get ids, by which chats relate results to them. */
import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { GeminiContent, GeminiPart } from '#libs/contracts/gemini.ts';
import type { MediaPart } from '#libs/pipelines/prompt-parts.ts';
import { problem } from '#libs/problems/problems.ts';
import { named } from '../chat/domain/part-names.ts';

type UserPart = { type: 'text'; text: string } | MediaPart;
type OpenCall = { id: string; name: string };

export function toMessages(contents: readonly GeminiContent[]): ChatMessage[] {
  /** Calls without a result, in their order. */
  const open: OpenCall[] = [];
  return contents.flatMap((content, index) =>
    content.role === 'model' ? toAnswer(content, index, open) : toQuestion(content, index, open),
  );
}

function toAnswer({ parts }: GeminiContent, index: number, open: OpenCall[]): ChatMessage[] {
  const text = parts.flatMap(({ text = '', thought }) => (thought ? [] : [text])).join('');
  const calls = parts.flatMap(({ functionCall: called, thoughtSignature: signature }, position) => {
    if (called === undefined) return [];
    const id = called.id ?? `call_${index}_${position}`;
    open.push({ id, name: called.name });
    const { name, args = {} } = called;
    return [
      {
        id,
        type: 'function' as const,
        function: { name, arguments: JSON.stringify(args) },
        ...(signature && { extra_content: { google: { thought_signature: signature } } }),
      },
    ];
  });
  if (text === '' && calls.length === 0) return [];
  return [
    {
      role: 'assistant',
      content: text === '' ? null : text,
      ...(calls.length > 0 && { tool_calls: calls }),
    },
  ];
}

/** The results of functions, then what the user says. */
function toQuestion({ parts }: GeminiContent, index: number, open: OpenCall[]): ChatMessage[] {
  const results = parts.flatMap((part, position) =>
    toResult(part, `contents.${index}.parts.${position}`, open),
  );
  const said = parts.flatMap((part, position) => toParts(part, `contents.${index}.parts.${position}`));
  const [first] = said;
  if (first === undefined) return results;
  const content = said.length === 1 && first.type === 'text' ? first.text : said;
  return [...results, { role: 'user', content }];
}

function toResult({ functionResponse: result }: GeminiPart, path: string, open: OpenCall[]): ChatMessage[] {
  if (result === undefined) return [];
  const position = open.findIndex(({ id, name }) => (result.id ? id === result.id : name === result.name));
  const [call] = position === -1 ? [] : open.splice(position, 1);
  if (call === undefined) {
    const param = `${path}.functionResponse`;
    throw problem('invalid_request', {
      detail: `${param} does not match a functionCall of an earlier content.`,
      fields: { param },
    });
  }
  return [{ role: 'tool', tool_call_id: call.id, content: JSON.stringify(result.response ?? {}) }];
}

function toParts({ text, inlineData, fileData }: GeminiPart, path: string): UserPart[] {
  if (text) return [{ type: 'text', text }];
  if (inlineData) return [toData(inlineData, `${path}.inlineData`)];
  if (fileData === undefined) return [];
  return [toLink(fileData, `${path}.fileData`)];
}

function toLink({ mimeType, fileUri: url }: NonNullable<GeminiPart['fileData']>, path: string): MediaPart {
  return mimeType?.startsWith('image/')
    ? named({ type: 'image_url', image_url: { url } }, path)
    : named({ type: 'file', file: { file_data: url, filename: 'document.pdf' } }, path);
}

function toData({ mimeType, data }: NonNullable<GeminiPart['inlineData']>, path: string): UserPart {
  if (mimeType.startsWith('text/')) {
    return { type: 'text', text: Buffer.from(data, 'base64').toString('utf8') };
  }
  if (mimeType.startsWith('audio/')) {
    const format = mimeType.endsWith('wav') ? 'wav' : 'mp3';
    return named({ type: 'input_audio', input_audio: { data, format } }, path);
  }
  const url = `data:${mimeType};base64,${data}`;
  if (mimeType === 'application/pdf') {
    return named({ type: 'file', file: { file_data: url, filename: 'document.pdf' } }, path);
  }
  return named({ type: 'image_url', image_url: { url } }, path);
}
