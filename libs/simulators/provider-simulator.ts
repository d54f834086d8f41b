import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemRuntime } from '#libs/service/runtime.ts';
import { fixedWriter, readableWriter } from './answer.ts';
import { anthropicDialect } from './anthropic.ts';
import { serveSpeech, transcriptionsDialect } from './audio.ts';
import { type Dialect, Refusal, type Target } from './dialect.ts';
import { embeddingsDialect, geminiEmbeddingsDialect } from './embeddings.ts';
import { type SimulatorState, serveCall } from './exchange.ts';
import { createAttempts } from './faults.ts';
import { createGates } from './gates.ts';
import { geminiDialect } from './gemini.ts';
import { createHubspotSimulator, HUBSPOT_PATH } from './hubspot.ts';
import { imageEditsDialect, imagesDialect } from './images.ts';
import { createMailbox, MAILBOX_PATH } from './mailbox.ts';
import { moderationsDialect } from './moderations.ts';
import { createNotionSimulator, NOTION_PATH } from './notion.ts';
import { listModels, openAiDialect } from './openai.ts';
import { searchDialect } from './search.ts';
import { sendJson } from './send.ts';
import { createSocialSimulator, SOCIAL_PATH, type SocialSimulator } from './social.ts';
import { stabilityDialect } from './stability.ts';
import { createPromptMemory } from './usage.ts';
import type { VendorSimulator } from './vendor-api.ts';
import { createWitness, type Witness } from './witness.ts';
import { answerWitness } from './witness-routes.ts';

export interface ProviderSimulatorOptions {
  /** 0 lets the system choose. */
  readonly port?: number;
  readonly host?: string;
  readonly clock?: Clock;
  /** Answers every prompt with the same short text, at next to no cost; usage stays exact. */
  readonly fast?: boolean;
  /** Time between two events of a stream, so that a demo can be watched. */
  readonly chunkDelayMs?: number;
}

export interface ProviderSimulator {
  /** Base URLs for the SDKs are `${url}/openai/v1`, `${url}/anthropic`, `${url}/gemini` and so on. */
  readonly url: string;
  readonly port: number;
  readonly witness: Witness;
  /** Breaks open connections off and stops listening. */
  close(): Promise<void>;
}

const SPEECH_PATH = '/openai/v1/audio/speech';

const compatibleProviders = ['openai', 'xai', 'mistral', 'ollama'] as const;

/** Anthropic's limit for a request: https://docs.anthropic.com/en/api/errors#request-size-limits */
const largestBodyBytes = 32 * 1024 * 1024;

/**
 * Starts an HTTP server that speaks the wire formats of all providers.
 * @throws Error with the system's code, such as EADDRINUSE
 */
export async function startProviderSimulator(
  options: ProviderSimulatorOptions = {},
): Promise<ProviderSimulator> {
  const {
    port = 0,
    host = '127.0.0.1',
    clock = systemRuntime.clock,
    fast = false,
    chunkDelayMs = 0,
  } = options;
  const witness = createWitness();
  let served = 0;
  let series = '';
  const state: SimulatorState = {
    clock,
    newId: () => `${series}${(served++).toString(36).padStart(7, '0')}`,
    witness,
    attempts: createAttempts(),
    gates: createGates(),
    memory: createPromptMemory(),
    writer: fast ? fixedWriter : readableWriter,
    chunkDelayMs,
  };

  const social = createSocialSimulator(state.attempts);
  const mailbox = createMailbox(clock.now);
  const vendors: readonly (readonly [path: string, simulator: VendorSimulator])[] = [
    [NOTION_PATH, createNotionSimulator(state.attempts)],
    [HUBSPOT_PATH, createHubspotSimulator()],
  ];
  const clearOthers = () => {
    social.clear();
    for (const [, vendor] of vendors) vendor.clear();
  };

  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
    const vendor = vendors.find(([path]) => request.url?.startsWith(`${path}/`));
    if (request.url?.startsWith(MAILBOX_PATH)) mailbox(request, response);
    else if (vendor !== undefined) serveVendor(...vendor, request, response);
    else if (request.url?.startsWith(SOCIAL_PATH)) serveSocial(social, request, response);
    else if (request.url === SPEECH_PATH) readBody(request, (body) => serveSpeech(request, response, body));
    else route(state, clearOthers, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, 1024, resolve);
  });
  const address = server.address() as AddressInfo;
  // two simulators on one machine, or two runs of one, never give the same id
  series = `${clock.now().getTime().toString(36)}${address.port.toString(36).padStart(4, '0')}`;

  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    witness,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

interface Destination {
  readonly dialect: Dialect;
  readonly model?: string;
  readonly stream?: boolean;
}

