import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { CallTrace } from './domain/provider-adapter.ts';
import { ProviderError, tooLarge } from './domain/provider-error.ts';
import { parseJson } from './json.ts';
import { errorFromNetwork } from './network-errors.ts';
import { errorFromStatus } from './status-errors.ts';
import type { TimeLimit } from './time-limit.ts';

/** One POST to a provider. */
export type ProviderRequest = {
  origin: string;
  path: string;
  /** Names and values in turn. */
  headers: string[];
  body: string | Buffer | Readable;
  /** The header in which the provider returns its id of the call. */
  requestIdHeader: string;
};

/** Receives the bytes of a successful response. */
export type AnswerReader = {
  /** The status of a success has arrived. */
  readonly onHead?: (() => void) | undefined;
  /** A returned promise pauses the response until it resolves. */
  readonly onData: (chunk: Buffer) => Promise<void> | undefined;
  /** Whether the answer is complete, although the response may continue. */
  readonly isComplete?: () => boolean;
  /** A longer response is malformed. */
  readonly maxBytes: number;
};

const MAX_ERROR_BYTES = 65_536;
/** What a connection may still deliver after the answer is complete before it is closed. */
const MAX_REST_BYTES = 65_536;
const MAX_REST_MS = 1_000;
/** Ids of calls are stored. */
const REQUEST_ID = /^[\w.:=+/-]{1,200}$/;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Sends one POST through undici's dispatch API, without streams and with few promises, because every metered call uses
 * it. Resolves when the answer is complete. A failed response is read and thrown. However the call ends, its socket is
 * free or closed within a second.
 *
 * @param trace updated when the request is sent, and when the provider's id of the call is known.
 * @throws ProviderError
 */
export function exchange(
  dispatcher: Dispatcher,
  request: ProviderRequest,
  limit: TimeLimit,
  trace: CallTrace,
  reader: AnswerReader,
): Promise<void> {
  const { origin, path, headers, body } = request;
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(
      { origin, path, headers, body, method: 'POST', headersTimeout: 0, bodyTimeout: 0 },
      new ExchangeHandler(request.requestIdHeader, limit, trace, reader, resolve, reject),
    );
  });
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #requestIdHeader: string;
  readonly #limit: TimeLimit;
  readonly #trace: CallTrace;
  readonly #reader: AnswerReader;
  readonly #resolve: () => void;
  readonly #reject: (error: ProviderError) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: Headers = {};
  #errorBody: Buffer[] = [];
  #receivedBytes = 0;
  #restBytes = 0;
  #restTimer: NodeJS.Timeout | undefined;
  #isDone = false;

  constructor(
    requestIdHeader: string,
    limit: TimeLimit,
    trace: CallTrace,
    reader: AnswerReader,
    resolve: () => void,
    reject: (error: ProviderError) => void,
  ) {
    this.#requestIdHeader = requestIdHeader;
    this.#limit = limit;
    this.#trace = trace;
    this.#reader = reader;
    trace.isInFlight = false;
    this.#resolve = resolve;
    this.#reject = reject;
    limit.onEnd(() => this.#fail(limit.reason()));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // the call may have been cancelled while it waited for a connection
    if (this.#isDone) this.#close();
    else this.#trace.isInFlight = true;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    this.#status = status;
    this.#headers = headers;
    const id = this.#header(this.#requestIdHeader);
    if (id !== null && REQUEST_ID.test(id)) this.#trace.providerRequestId = id;
    if (this.#isOk && !this.#isDone) this.#reader.onHead?.();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isDone) this.#discard(chunk);
    else if (this.#isOk) this.#read(controller, chunk);
    else this.#readError(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#restTimer);
    if (this.#isDone) return;
    if (this.#isOk) this.#succeed();
    else this.#fail(this.#failedAnswer());
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#restTimer);
    if (this.#isDone) return;
    const failure = errorFromNetwork(error, this.#trace.isInFlight);
    if (failure.kind === 'connect') this.#trace.isInFlight = false;
    this.#fail(failure);
  }

  get #isOk(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  #header(name: string): string | null {
    const value = this.#headers[name];
    return typeof value === 'string' ? value : (value?.[0] ?? null);
  }

  #read(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > this.#reader.maxBytes) {
      this.#fail(tooLarge());
      return;
    }
    this.#limit.heard();
    try {
      const wait = this.#reader.onData(chunk);
      if (wait === undefined) {
        this.#checkComplete();
        return;
      }
      controller.pause();
      this.#limit.pause();
      wait.then(
        () => this.#continue(controller),
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  #continue(controller: Dispatcher.DispatchController): void {
    if (this.#isDone) return;
    this.#limit.resume();
    this.#checkComplete();
    controller.resume();
  }

  /** Classifies a long error document by its status, because it cannot be read. */
  #readError(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    this.#errorBody.push(chunk);
    if (this.#receivedBytes > MAX_ERROR_BYTES) this.#fail(this.#failedAnswer());
  }

  #failedAnswer(): ProviderError {
    return errorFromStatus({
      status: this.#status,
      body: parseJson(Buffer.concat(this.#errorBody).toString('utf8')),
      header: (name) => this.#header(name),
      providerRequestId: this.#trace.providerRequestId,
    });
  }

  /** The answer is complete. The response should end now, so that its connection can be reused; else it is closed. */
  #checkComplete(): void {
    if (!this.#reader.isComplete?.()) return;
    this.#restTimer = setTimeout(() => this.#close(), MAX_REST_MS).unref();
    this.#succeed();
  }

  #discard(chunk: Buffer): void {
    this.#restBytes += chunk.length;
    if (this.#restBytes > MAX_REST_BYTES) this.#close();
  }

  #succeed(): void {
    this.#isDone = true;
    this.#resolve();
  }

  #fail(error: unknown): void {
    if (this.#isDone) return;
    this.#isDone = true;
    const reason = this.#limit.reason();
    this.#reject(reason ?? (error instanceof ProviderError ? error : errorFromNetwork(error, true)));
    this.#close();
  }

  #close(): void {
    this.#controller?.abort(new Error('cancelled'));
  }
}
