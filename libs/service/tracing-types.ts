import type { FastifyInstance } from 'fastify';
import type { CallAttributes } from './gen-ai-attributes.ts';

/** The span of one provider call. */
export type CallSpan = {
  /** For the provider. */
  readonly traceparent: string;
  readonly end: (attributes: CallAttributes) => void;
};

export type Tracing = {
  /** Creates a span for each request to an app; before its routes are added. */
  readonly instrument: (app: FastifyInstance) => void;
  /** Of the span that is active in this asynchronous context. */
  readonly currentTraceparent: () => string | undefined;
  readonly startCall: (parent: string | undefined, attributes: CallAttributes) => CallSpan;
  /** Exports what is left. */
  readonly shutdown: () => Promise<void>;
};
