import {
  type ChatCompletionRequest,
  chatCompletionRequest,
  OWN_PARAMETERS,
} from '#libs/contracts/chat-completions.ts';
import type { NormalisedChat } from '../domain/provider-adapter.ts';
import { unsupported } from '../domain/provider-error.ts';
import type { Vendor } from './vendors.ts';

/** The request as it goes to a provider. */
export type UpstreamBody = Omit<ChatCompletionRequest, (typeof OWN_PARAMETERS)[number]>;

const KNOWN_PARAMETERS: ReadonlySet<string> = new Set(Object.keys(chatCompletionRequest.shape));
/** Never taken from the client: what was paid for is said instead, or nothing. */
const OURS_TO_SAY: ReadonlySet<string> = new Set([
  ...OWN_PARAMETERS,
  'model',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'stream',
  'stream_options',
]);

/**
 * What is sent to a provider that speaks OpenAI's format: the client's request with the model, cap and number of
 * choices that were paid for. The client's own cap is never forwarded, and neither is a parameter we do not know:
 * it could cost money that no hold covers.
 *
 * @throws ProviderError `unsupported` for an unknown parameter.
 */
export function upstreamBody(chat: NormalisedChat, vendor: Vendor, stream: boolean): UpstreamBody {
  const body: Record<string, unknown> = { model: chat.upstreamModel };
  const given: Record<string, unknown> = chat.body;
  for (const parameter in given) {
    if (!KNOWN_PARAMETERS.has(parameter)) throw unsupported(parameter, 'it is not a known parameter');
    if (!OURS_TO_SAY.has(parameter)) body[parameter] = given[parameter];
  }
  body[vendor.capParameter] = chat.outputTokens;
  if (chat.choices !== 1) body.n = chat.choices;
  if (stream) {
    body.stream = true;
    if (vendor.asksForUsage) body.stream_options = { include_usage: true };
  }
  return body as UpstreamBody;
}
