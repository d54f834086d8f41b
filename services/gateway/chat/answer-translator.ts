/** Reads the answers of generation, which are in OpenAI's format, for the routes that have a format of their own. */
import type { ChatCompletion, ChatCompletionChunk } from '#libs/contracts/chat-answers.ts';
import { createSseParser } from '#libs/http/sse-parser.ts';
import type { OpenAiErrorDocument } from '#libs/problems/problems.ts';
import type { ResponseTranslator, TranslateResponse } from '../metering/domain/response-translator.ts';
import type { AnswerWriter, StreamWriter } from './domain/answer-writer.ts';

const DONE = '[DONE]';

export function translateAnswers(writer: AnswerWriter): TranslateResponse {
  return ({ status, contentType }) =>
    contentType.startsWith('text/event-stream')
      ? streamTranslator(writer.stream())
      : documentTranslator(status < 300 ? writer.whole : writer.error);
}

/** Comments are passed on: they keep connections alive, and one contains the cost. */
function streamTranslator(writer: StreamWriter): ResponseTranslator {
  let isDone = false;
  let written = '';
  const parser = createSseParser(
    ({ data }) => {
      if (data === DONE) {
        isDone = true;
        return;
      }
      const chunk = parse(data) as (ChatCompletionChunk & Partial<OpenAiErrorDocument>) | undefined;
      if (chunk === undefined) return;
      written += chunk.error ? writer.error({ error: chunk.error }) : writer.chunk(chunk);
    },
    { onComment: (comment) => (written += `: ${comment.trim()}\n\n`) },
  );
  return {
    push(bytes) {
      written = '';
      parser.push(bytes);
      return written;
    },
    end: () => (isDone ? writer.end() : ''),
  };
}

function documentTranslator(
  write: (document: ChatCompletion & OpenAiErrorDocument) => object | Promise<object>,
): ResponseTranslator {
  const chunks: Buffer[] = [];
  return {
    push(bytes) {
      chunks.push(Buffer.from(bytes));
      return '';
    },
    async end() {
      const text = Buffer.concat(chunks).toString('utf8');
      const document = parse(text);
      if (document === undefined) return text;
      return JSON.stringify(await write(document as ChatCompletion & OpenAiErrorDocument));
    },
  };
}

function parse(text: string): object | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
