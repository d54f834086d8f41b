import type { ProblemCode } from './catalogue.ts';

/** What a client can do about each problem, in Markdown, for the documentation. */
export const REMEDIES: Readonly<Record<ProblemCode, string>> = {
  invalid_request:
    'Fix the values listed in `errors`. Each entry names the part of the request, a JSON pointer into it, and the error.',
  malformed_json: 'Send one complete JSON value, in UTF-8, with `Content-Type: application/json`.',
  unsupported_parameter:
    'Remove the parameter named in `param`, or choose a model that supports it. Unknown parameters are refused because their cost is unknown.',
  prompt_too_large: 'Shorten the input, or choose a model with a larger context window.',
  request_timeout: 'Repeat the request over a faster connection.',
  body_too_large: 'Shorten texts, use smaller images, or split the work into several requests.',
  unsupported_media_type: 'Send JSON with `Content-Type: application/json`.',
  headers_too_large: 'Send fewer or shorter headers.',

  unauthenticated:
    'Send `Authorization: Bearer` with an access token from `POST /api/auth/login` or an API key. An API key may also be sent in `x-api-key`.',
  token_expired: 'Get a new access token with `POST /api/auth/refresh` and repeat the request.',
  invalid_token: 'Sign in again with `POST /api/auth/login`.',
  invalid_api_key: 'Check that you copied the whole key, or create a new one with `POST /api/api-keys`.',
  api_key_revoked: 'Use another key. A revoked key cannot be reactivated.',
  api_key_expired: 'Create a new key with `POST /api/api-keys`.',
  invalid_credentials: 'Check the email address and the password.',
  refresh_token_invalid: 'Sign in again with `POST /api/auth/login`.',
  refresh_token_reused:
    'Sign in again. Use every refresh token once, then discard it. If you did not use this token twice, it may have been stolen: change the password.',

  payment_required:
    'If there is a `checkout_url`, open it in a browser and pay there. Otherwise pay the `payment_request` as described in its `instructions`. The purchase takes effect once the payment is confirmed. `GET /api/plans/my-plan` also shows the open payment request. Repeating the request does not create a second one.',

  payment_provider_error: 'Repeat the request in a few seconds, with the same `Idempotency-Key`.',
  payments_not_hosted:
    'Refund a paid payment request by its own id, and correct an open one with `POST /api/admin/payment-requests/{id}/void`.',

  account_suspended: 'Contact support. The API is not available until the account is active again.',
  insufficient_scope: 'Use a key with the scope in `required_scope`, or sign in as a user.',
  role_required: 'Ask a member with one of the roles in `required_roles`.',
  platform_role_required: 'This route is reserved for platform staff.',
  email_not_verified: 'Open the link in the mail. `POST /api/auth/verify-email/resend` sends it again.',
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

  not_found: 'Check the id and the account. Resources of other accounts are reported as not found.',
  route_not_found: 'Look up the URL in the API reference at `/docs`.',
  unknown_model: 'Use a model listed by `GET /v1/models`.',
  unknown_plan: 'Use one of `available_plans`. `GET /api/plans/available` describes them.',
  email_token_invalid:
    'Request a new mail with `POST /api/auth/verify-email/resend` or `POST /api/auth/password-reset`.',
  invitation_invalid: 'Ask an owner or admin of the account for a new invitation.',
  method_not_allowed: 'Use one of the methods in the `Allow` header.',

  conflict: 'Read the current state, then send a request that is consistent with it.',
  email_taken: 'Sign in instead, or use another email address.',
  invitation_required:
    'Create an invitation with `POST /api/invitations` and send its token to the user, who accepts it with `POST /api/invitations/accept`.',
  plan_change_not_allowed:
    'Check `reason`. `not_a_higher_rank`: use a downgrade. `not_a_lower_rank`: use an upgrade. `already_on_plan`: no change is needed. `contact_sales`: the price is negotiated. `cycle_not_sold`, `cycle_too_short`: choose another `cycle`. `nothing_to_cancel`, `nothing_paid`: the account has no paid plan. `cancelled`: resume the plan first.',
  trial_not_available:
    'Buy the plan instead. `reason` is `trial_used` (each account and each owner gets one trial), `not_on_default_plan` or `plan_without_trial`.',
  idempotency_in_progress:
    'Wait for `Retry-After` and repeat the request with the same key. The response is that of the first request.',

  url_not_read:
    '`param` names the part. Use a URL on the public internet that answers with the file itself, or send the content inside the request. Nothing was charged.',
  semantic_error: 'Fix the error described in `detail`. Repeating the same request fails again.',
  idempotency_key_reused: 'Use a new `Idempotency-Key` for every new request.',
  unpriced_model: 'Use another model. Operators can add prices with `POST /api/admin/prices`.',
  prompt_refused: 'Change the prompt. `categories` has what it was flagged for. Nothing was charged.',
  provider_refused: 'Change the input. The provider will refuse the same input again.',

  limit_exceeded:
    '`limit` contains the limit with its used, held and requested amounts and its reset time. Request less (a smaller `max_tokens`, or `fit_budget`), wait for the reset, or change to one of `suggested_plans`.',
  limit_blocked:
    'Wait until `resets_at` in `limit`, or change to one of `suggested_plans`. The last part of the limit is reserved for requests that are already running.',
  limit_held:
    'Repeat the request after `Retry-After`. Running requests hold their maximum cost and release the unused part when they finish.',
  parallel_limit:
    'Repeat the request after `Retry-After`, run fewer requests at the same time, or change to one of `suggested_plans`. A request that its client has left runs until the provider has ended it.',
  rate_limited: 'Wait for `Retry-After`, and send fewer requests at a time.',

  client_closed_request:
    'Keep the connection open until the response is complete. Output produced before the disconnect is charged.',

  internal_error: 'Repeat the request later. If the error persists, contact support with the `request_id`.',
  provider_error:
    'Repeat the request, or choose a model of another provider. Only output that the provider delivered is charged.',
  provider_malformed:
    'Repeat the request, or choose a model of another provider. `cost_usd` is the amount charged: the provider may bill a malformed response.',
  metering_unavailable: 'Repeat the request after `Retry-After`. Nothing was charged.',
  emergency_stop:
    'If `stop` names a model or provider, use another one. Otherwise wait until operators lift the stop: they expect to at `expected_until`, and `Retry-After` is the time until then. Without it, the end is not known.',
  service_unavailable: 'Repeat the request after `Retry-After`.',
  overloaded: 'Repeat the request after `Retry-After`, with exponential backoff.',
  provider_timeout:
    'Repeat the request, request a shorter response, or choose a faster model. `cost_usd` is the amount charged: the provider may bill the work it did.',
};
