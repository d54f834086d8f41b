import { ProviderError, type ProviderErrorKind } from './domain/provider-error.ts';

/** Failures of a connection by the codes of Node and undici. All others count as a broken connection. */
const KIND_BY_CODE: ReadonlyMap<string, ProviderErrorKind> = new Map([
  ['UND_ERR_HEADERS_OVERFLOW', 'malformed'],
  ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'timeout'],
]);

const MESSAGES: Partial<Record<ProviderErrorKind, string>> = {
  connect: 'The provider could not be reached.',
  timeout: 'The provider did not answer in time.',
  broken: 'The connection to the provider broke.',
  malformed: "The provider's answer is not valid HTTP.",
};

/**
 * Classifies a network error. Without a connection nothing was sent. Neither was a request whose bytes the system refused
 * to send, because the other side had closed a connection that was kept: the provider cannot act on part of a request.
 *
 * @param wasSent whether the request was written to a connection.
 */
export function errorFromNetwork(thrown: unknown, wasSent: boolean): ProviderError {
  const kind = wasSent && !isFailedWrite(thrown) ? kindOf(thrown) : 'connect';
  return new ProviderError(kind, MESSAGES[kind] ?? '', { cause: thrown });
}

function isFailedWrite(thrown: unknown): boolean {
  const { code, syscall } = (thrown ?? {}) as NodeJS.ErrnoException;
  return code === 'EPIPE' || (code === 'ECONNRESET' && syscall === 'write');
}

function kindOf(thrown: unknown): ProviderErrorKind {
  const { code = '' } = (thrown ?? {}) as NodeJS.ErrnoException;
  if (code.startsWith('HPE_')) return 'malformed';
  return KIND_BY_CODE.get(code) ?? 'broken';
}
