/**
 * The interface to chat providers. An adapter translates a chat into its vendor's format, and the answer back. It applies
 * the given caps, and does no I/O: all adapters share one transport (`chat-source.ts`).
 */
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { Units } from '#libs/pricing/units.ts';
import type { ChatCompletion } from './chat-format.ts';
import type { StreamPiece } from './stream-piece.ts';

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
  /** Longest wait for an answer, or for the next content of a stream. */
  timeoutMs: number;
  /** Longest silence inside a stream. Comments end a silence, but are no content. */
  idleTimeoutMs: number;
  /** Sent to the provider, to correlate its records with ours. */
  callId: string;
  /** The trace that the call is part of. */
  traceparent?: string | undefined;
  /** Filled in by the adapter. */
  trace: CallTrace;
  /** Called when the provider has answered with a success, before anything of the answer. */
  onAccepted?: () => void;
};

/** A complete answer. */
export type ReadAnswer = {
  completion: ChatCompletion;
  /** Undefined if the provider reported no usage: unknown is not free. */
  units: Units | undefined;
  /** The tier that the provider reports. */
  serviceTier: string | null;
  /** The provider's own JSON is the answer, because nothing in it had to change. */
  isVerbatim: boolean;
};

/** What one event of a stream means. */
export type ReadEvent = {
  /** None if there is nothing to forward or to meter. */
  pieces: readonly StreamPiece[];
  serviceTier?: string | null;
  /** The vendor's own end of the stream. */
  isEnd?: boolean;
};

/** Reads the events of one stream. */
export type StreamReader = {
  /** @param json the event's data as the vendor sent it. @throws ProviderError */
  readonly read: (event: object, json: string) => ReadEvent;
  /** The stream was ended by `[DONE]`. */
  readonly end: () => void;
  /** Whether the answer is complete, except for usage that may follow. */
  readonly isFinished: () => boolean;
  /** What remains to be said when the stream has ended. @throws ProviderError `broken` if the answer is incomplete. */
  readonly finish: () => readonly StreamPiece[];
};

/** A vendor's request: its path below the base URL, and its body. */
export type VendorRequest = { path: string; body: object };

export type ProviderAdapter = {
  /** @throws ProviderError `unsupported` or `bad_request` for a chat that the vendor cannot answer. */
  readonly toRequest: (chat: NormalisedChat, stream: boolean) => VendorRequest;
  /** @throws ProviderError `malformed` */
  readonly readAnswer: (document: object, chat: NormalisedChat) => ReadAnswer;
  readonly createStreamReader: (chat: NormalisedChat) => StreamReader;
};

/** The header that sends our id of a call: request id and index in the plan. */
export const CALL_ID_HEADER = 'x-inkmeter-call';
