import OpenAI from 'openai';
import type { Fetch } from '#libs/http/undici-fetch.ts';
import { throwFailedAnswers } from '../sdk-errors.ts';
import { REQUEST_ID_HEADER } from './vendors.ts';

export type OpenAiAccess = {
  /** Including `/v1`. */
  baseUrl: string;
  apiKey: string;
  fetch: Fetch;
};

/** The official SDK without its retries, its logs and its use of the environment. */
export function createOpenAiClient({ baseUrl, apiKey, fetch }: OpenAiAccess): OpenAI {
  return new OpenAI({
    baseURL: baseUrl,
    apiKey,
    fetch: throwFailedAnswers(fetch, REQUEST_ID_HEADER),
    maxRetries: 0,
    logLevel: 'off',
    // null keeps the SDK from reading them from the environment
    organization: null,
    project: null,
    adminAPIKey: null,
    webhookSecret: null,
  });
}
