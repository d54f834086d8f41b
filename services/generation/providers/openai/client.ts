import OpenAI from 'openai';
import type { Fetch } from '#libs/http/undici-fetch.ts';
import { throwFailedAnswers } from '../sdk-errors.ts';
import { REQUEST_ID_HEADER } from './vendors.ts';

export type OpenAiAccess = {
  /** Up to and with `/v1`. */
  baseUrl: string;
  apiKey: string;
  fetch: Fetch;
};

/** The official SDK without its own retries, logs and look at the environment. */
export function createOpenAiClient({ baseUrl, apiKey, fetch }: OpenAiAccess): OpenAI {
  return new OpenAI({
    baseURL: baseUrl,
    apiKey,
    fetch: throwFailedAnswers(fetch, REQUEST_ID_HEADER),
    maxRetries: 0,
    logLevel: 'off',
    // given, so that the SDK does not look for them in the environment
    organization: null,
    project: null,
    adminAPIKey: null,
    webhookSecret: null,
  });
}
