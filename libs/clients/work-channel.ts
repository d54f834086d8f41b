import type { ContextSigner } from '#libs/auth/internal-context.ts';
import { type ChannelClient, createChannelClient } from '#libs/channel/client.ts';
import { INTERNAL_CONTEXT_HEADER } from '#libs/contracts/internal-context.ts';
import { type AnswerHead, WORK_PATH, WORK_PROTOCOL } from '#libs/contracts/work.ts';
import { SERVICE_CALLER, signContext } from './internal-client.ts';

/** The connection that carries held requests to one generation process. */
export function createWorkChannel(options: {
  url: string;
  signer: ContextSigner;
  now: () => Date;
  newId: () => string;
}): ChannelClient<AnswerHead> {
  const { url, signer, now, newId } = options;
  return createChannelClient({
    url,
    protocol: WORK_PROTOCOL,
    path: WORK_PATH,
    headers: () => ({
      [INTERNAL_CONTEXT_HEADER]: signContext(signer, now(), { caller: SERVICE_CALLER, requestId: newId() }),
    }),
  });
}
