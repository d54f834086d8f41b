/**
 * The interface to chat providers. An adapter translates a chat into one call of its vendor's SDK, and the answer back. It
 * applies the given caps, never retries, never logs, and does not deal with money.
 */
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { Units } from '#libs/pricing/units.ts';
import type { ChatCompletion, ChatCompletionChunk } from './chat-format.ts';

/** A chat in the form that every adapter accepts. */
export type NormalisedChat = {
  /** In OpenAI's format. The fields below replace its model, caps and number of choices. */
  body: ChatCompletionRequest;
  /** The client's name for the model, which answers use. */
  model: string;
  /** The provider's name for the model. */
  upstreamModel: string;
  /** The output cap to send, per choice. It includes reasoning. */
  outputTokens: number;
  choices: number;
};

/** What becomes known during a call. It is separate from the answer, so that it survives a failure. */
export type CallTrace = {
  /** Size of the request; 0 until it is sent. */
  requestBytes: number;
  /** The provider's id of the call. */
  providerRequestId: string | null;
  /** The tier that the provider reports to have served, in its own words; null until it does. */
  serviceTier: string | null;
  /** Whether the request was written to a connection, so that the provider may have received it. */
  isInFlight: boolean;
};

export type CallContext = {
  /** Ends the call and closes its socket. */
  signal: AbortSignal;
  /** Longest wait for an answer, or for the first piece of a stream. */
  timeoutMs: number;
  /** Longest pause inside a stream. */
  idleTimeoutMs: number;
  /** Sent to the provider, to correlate its records with ours. */
  callId: string;
  /** Filled in by the adapter. */
  trace: CallTrace;
};

/** Usage that a provider reported. Only final figures are complete; earlier ones may lack output. */
export type ReportedUsage = { units: Units; final: boolean };

export type ChatResult = {
  completion: ChatCompletion;
  /** Undefined if the provider reported no usage: unknown is not free. */
  units: Units | undefined;
};

/** One piece of a streamed answer. */
export type ChatDelta = {
  /** Absent if the provider only reported usage. */
  chunk?: ChatCompletionChunk;
  usage?: ReportedUsage;
};

export interface ProviderAdapter {
  /** @throws ProviderError */
  chat(request: NormalisedChat, context: CallContext): Promise<ChatResult>;
  /**
   * Ends without an error only if the answer is complete. A consumer that stops early ends the call.
   * @throws ProviderError
   */
  chatStream(request: NormalisedChat, context: CallContext): AsyncIterable<ChatDelta>;
}

/** The header that sends our id of a call: request id and index in the plan. */
export const CALL_ID_HEADER = 'x-inkmeter-call';
