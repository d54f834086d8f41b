/**
 * The one port to AI providers. An adapter translates a chat into one call of its vendor's SDK and the answer back;
 * it keeps the caps it is given, never retries, never logs and knows nothing of money.
 */
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { Units } from '#libs/pricing/units.ts';
import type { ChatCompletion, ChatCompletionChunk } from './chat-format.ts';

/** A chat as every provider is asked for it. */
export type NormalisedChat = {
  /** In OpenAI's shape. Its model, caps and number of choices are replaced by those beside it. */
  body: ChatCompletionRequest;
  /** The model as the client calls it, which is how answers name it. */
  model: string;
  /** The model as the provider calls it. */
  upstreamModel: string;
  /** The output cap to send, for each choice; reasoning counts against it. */
  outputTokens: number;
  choices: number;
};

/** What becomes known of a call on its way; kept outside the answer, so that it outlives a failure. */
export type CallTrace = {
  /** Size of the request as sent; 0 until it is. */
  requestBytes: number;
  /** The provider's own name for the call. */
  providerRequestId: string | null;
  /** The provider may have the request, and so be working for us. Assumed, unless the moment of sending is seen. */
  isInFlight: boolean;
};

export type CallContext = {
  /** Ends the call, through to the socket. */
  signal: AbortSignal;
  /** Longest wait for an answer, or for the first piece of a stream. */
  timeoutMs: number;
  /** Longest silence inside a stream. */
  idleTimeoutMs: number;
  /** Sent along, so that a provider's view of a call can be matched with ours. */
  callId: string;
  /** Filled in by whoever makes the call. */
  trace: CallTrace;
};

/** What a provider says it counted. Only final figures are complete; earlier ones may lack output. */
export type ReportedUsage = { units: Units; final: boolean };

export type ChatResult = {
  completion: ChatCompletion;
  /** Undefined where the provider reported nothing: then it is unknown, not free. */
  units: Units | undefined;
};

/** One piece of a streamed answer. */
export type ChatDelta = {
  /** Absent where the provider only reported usage. */
  chunk?: ChatCompletionChunk;
  usage?: ReportedUsage;
};

export interface ProviderAdapter {
  /** @throws ProviderError */
  chat(request: NormalisedChat, context: CallContext): Promise<ChatResult>;
  /**
   * Ends without an error only after the provider has finished its answer. A consumer that stops early ends the call.
   * @throws ProviderError
   */
  chatStream(request: NormalisedChat, context: CallContext): AsyncIterable<ChatDelta>;
}

/** Names a call towards the provider: request id and index in the plan. */
export const CALL_ID_HEADER = 'x-inkmeter-call';
