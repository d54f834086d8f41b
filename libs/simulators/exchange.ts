import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '#libs/service/runtime.ts';
import { composeAnswer, type Writer } from './answer.ts';
import { type Call, type Dialect, Refusal, type Target } from './dialect.ts';
import { type Attempts, type Directives, findDirectives, type UsageMode } from './faults.ts';
import type { Gates } from './gates.ts';
import { type Progress, sendAnswer, sendJson, sendStream } from './send.ts';
import { noUsage, type PromptMemory, type Usage } from './usage.ts';
import type { RecordingWitness } from './witness.ts';

/** What all calls to one simulator share. */
export interface SimulatorState {
  readonly clock: Clock;
  readonly newId: () => string;
  readonly witness: RecordingWitness;
  readonly attempts: Attempts;
  readonly gates: Gates;
  readonly memory: PromptMemory;
  readonly writer: Writer;
  /** Between two frames of a stream, unless the request says otherwise. */
  readonly chunkDelayMs: number;
}

/** One request in progress, and what the witness records about it. */
interface Exchange {
  readonly state: SimulatorState;
  readonly dialect: Dialect;
  readonly target: Target;
  readonly body: Buffer;
  readonly response: ServerResponse;
  readonly id: string;
  readonly requestId: string;
  readonly startedAt: Date;
  readonly progress: Progress;
  model: string;
  usage: Usage;
  streams: boolean;
  reportsUsage: boolean;
  usageMode: UsageMode | null;
}

/** Serves one provider call whose body has been read. Never throws for what the client sent. */
export function serveCall(
  state: SimulatorState,
  dialect: Dialect,
  target: Target,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
): void {
  const unique = state.newId();
  const exchange: Exchange = {
    state,
    dialect,
    target,
    body,
    response,
    id: `${dialect.idPrefix}${unique}`,
    requestId: `req_${unique}`,
    startedAt: state.clock.now(),
    progress: { streamedTokens: 0, interrupted: false },
    model: target.model,
    usage: noUsage(),
    streams: false,
    reportsUsage: true,
    usageMode: null,
  };
  state.witness.arrive();
  response.on('close', () => testify(exchange, request));
  guard(exchange, () => admit(exchange));
}

/** Turns every error into the vendor's error response, so that a bad request cannot end the process. */
function guard(exchange: Exchange, work: () => void): void {
  try {
    work();
  } catch (error) {
    refuse(exchange, error instanceof Refusal ? error : new Refusal(500, `The simulator failed: ${error}`));
  }
}

function admit(exchange: Exchange): void {
  const { dialect, target, response } = exchange;
  checkKey(dialect.credential(target));
  const body = dialect.parse ? dialect.parse(exchange.body, target) : parseJson(exchange.body);
  const call = dialect.read(body, target);
  const directives = directivesOf(target, call);
  exchange.model = call.model.split('#', 1)[0] ?? call.model;
  exchange.streams = call.stream;
  exchange.usageMode = directives.usage ?? null;
  if (directives.hang) return;
  const proceed = () => guard(exchange, () => respond(exchange, call, directives));
  if (directives.until !== undefined && !passesGate(exchange, directives.until, directives.pass)) {
    response.on('close', exchange.state.gates.wait(directives.until, proceed));
  } else if (directives.slowMs) {
    const timer = setTimeout(proceed, directives.slowMs);
    response.on('close', () => clearTimeout(timer));
  } else proceed();
}

function passesGate({ state }: Exchange, gate: string, pass = 0): boolean {
  return pass > 0 && state.attempts.count(`gate ${gate}`) <= pass;
}