const destinations: ReadonlyMap<string, Destination> = new Map([
  ...compatibleProviders.map(
    (provider) => [`/${provider}/v1/chat/completions`, { dialect: openAiDialect(provider) }] as const,
  ),
  ...(['openai', 'mistral', 'ollama'] as const).map(
    (provider) => [`/${provider}/v1/embeddings`, { dialect: embeddingsDialect(provider) }] as const,
  ),
  ['/openai/v1/moderations', { dialect: moderationsDialect }],
  ['/openai/v1/audio/transcriptions', { dialect: transcriptionsDialect }],
  ['/openai/v1/images/generations', { dialect: imagesDialect('openai') }],
  ['/openai/v1/images/edits', { dialect: imageEditsDialect }],
  ['/xai/v1/images/generations', { dialect: imagesDialect('xai') }],
  ['/anthropic/v1/messages', { dialect: anthropicDialect }],
  ['/stability/v2beta/stable-image/generate/core', { dialect: stabilityDialect }],
  ...(['tavily', 'serper', 'exa'] as const).map(
    (provider) => [`/${provider}/search`, { dialect: searchDialect(provider) }] as const,
  ),
  ['/firecrawl/v2/search', { dialect: searchDialect('firecrawl') }],
]);

const geminiPath =
  /^\/gemini\/v1(?:beta)?\/models\/([^/:]+):(generateContent|streamGenerateContent|batchEmbedContents)$/;

function destinationOf(path: string): Destination | undefined {
  const known = destinations.get(path);
  if (known) return known;
  const [, model, method] = geminiPath.exec(path) ?? [];
  if (model === undefined) return undefined;
  return {
    dialect: method === 'batchEmbedContents' ? geminiEmbeddingsDialect : geminiDialect,
    model: decoded(model),
    stream: method === 'streamGenerateContent',
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function serveSocial(social: SocialSimulator, request: IncomingMessage, response: ServerResponse): void {
  readBody(request, (body) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const key = request.headers['idempotency-key'];
    const answer =
      body === undefined
        ? { status: 413, body: { error: { code: 'too_large', message: 'The body is too large.' } } }
        : social.answer(request.method, path, typeof key === 'string' ? key : undefined, body.toString());
    if (answer.body === undefined) response.writeHead(answer.status).end();
    else sendJson(response, answer.status, JSON.stringify(answer.body));
  });
}

function serveVendor(
  basePath: string,
  vendor: VendorSimulator,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  readBody(request, (body = Buffer.alloc(0)) => {
    const { method = '', url = '', headers } = request;
    const path = url.slice(basePath.length);
    const answer = vendor.answer({ method, path, headers, body: body.toString() });
    sendJson(response, answer.status, JSON.stringify(answer.body), answer.headers);
  });
}

/** Hands the body over when it is complete; undefined where it is too large. */
function readBody(request: IncomingMessage, use: (body: Buffer | undefined) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= largestBodyBytes) chunks.push(chunk);
  });
  request.on('end', () => {
    const [only] = chunks;
    use(size > largestBodyBytes ? undefined : chunks.length === 1 && only ? only : Buffer.concat(chunks));
  });
}

function route(
  state: SimulatorState,
  clearOthers: () => void,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const destination = request.method === 'POST' ? destinationOf(path) : undefined;
  if (!destination) {
    const { status, body } = answerOther(state, clearOthers, request.method, path, query);
    request.resume();
    sendJson(response, status, JSON.stringify(body));
    return;
  }
  const { dialect, model = '', stream = false } = destination;
  const target: Target = { headers: request.headers, query, model, stream };
  readBody(request, (body) => {
    if (body === undefined) {
      const refusal = new Refusal(413, 'Request exceeds the maximum size');
      sendJson(response, 413, dialect.writeRefusal(refusal, ''));
      return;
    }
    serveCall(state, dialect, target, request, response, body);
  });
}

function answerOther(
  state: SimulatorState,
  clearOthers: () => void,
  method: string | undefined,
  path: string,
  query: string,
): { status: number; body: unknown } {
  const [, listed] = /^\/(\w+)\/v1\/models$/.exec(path) ?? [];
  const provider = compatibleProviders.find((name) => name === listed);
  if (method === 'GET' && provider) return { status: 200, body: listModels(provider) };
  if (method === 'GET' && path === '/anthropic/v1/models')
    return { status: 200, body: { data: [{ type: 'model', id: 'claude-sonnet-4-5' }], has_more: false } };
  if (method === 'GET' && path === '/gemini/v1beta/models')
    return { status: 200, body: { models: [{ name: 'models/gemini-2.5-pro' }] } };
  if (method === 'GET' && path === '/health') return { status: 200, body: { status: 'ok' } };
  if (method === 'POST' && path === '/witness/reset') {
    state.witness.reset();
    state.attempts.clear();
    state.gates.clear();
    state.memory.clear();
    clearOthers();
    return { status: 200, body: { reset: true } };
  }
  if (method === 'POST' && path === '/release') {
    state.gates.open(new URLSearchParams(query).get('name') ?? '');
    return { status: 200, body: { released: true } };
  }
  const unknown = { status: 404, body: { error: { message: `Unknown request URL: ${method} ${path}` } } };
  return answerWitness(method, path, new URLSearchParams(query), state.witness) ?? unknown;
}
