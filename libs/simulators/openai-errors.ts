import type { CompatibleProvider, Refusal, Target } from './dialect.ts';

export function bearerToken({ headers }: Target): string | undefined {
  return /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

const codes: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  404: 'model_not_found',
  429: 'rate_limit_exceeded',
};

/** An error as each OpenAI-compatible provider writes it: they agree on answers, not on errors. */
export function writeCompatibleRefusal(
  { status, message, code, param }: Refusal,
  provider: CompatibleProvider,
  requestId: string,
): string {
  const type = typeOf(status);
  const known = code ?? codes[status] ?? null;
  switch (provider) {
    case 'xai':
      return JSON.stringify({ code: known ?? type, error: message });
    case 'mistral':
      if (status === 401) return JSON.stringify({ message: 'Unauthorized', request_id: requestId });
      return JSON.stringify({ object: 'error', message, type, param, code: known });
    default:
      return JSON.stringify({ error: { message, type, param, code: known } });
  }
}
