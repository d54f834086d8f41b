import type { ProblemCode } from './catalogue.ts';

/** What a client can do about each problem; the documentation says it, in Markdown. */
export const REMEDIES: Readonly<Record<ProblemCode, string>> = {
  invalid_request:
    'Correct the places that `errors` lists; each entry names the part of the request, a JSON pointer into it and what is wrong.',
  malformed_json: 'Send one complete JSON value, in UTF-8, with `Content-Type: application/json`.',
  unsupported_parameter:
    'Leave out the parameter that `param` names, or choose a model that supports it. Unknown parameters are refused because they could cost money that nothing covers.',
  prompt_too_large: 'Shorten the input, or choose a model with a larger context window.',
  request_timeout: 'Repeat the request over a connection that can send it in time.',
  body_too_large: 'Send less: shorten texts, shrink images, or split the work into several requests.',
  unsupported_media_type: 'Send JSON with `Content-Type: application/json`.',
  headers_too_large: 'Send fewer or shorter headers.',

  unauthenticated:
    'Send `Authorization: Bearer` with an access token from `POST /api/auth/login` or with an API key; a key may also stand in `x-api-key`.',
  token_expired: 'Get a new access token with `POST /api/auth/refresh` and repeat the request.',
  invalid_token: 'Sign in again with `POST /api/auth/login`.',
  invalid_api_key: 'Check that the whole key was copied, or create another one with `POST /api/api-keys`.',
  api_key_revoked: 'Use another key; a revoked one never works again.',
  api_key_expired: 'Create a new key with `POST /api/api-keys`.',
  invalid_credentials: 'Check the email address and the password.',
  refresh_token_invalid: 'Sign in again with `POST /api/auth/login`.',
  refresh_token_reused:
    'Sign in again, and keep every refresh token only until it was used once. If you did not use this one twice, somebody else did: change the password.',

  payment_required:
    'Pay what `payment_request` asks for, as its `instructions` say; what was bought then takes effect by itself. `GET /api/plans/my-plan` shows the open payment request too, and asking again opens no second one.',

  account_suspended: 'Contact support. Nothing can be done with the API until the account is active again.',
  insufficient_scope: 'Use a key with the scope that `required_scope` names, or sign in as a person.',
  role_required: 'Ask somebody with one of the roles in `required_roles` to do it.',
  platform_role_required: 'There is nothing to do: this belongs to the operators of the platform.',
  feature_not_in_plan:
    'Change to one of `suggested_plans`, or do without the feature: `fallback_options` lists changes to the request with which it is served; `allow_degraded` makes the first of them.',
  model_not_in_plan:
    'Use one of `available_models`, or change to one of `suggested_plans`. `fallback_options` lists changes to the request with which it is served; `allow_degraded` makes the first of them.',
  content_type_not_in_plan:
    'Use one of `available_content_types`, or change to one of `suggested_plans`. `fallback_options` lists changes to the request with which it is served; `allow_degraded` makes the first of them.',
  quality_not_in_plan:
    'Use one of `available_presets`, or change to one of `suggested_plans`. `fallback_options` lists changes to the request with which it is served; `allow_degraded` makes the first of them.',
  platform_not_in_plan:
    'Use one of `available_platforms`, or change to one of `suggested_plans`. `fallback_options` names each as a change to the request.',
  meter_disabled: 'Change to a plan that includes this kind of usage.',

  not_found:
    'Check the id. Things of other accounts are answered like things that do not exist, so check the account too.',
  route_not_found: 'Check the URL against `GET /openapi.json`.',
  unknown_model: 'Use one of the models that `GET /v1/models` lists.',
  unknown_plan: 'Use one of `available_plans`; `GET /api/plans/available` describes them.',
  invitation_invalid: 'Ask an owner or admin of the account for a new invitation.',
  method_not_allowed: 'Use one of the methods in the `Allow` header.',

  conflict: 'Read the current state, decide anew, and send a request that fits it.',
  email_taken: 'Sign in instead, or use another email address.',
  invitation_required:
    'Create an invitation with `POST /api/invitations`, and give its token to the person. They accept it with `POST /api/invitations/accept`.',
  plan_change_not_allowed:
    '`reason` says why: `not_a_higher_rank` and `not_a_lower_rank` ask for the other direction, `already_on_plan` asks for nothing, `contact_sales` means that the price is a matter of negotiation, `cycle_not_sold` and `cycle_too_short` ask for another `cycle`, `nothing_to_cancel` means that nothing is paid.',
  trial_not_available:
    '`reason` says why: `trial_used` (a trial is given once to an account and once to its owners), `not_on_default_plan`, or `plan_without_trial`. Buy the plan instead.',
  idempotency_in_progress:
    'Wait for as long as `Retry-After` says and repeat the request with the same key; it then gets the answer of the first one.',

  semantic_error: 'Correct what `detail` describes; repeating the request as it is cannot help.',
  idempotency_key_reused: 'Take a new `Idempotency-Key` for every new piece of work.',
  unpriced_model: 'Use another model. Operators: give the model prices with `POST /api/admin/prices`.',
  provider_refused: 'Change the input; the provider will refuse the same one again.',

  limit_exceeded:
    '`limit` says which limit, what is used and held, what was asked and when it resets. Ask for less, for example with a smaller `max_tokens` or with `fit_budget`, wait for the reset, or change to one of `suggested_plans`.',
  limit_blocked:
    'Nothing new is admitted in the last part of this limit, so that work already begun can finish. Wait for `resets_at` in `limit`, or change to one of `suggested_plans`.',
  limit_held:
    'Repeat the request after `Retry-After`: running requests hold more than they will use, and give back the rest when they finish.',
  rate_limited: 'Wait for as long as `Retry-After` says, and send fewer requests at once.',

  client_closed_request:
    'Stay connected until the answer is complete. What was produced until then is charged.',

  internal_error: 'Repeat the request later; if it persists, tell support the `request_id`.',
  provider_error:
    'Repeat the request, or choose a model of another provider. Nothing is charged beyond what the provider delivered.',
  provider_malformed:
    'Repeat the request, or choose a model of another provider. `cost_usd` says what was charged: the provider may bill an answer that nobody can read.',
  metering_unavailable: 'Repeat the request after `Retry-After`. Nothing was spent.',
  emergency_stop:
    'Use another model or provider if `stop` names one; otherwise wait until the operators lift the stop.',
  service_unavailable: 'Repeat the request after `Retry-After`.',
  overloaded: 'Repeat the request after `Retry-After`, with growing pauses.',
  provider_timeout:
    'Repeat the request, ask for a shorter answer, or choose a faster model. `cost_usd` says what was charged: the provider may have worked all the while.',
};
