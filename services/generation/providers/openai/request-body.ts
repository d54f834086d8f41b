import {
  type ChatCompletionRequest,
  chatCompletionRequest,
  OWN_PARAMETERS,
} from '#libs/contracts/chat-completions.ts';
import type { NormalisedChat } from '../domain/provider-adapter.ts';
import { unsupported } from '../domain/provider-error.ts';
import type { Vendor } from './vendors.ts';

/** The request as it is sent to a provider. */
export type UpstreamBody = Omit<ChatCompletionRequest, (typeof OWN_PARAMETERS)[number]>;

const KNOWN_PARAMETERS: ReadonlySet<string> = new Set(Object.keys(chatCompletionRequest.shape));
/** Never forwarded from the client. Those that the plan determines are set from the plan. */
const SET_BY_PLAN: ReadonlySet<string> = new Set([
  ...OWN_PARAMETERS,
  'model',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'stream',
  'stream_options',
  'service_tier',
]);

/**
 * The request for a provider with OpenAI's format: the client's request with the model, cap, number of choices and service tier
 * of the plan. The client's cap is never forwarded. Neither is an unknown parameter, because the hold might not cover its cost.
 *
 * @throws ProviderError `unsupported` for an unknown parameter.
 */
export function upstreamBody(chat: NormalisedChat, vendor: Vendor, stream: boolean): UpstreamBody {
  const body: Record<string, unknown> = { model: chat.upstreamModel };
  const given: Record<string, unknown> = chat.body;
  for (const parameter in given) {
    if (!KNOWN_PARAMETERS.has(parameter)) throw unsupported(parameter, 'it is not a known parameter');
    if (!SET_BY_PLAN.has(parameter)) body[parameter] = given[parameter];
  }
  body[vendor.capParameter] = chat.outputTokens;
  if (chat.choices !== 1) body.n = chat.choices;
  if (vendor.serviceTier !== undefined) body.service_tier = vendor.serviceTier;
  if (stream) {
    body.stream = true;
    if (vendor.asksForUsage) body.stream_options = { include_usage: true };
  }
  return body as UpstreamBody;
}
