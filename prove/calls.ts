/** A client of the gateway that records every outcome, broken connections included. */
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { OUTPUT_TOKENS, PROMPT_BYTES, PROMPT_TOKENS, PROOF_MODEL } from './installation.ts';

export type Outcome = {
  /** The id of the response and its hold; null without a response. */
  requestId: string | null;
  /** 0 if the connection broke before the response began. */
  status: number;
  /** The problem code of a refusal or failure. */
  code: string | null;
  /** Whether a successful response arrived completely: its JSON, or a stream to its last event. */
  isComplete: boolean;
  costUsd: string | null;
  wasReplayed: boolean;
  body: string;
};

export type CallOptions = {
  /** API key or access token. */
  token: string;
  idempotencyKey?: string;
  /** Closes the connection when it aborts, as an impatient client does. */
  signal?: AbortSignal;
  /** Runs when the response begins. */
  onResponse?: () => void;
};

export type ChatOptions = CallOptions & {
  stream?: boolean;
  /** Instructions for the simulator; by default it uses the whole worst case at once. */
  simulate?: string;
  model?: string;
  maxTokens?: number;
  /** The other fields of the request; by default one message of {@link PROMPT_BYTES}. */
  body?: Record<string, unknown>;
};

/** A gateway, called over one connection per call. */
export type GatewayClient = {
  chat: (options: ChatOptions) => Promise<Outcome>;
  /** `POST /api/generate`, with a JSON response: several provider calls under one hold. */
  generate: (options: CallOptions & { topic: string; model: string }) => Promise<Outcome>;
  /** Any other JSON call, retried while the service is unavailable. @throws Error for any other failure. */
  send: <Answer>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    token: string | null,
    body?: unknown,
  ) => Promise<Answer>;
  close: () => Promise<void>;
};

/** Calls use everything held for them: the output cap and the largest prompt. */
export const USE_ALL = `fill,fill_input=${PROMPT_TOKENS}`;

/** A prompt of {@link PROMPT_BYTES} bytes with instructions for the simulator. */
const promptOf = (simulate: string) =>
  `[[simulate: ${simulate}]] ${'Write about the sea. '.repeat(PROMPT_BYTES)}`.slice(0, PROMPT_BYTES);

const ANSWER_TIMEOUT_MS = 120_000;
/** Refusals of a busy machine, which are no part of the proof. */
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
          // Every request must reach a provider.
          'cache-control': 'no-store',
          ...(options.accept ? { accept: options.accept } : {}),
          ...(options.idempotencyKey ? { 'idempotency-key': options.idempotencyKey } : {}),
        },
        body: JSON.stringify(body),
        ...(options.signal ? { signal: options.signal } : {}),
      });
      outcome.status = answer.statusCode;
      options.onResponse?.();
      outcome.requestId = textOf(answer.headers['x-request-id']);
      outcome.costUsd = textOf(answer.headers['x-inkmeter-cost-usd']);
      outcome.wasReplayed = answer.headers['idempotent-replayed'] === 'true';
      const isStream = String(answer.headers['content-type']).startsWith('text/event-stream');
      for await (const chunk of answer.body.setEncoding('utf8')) outcome.body += chunk;
      outcome.isComplete = answer.statusCode === 200 && (!isStream || hasStreamEnded(outcome.body));
      if (answer.statusCode !== 200) outcome.code = codeOf(outcome.body);
    } catch {
      // The outcome keeps the part that arrived before the connection broke.
    }
    return outcome;
  }

  return {
    chat: ({
      stream = false,
      simulate = USE_ALL,
      model = PROOF_MODEL,
      maxTokens = OUTPUT_TOKENS,
      body = { messages: [{ role: 'user', content: promptOf(simulate) }] },
      ...options
    }) =>
      call(
        '/v1/chat/completions',
        {
          model,
          stream,
          ...(stream ? { stream_options: { include_usage: true } } : {}),
          max_completion_tokens: maxTokens,
          ...body,
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

/** How long a client repeats a request on a busy machine. */
const DECISION_TIMEOUT_MS = 120_000;

/**
 * Repeats a request until `isDecided`; by default, while the answer is 503, as its `Retry-After` asks. Nothing is held for
 * such an answer, and how many there are depends on the machine.
 * @returns the last outcome.
 */
export async function chatUntil(
  client: GatewayClient,
  options: ChatOptions,
  isDecided: (outcome: Outcome) => boolean = ({ status }) => status !== 503,
): Promise<Outcome> {
  const deadline = AbortSignal.timeout(DECISION_TIMEOUT_MS);
  for (;;) {
    const outcome = await client.chat(options);
    if (isDecided(outcome) || deadline.aborted) return outcome;
    await delay(RETRY_MS);
  }
}

const textOf = (value: string | string[] | undefined) => (typeof value === 'string' ? value : null);
const hasStreamEnded = (body: string) => body.trimEnd().endsWith('data: [DONE]');

/** The stable problem code, in a problem or in OpenAI's error format. */
function codeOf(body: string): string | null {
  try {
    const { code, error } = JSON.parse(body);
    return code ?? error?.problem_code ?? error?.code ?? null;
  } catch {
    return null;
  }
}