function respond(exchange: Exchange, call: Call, directives: Directives): void {
  const { state, dialect, response, progress } = exchange;
  failAsDirected(exchange, directives);
  const composed = composeAnswer(call, directives, {
    id: exchange.id,
    model: exchange.model,
    createdAtSeconds: Math.floor(exchange.startedAt.getTime() / 1000),
    writer: state.writer,
    memory: state.memory,
  });
  exchange.usage = composed.usage;
  exchange.reportsUsage = composed.reportsUsage && directives.usage !== 'zero';
  const answer = directives.usage === 'zero' ? { ...composed, usage: noUsage() } : composed;
  const headers = [dialect.requestIdHeader, exchange.requestId];
  if (call.stream) {
    const paced = { ...directives, chunkDelayMs: directives.chunkDelayMs ?? state.chunkDelayMs };
    sendStream(response, dialect.writeFrames(answer), headers, paced, progress);
  } else {
    sendAnswer(response, dialect.writeAnswer(answer), headers, directives, progress);
  }
}

function checkKey(key: string | undefined): void {
  if (key === undefined) throw new Refusal(401, "You didn't provide an API key.");
  if (key === 'sk-invalid') throw new Refusal(401, 'Incorrect API key provided: sk-invalid.');
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new Refusal(400, 'We could not parse the JSON body of your request.');
  }
}

function directivesOf(target: Target, call: Call): Directives {
  const header = target.headers['x-simulate'];
  const directives = findDirectives({
    header: typeof header === 'string' ? header : undefined,
    model: call.model,
    endUser: call.endUser,
    message: call.prompt.user,
  });
  if ('unknown' in directives)
    throw new Refusal(400, `Unknown directive for the simulator: ${directives.unknown}`);
  return directives;
}

function failAsDirected({ state, body }: Exchange, directives: Directives): void {
  const { status, failures, pass = 0, id, retryAfterMs } = directives;
  if (status !== undefined) throw simulatedFailure(status, retryAfterMs);
  if (failures === undefined) return;
  const attempt = state.attempts.count(id ?? hash('sha1', body)) - pass;
  if (attempt > 0 && attempt <= failures.count) throw simulatedFailure(failures.status, retryAfterMs);
}

const failureMessages: Readonly<Record<number, string>> = {
  400: 'The request was not understood.',
  401: 'Incorrect API key provided.',
  403: 'Your key may not use this model.',
  404: 'The model does not exist or you do not have access to it.',
  429: 'Rate limit reached. Please try again later.',
  500: 'The server had an error while processing your request.',
  503: 'The engine is currently overloaded, please try again later.',
  529: 'Overloaded',
};

function simulatedFailure(status: number, retryAfterMs: number | undefined): Refusal {
  const waits = retryAfterMs ?? (status === 429 ? 1000 : undefined);
  const message = failureMessages[status] ?? 'The request failed.';
  return new Refusal(status, message, waits === undefined ? {} : { retryAfterMs: waits });
}

function refuse({ dialect, response, requestId }: Exchange, refusal: Refusal): void {
  const headers = [dialect.requestIdHeader, requestId];
  if (refusal.retryAfterMs !== undefined) {
    headers.push('retry-after', String(Math.ceil(refusal.retryAfterMs / 1000)));
    // `retry-after` is in whole seconds
    if (refusal.retryAfterMs % 1000 !== 0) headers.push('retry-after-ms', String(refusal.retryAfterMs));
  }
  sendJson(
    response,
    dialect.statusOf?.(refusal) ?? refusal.status,
    dialect.writeRefusal(refusal, requestId),
    headers,
  );
}

/** Records the call with the witness when its connection has ended. */
function testify(exchange: Exchange, request: IncomingMessage): void {
  const { state, dialect, response, progress, startedAt, id, model } = exchange;
  const correlation = request.headers['x-inkmeter-call'];
  const complete = response.writableFinished && !progress.interrupted;
  const broken = exchange.streams && !complete;
  state.witness.record({
    id,
    provider: dialect.provider,
    model,
    correlation: typeof correlation === 'string' ? correlation : null,
    usage: broken ? { ...exchange.usage, output: progress.streamedTokens } : exchange.usage,
    reportsUsage: exchange.reportsUsage,
    usageMode: exchange.usageMode,
    complete,
    status: response.headersSent ? response.statusCode : 0,
    startedAt,
    endedAt: state.clock.now(),
  });
}
