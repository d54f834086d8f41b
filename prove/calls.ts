/** How the proof calls a gateway: as a client would, noting what it got and what it did not get. */
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { OUTPUT_TOKENS, PROMPT_TOKENS, PROOF_MODEL } from './installation.ts';

export type Outcome = {
  /** Of the answer, and so of its hold; null when none came. */
  requestId: string | null;
  /** 0 when the connection broke before an answer began. */
  status: number;
  /** Of a refusal or failure. */
  code: string | null;
  /** The whole of a good answer arrived: its JSON, or a stream to its last event. */
  isComplete: boolean;
  costUsd: string | null;
  wasReplayed: boolean;
  body: string;
};

export type CallOptions = {
  /** API key or access token. */
  token: string;
  idempotencyKey?: string;
  /** Ends the connection when this fires, as a client does that has waited enough. */
  signal?: AbortSignal;
};

export type ChatOptions = CallOptions & {
  stream?: boolean;
  /** What the simulator shall do; by default it uses the whole worst case at once. */
  simulate?: string;
  model?: string;
  maxTokens?: number;
};

/** A gateway as clients see it, over as many connections as there are calls. */
export type GatewayClient = {
  chat: (options: ChatOptions) => Promise<Outcome>;
  /** `POST /api/generate`, answered as JSON: several provider calls under one hold. */
  generate: (options: CallOptions & { topic: string; model: string }) => Promise<Outcome>;
  /** Any other JSON call, repeated while the service is not available. @throws Error for any other failure. */
  send: <Answer>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    token: string | null,
    body?: unknown,
  ) => Promise<Answer>;
  close: () => Promise<void>;
};

/** Calls use all that is held for them: the output cap and the largest prompt. */
export const USE_ALL = `fill,fill_input=${PROMPT_TOKENS}`;

/** Long enough that no count of its tokens is below the proof model's context window. */
const TOPIC = Array.from({ length: 60 }, (_, index) => `word${index}`).join(' ');

const ANSWER_TIMEOUT_MS = 120_000;
/** A busy machine may turn requests away for a while; these are not what is proved. */
const MAX_ATTEMPTS = 40;
const RETRY_MS = 500;

export function createGatewayClient(url: string): GatewayClient {
  const pool = new Pool(url, {
    pipelining: 1,
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
  });

  async function call(
    path: string,
    body: object,
    options: CallOptions & { accept?: string },
  ): Promise<Outcome> {
    const outcome: Outcome = {
      requestId: null,
      status: 0,
      code: null,
      isComplete: false,
      costUsd: null,
      wasReplayed: false,
      body: '',
    };
    try {
      const answer = await pool.request({
        method: 'POST',
        path,
        headers: {
          authorization: `Bearer ${options.token}`,
          'content-type': 'application/json',
          ...(options.accept ? { accept: options.accept } : {}),
          ...(options.idempotencyKey ? { 'idempotency-key': options.idempotencyKey } : {}),
        },
        body: JSON.stringify(body),
        ...(options.signal ? { signal: options.signal } : {}),
      });
      outcome.status = answer.statusCode;
      outcome.requestId = textOf(answer.headers['x-request-id']);
      outcome.costUsd = textOf(answer.headers['x-inkmeter-cost-usd']);
      outcome.wasReplayed = answer.headers['idempotent-replayed'] === 'true';
      const isStream = String(answer.headers['content-type']).startsWith('text/event-stream');
      for await (const chunk of answer.body.setEncoding('utf8')) outcome.body += chunk;
      outcome.isComplete = answer.statusCode === 200 && (!isStream || hasStreamEnded(outcome.body));
      if (answer.statusCode !== 200) outcome.code = codeOf(outcome.body);
    } catch {
      // What arrived before the connection broke stays in the outcome.
    }
    return outcome;
  }

  return {
    chat: ({
      stream = false,
      simulate = USE_ALL,
      model = PROOF_MODEL,
      maxTokens = OUTPUT_TOKENS,
      ...options
    }) =>
      call(
        '/v1/chat/completions',
        {
          model,
          stream,
          ...(stream ? { stream_options: { include_usage: true } } : {}),
          max_completion_tokens: maxTokens,
          messages: [{ role: 'user', content: `${TOPIC} [[simulate: ${simulate}]]` }],
        },
        options,
      ),
    generate: ({ topic, model, ...options }) =>
      call(
        '/api/generate',
        { topic, model, content_types: ['blog'] },
        { ...options, accept: 'application/json' },
      ),
    async send(method, path, token, body) {
      for (let attempt = 1; ; attempt += 1) {
        const answer = await pool.request({
          method,
          path,
          headers: {
            ...(token === null ? {} : { authorization: `Bearer ${token}` }),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          body: body === undefined ? null : JSON.stringify(body),
        });
        const text = await answer.body.text();
        if (answer.statusCode < 300) return text === '' ? undefined : JSON.parse(text);
        if (answer.statusCode !== 503 || attempt === MAX_ATTEMPTS) {
          throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`);
        }
        await delay(RETRY_MS);
      }
    },
    close: () => pool.destroy(),
  };
}

const textOf = (value: string | string[] | undefined) => (typeof value === 'string' ? value : null);
const hasStreamEnded = (body: string) => body.trimEnd().endsWith('data: [DONE]');

/** The product's stable code, in a problem or in OpenAI's shape of error. */
function codeOf(body: string): string | null {
  try {
    const { code, error } = JSON.parse(body);
    return code ?? error?.problem_code ?? error?.code ?? null;
  } catch {
    return null;
  }
}
