import { ProviderError, type ProviderErrorKind } from './domain/provider-error.ts';

/** Connection failures by the codes of Node and undici. */
const KIND_BY_CODE: ReadonlyMap<string, ProviderErrorKind> = new Map([
  ['ECONNREFUSED', 'connect'],
  ['ENOTFOUND', 'connect'],
  ['EAI_AGAIN', 'connect'],
  ['EHOSTUNREACH', 'connect'],
  ['ENETUNREACH', 'connect'],
  ['UND_ERR_CONNECT_TIMEOUT', 'connect'],
  ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'timeout'],
]);

const MESSAGES: Partial<Record<ProviderErrorKind, string>> = {
  connect: 'The provider could not be reached.',
  timeout: 'The provider did not answer in time.',
  broken: 'The connection to the provider broke.',
};

/** Classifies a network error. Nothing was sent if no connection was made. */
export function errorFromNetwork(thrown: unknown, wasSent: boolean): ProviderError {
  const kind = wasSent ? (kindIn(thrown) ?? 'broken') : 'connect';
  return new ProviderError(kind, MESSAGES[kind] ?? '', { cause: thrown });
}

/** SDKs wrap errors; attempts at several addresses fail with an AggregateError. */
function kindIn(thrown: unknown, depth = 0): ProviderErrorKind | undefined {
  if (!(thrown instanceof Error) || depth > 5) return undefined;
  const { code } = thrown as NodeJS.ErrnoException;
  const own = code === undefined ? undefined : KIND_BY_CODE.get(code);
  if (own !== undefined) return own;
  if (thrown instanceof AggregateError) {
    const kinds = thrown.errors.map((error) => kindIn(error, depth + 1));
    return kinds.every((kind) => kind === 'connect') ? 'connect' : undefined;
  }
  return kindIn(thrown.cause, depth + 1);
}
