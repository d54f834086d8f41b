import type { Dispatcher } from 'undici';
import type { CallTrace } from '../domain/provider-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { errorFromNetwork } from '../network-errors.ts';
import { parseJson } from '../sdk-errors.ts';
import { errorFromStatus } from '../status-errors.ts';
import type { TimeLimit } from '../time-limit.ts';
import { REQUEST_ID_HEADER } from './vendors.ts';

/** Receives the bytes of a successful response. */
export type AnswerReader = {
  /** A returned promise pauses the response until it resolves. */
  readonly onData: (chunk: Buffer) => Promise<void> | undefined;
  /** Updated when the request is sent, and when the provider's id of the call is known. */
  readonly trace: CallTrace;
};

const MAX_ERROR_BYTES = 65_536;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Sends one POST through undici's dispatch API, without streams and with few promises, because every metered chat uses
 * it. Resolves when the response is complete. A failed response is read and thrown.
 *
 * @throws ProviderError
 */
export function exchange(
  dispatcher: Dispatcher,
  request: { origin: string; path: string; headers: string[]; body: string },
  limit: TimeLimit,
  reader: AnswerReader,
): Promise<void> {
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(
      { ...request, method: 'POST', headersTimeout: 0, bodyTimeout: 0 },
      new ExchangeHandler(limit, reader, resolve, reject),
    );
  });
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #limit: TimeLimit;
  readonly #reader: AnswerReader;
  readonly #resolve: () => void;
  readonly #reject: (error: ProviderError) => void;
  readonly #abort = () => this.#giveUp();
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: Headers = {};
  #errorBody: Buffer[] = [];
  #errorBytes = 0;
  #isDone = false;

  constructor(
    limit: TimeLimit,
    reader: AnswerReader,
    resolve: () => void,
    reject: (error: ProviderError) => void,
  ) {
    this.#limit = limit;
    this.#reader = reader;
    reader.trace.isInFlight = false;
    this.#resolve = resolve;
    this.#reject = reject;
    if (limit.signal.aborted) this.#giveUp();
    else limit.signal.addEventListener('abort', this.#abort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // the call may have been cancelled while it waited for a connection
    if (this.#isDone) controller.abort(new Error('cancelled'));
    else this.#reader.trace.isInFlight = true;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    this.#status = status;
    this.#headers = headers;
    this.#reader.trace.providerRequestId = this.#header(REQUEST_ID_HEADER);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isDone) return;
    if (!this.#isOk) {
      this.#errorBytes += chunk.length;
      if (this.#errorBytes <= MAX_ERROR_BYTES) this.#errorBody.push(chunk);
      return;
    }
    try {
      const wait = this.#reader.onData(chunk);
      if (wait === undefined) return;
      controller.pause();
      this.#limit.pause();
      wait.then(
        () => controller.resume(),
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  onResponseEnd(): void {
    if (this.#isDone) return;
    this.#end();
    if (this.#isOk) this.#resolve();
    else this.#reject(this.#failedAnswer());
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  get #isOk(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  #header(name: string): string | null {
    const value = this.#headers[name];
    return typeof value === 'string' ? value : (value?.[0] ?? null);
  }

  #failedAnswer(): ProviderError {
    return errorFromStatus({
      status: this.#status,
      body: parseJson(Buffer.concat(this.#errorBody).toString('utf8')),
      header: (name) => this.#header(name),
      providerRequestId: this.#header(REQUEST_ID_HEADER),
    });
  }

  #giveUp(): void {
    this.#fail(this.#limit.reason());
  }

  #fail(error: unknown): void {
    if (this.#isDone) return;
    this.#end();
    const reason = this.#limit.reason();
    this.#reject(
      reason ??
        (error instanceof ProviderError ? error : errorFromNetwork(error, this.#reader.trace.isInFlight)),
    );
    this.#controller?.abort(new Error('cancelled'));
  }

  #end(): void {
    this.#isDone = true;
    this.#limit.signal.removeEventListener('abort', this.#abort);
  }
}
