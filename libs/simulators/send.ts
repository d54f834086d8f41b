import type { ServerResponse } from 'node:http';
import type { Frame } from './dialect.ts';
import type { Directives } from './faults.ts';

/** How much of an answer was sent. The witness reads it when the connection has ended. */
export interface Progress {
  /** Visible output tokens of the frames handed to the socket. */
  streamedTokens: number;
  /** The answer was interrupted by a directive. */
  interrupted: boolean;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: string,
  headers: readonly string[] = [],
): void {
  response.writeHead(status, [
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(body)),
    ...headers,
  ]);
  response.end(body);
}

/** Sends a whole answer, or breaks it as directed: half a body, or a body that is no JSON. */
export function sendAnswer(
  response: ServerResponse,
  body: string,
  headers: readonly string[],
  { malformed, cutAfter }: Directives,
  progress: Progress,
): void {
  if (cutAfter !== undefined) {
    progress.interrupted = true;
    const length = String(Buffer.byteLength(body));
    response.writeHead(200, ['content-type', 'application/json', 'content-length', length, ...headers]);
    response.write(body.slice(0, body.length / 2), () => response.destroy());
    return;
  }
  sendJson(response, 200, malformed ? body.slice(0, -2) : body, headers);
}

/** How long after the content `usage=late` sends the usage. */
const LATE_USAGE_MS = 1_000;

/** Sends a stream of events, or breaks it as directed: after some events, or with one that is no JSON. */
export function sendStream(
  response: ServerResponse,
  frames: readonly Frame[],
  headers: readonly string[],
  directives: Directives,
  progress: Progress,
): void {
  response.writeHead(200, ['content-type', 'text/event-stream', 'cache-control', 'no-cache', ...headers]);
  const { sent, end } = plan(response, frames, directives, progress);
  if (directives.chunkDelayMs || directives.usage === 'late') {
    sendSlowly(response, sent, directives, end, progress);
    return;
  }
  let text = '';
  for (const frame of sent) text += frame.text;
  progress.streamedTokens = sent.at(-1)?.outputTokens ?? 0;
  end(text);
}

/** Which frames are sent, and what is done with the last text of the stream. */
function plan(
  response: ServerResponse,
  frames: readonly Frame[],
  { malformed, cutAfter }: Directives,
  progress: Progress,
): { sent: readonly Frame[]; end: (text: string) => void } {
  if (cutAfter !== undefined) {
    progress.interrupted = true;
    // without any frame, the headers must still be sent before the connection breaks
    const end = (text: string) => response.write(text || ':\n\n', () => response.destroy());
    return { sent: frames.slice(0, cutAfter), end };
  }
  if (malformed) {
    progress.interrupted = true;
    const sent = frames.slice(0, Math.ceil(frames.length / 2));
    const broken = (sent.at(-1)?.text ?? '').replace(/\}\s*$/, '\n\n');
    return { sent, end: (text) => response.end(text + broken) };
  }
  return { sent: frames, end: (text) => response.end(text) };
}

function sendSlowly(
  response: ServerResponse,
  frames: readonly Frame[],
  { chunkDelayMs = 0, usage }: Directives,
  end: (text: string) => void,
  progress: Progress,
): void {
  let index = 0;
  let timer: NodeJS.Timeout | undefined;
  const step = () => {
    const frame = frames[index];
    if (!frame) return end('');
    index += 1;
    progress.streamedTokens = frame.outputTokens;
    response.write(frame.text);
    const isLate = usage === 'late' && frames[index]?.isUsage === true;
    timer = setTimeout(step, isLate ? LATE_USAGE_MS : chunkDelayMs);
  };
  response.on('close', () => clearTimeout(timer));
  step();
}
