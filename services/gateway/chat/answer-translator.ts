/** Reads the answers of generation, which are in OpenAI's format, for the routes that have a format of their own. */
import type { ChatCompletion, ChatCompletionChunk } from '#libs/contracts/chat-answers.ts';
import { createSseParser } from '#libs/http/sse-parser.ts';
import type { OpenAiErrorDocument } from '#libs/problems/problems.ts';
import { documentTranslator, parseObject } from '../metering/domain/document-translator.ts';
import type { ResponseTranslator, TranslateResponse } from '../metering/domain/response-translator.ts';
import type { AnswerWriter, StreamWriter } from './domain/answer-writer.ts';

const DONE = '[DONE]';

export function translateAnswers(writer: AnswerWriter): TranslateResponse {
  return ({ status, contentType }) =>
    contentType.startsWith('text/event-stream')
      ? streamTranslator(writer.stream(), writer.streamType)
      : documentTranslator((document) =>
          status < 300
            ? writer.whole(document as ChatCompletion)
            : writer.error(document as OpenAiErrorDocument),
        );
}

/** Comments keep connections alive, and one contains the cost. */
function streamTranslator(writer: StreamWriter, contentType?: string): ResponseTranslator {
  const writeComment = writer.comment ?? ((text: string) => `: ${text}\n\n`);
  let isDone = false;
  let written = '';
  const parser = createSseParser(
    ({ data }) => {
      if (data === DONE) {
        isDone = true;
        return;
      }
      const chunk = parseObject(data) as (ChatCompletionChunk & Partial<OpenAiErrorDocument>) | undefined;
      if (chunk === undefined) return;
      written += chunk.error ? writer.error({ error: chunk.error }) : writer.chunk(chunk);
    },
    { onComment: (comment) => (written += writeComment(comment.trim())) },
  );
  return {
    ...(contentType !== undefined && { contentType }),
    push(bytes) {
      written = '';
      parser.push(bytes);
      return written;
    },
    end: () => (isDone ? writer.end() : ''),
  };
}
