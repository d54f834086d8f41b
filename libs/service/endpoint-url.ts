/** Addresses that customers register to receive requests. */
import { isIP } from 'node:net';
import { problem } from '#libs/problems/problems.ts';

/** Which networks an installation lets endpoints be in. */
export type EndpointPolicy = {
  isAllowedAddress: (address: string) => boolean;
  /** Without TLS, for development and for closed networks. */
  allowsHttp: boolean;
};

/**
 * Refuses what can be refused without a lookup. Every connection is checked again when it is made.
 * @throws ProblemError `semantic_error`
 */
export function checkEndpointUrl(text: string, { isAllowedAddress, allowsHttp }: EndpointPolicy): void {
  const refuse = (detail: string) => problem('semantic_error', { detail, fields: { param: 'url' } });
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(allowsHttp && url.protocol === 'http:')) {
    throw refuse('The URL must begin with https.');
  }
  if (url.username !== '' || url.password !== '') throw refuse('The URL must not contain credentials.');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isLocalName = /(^|\.)localhost\.?$/.test(host) && !allowsHttp;
  if (isLocalName || (isIP(host) !== 0 && !isAllowedAddress(host))) {
    throw refuse('The URL is not on the public internet.');
  }
}
