/** Connections of accounts to external systems, and why a use of one failed. */
import type { IntegrationProvider, IntegrationView } from '#libs/contracts/integrations.ts';
import type { integrations } from '#libs/db/schema/integrations.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';

export type IntegrationRow = typeof integrations.$inferSelect;

export const PROVIDER_NAMES: Readonly<Record<IntegrationProvider, string>> = {
  notion: 'Notion',
  hubspot: 'HubSpot',
  webhook: 'The webhook',
};

export type FailureCode =
  | 'credentials_rejected'
  /** The provider has decided: the same request fails again. */
  | 'refused'
  /** Nothing was changed; a later attempt may succeed. */
  | 'unavailable'
  /** The request was sent, and its answer is missing. */
  | 'outcome_unknown'
  | 'not_connected'
  | 'not_in_plan';

/** A use of an integration that failed. The message is for the customer: it has no secrets and no addresses. */
export class IntegrationError extends Error {
  override readonly name = 'IntegrationError';
  readonly code: FailureCode;
  /** HTTP status of the provider's answer; null without one. */
  readonly status: number | null;
  /** The pause that the provider asks for. */
  readonly retryAfterMs: number | null;

  constructor(
    code: FailureCode,
    detail: string,
    {
      status = null,
      retryAfterMs = null,
      cause,
    }: {
      status?: number | null;
      retryAfterMs?: number | null;
      cause?: unknown;
    } = {},
  ) {
    super(detail, { cause });
    this.code = code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a secret of an integration is encrypted for. */
export const secretContext = ({ accountId, provider }: Pick<IntegrationRow, 'accountId' | 'provider'>) =>
  `integrations ${accountId} ${provider}`;

export function presentIntegration(
  provider: IntegrationProvider,
  row: IntegrationRow | undefined,
): IntegrationView {
  const status = row === undefined ? 'not_connected' : row.lastError === null ? 'connected' : 'failing';
  return {
    provider,
    status,
    settings: row?.settings ?? {},
    connected_at: row?.connectedAt.toISOString() ?? null,
    last_used_at: row?.lastUsedAt?.toISOString() ?? null,
    last_error: row?.lastError ?? null,
  };
}

/** What an audit entry says about a connection: no token. */
export const auditedFields = ({ provider, settings }: Pick<IntegrationRow, 'provider' | 'settings'>) => ({
  provider,
  ...settings,
});

/** Why new credentials are not stored. */
export function refuseConnection(error: IntegrationError): ProblemError {
  if (error.code !== 'credentials_rejected' && error.code !== 'refused') return unavailable(error);
  const param = error.code === 'refused' ? 'parent_page_id' : 'token';
  return problem('semantic_error', { detail: error.message, fields: { param } });
}

/** Why a request cannot use a connection. */
export function refuseUse(error: IntegrationError): ProblemError {
  if (error.code === 'unavailable' || error.code === 'outcome_unknown') return unavailable(error);
  return problem('conflict', { detail: error.message, fields: { reason: error.code } });
}

export function notConnected(provider: IntegrationProvider): ProblemError {
  return problem('conflict', {
    detail: `${PROVIDER_NAMES[provider]} is not connected. Connect it with PUT /api/integrations/${provider}.`,
    fields: { reason: 'not_connected' },
  });
}

const RETRY_SECONDS = 5;

function unavailable({ message, retryAfterMs, cause }: IntegrationError): ProblemError {
  const seconds = retryAfterMs === null ? RETRY_SECONDS : Math.ceil(retryAfterMs / 1_000);
  return problem('service_unavailable', {
    detail: message,
    cause,
    headers: { 'retry-after': `${Math.max(1, seconds)}` },
  });
}
