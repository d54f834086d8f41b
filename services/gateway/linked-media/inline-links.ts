/** Fetches what the URLs of a prompt have, before anything is planned: the hold must be exact before a provider sees it. */
import type { ServerResponse } from 'node:http';
import { fileTypeFromBuffer } from 'file-type';
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { type PublicHttp, PublicHttpError, type PublicHttpResponse } from '#libs/http/public-http.ts';
import type { MediaPart } from '#libs/pipelines/prompt-parts.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import { nameOf } from '../chat/domain/part-names.ts';
import type { Sender } from '../metering/domain/route.ts';
import type { FetchShares } from './domain/fetch-shares.ts';
import { linkedFileOf } from './domain/linked-file.ts';
import { type InlinePart, inlinePart, type Link, linksOf, mediaSize, withParts } from './domain/links.ts';

/** Different URLs of a request. */
const MAX_URLS = 50;
const MAX_FILE_BYTES = 20 * 1024 * 1024;
/** Of all media of a request as base64. Generation takes bodies of 32 MB. */
const MAX_MEDIA_CHARACTERS = 28 * 1024 * 1024;
/** For all URLs of a request. */
const DEADLINE_MS = 15_000;
const PARALLEL_FETCHES = 4;
const MAX_REDIRECTS = 5;
const HEADERS = {
  accept: 'image/*, application/pdf, text/*;q=0.9, */*;q=0.1',
  'user-agent': 'Inkmeter/1.0 (+linked media)',
};

export type InlineLinks = (
  body: ChatCompletionRequest,
  sender: Pick<Sender, 'caller' | 'response'>,
) => Promise<ChatCompletionRequest>;

type Options = { http: Pick<PublicHttp, 'request'>; shares: FetchShares };

/**
 * Replaces each URL of a prompt by its content.
 * @returns the same request if it has no URLs. @throws ProblemError `url_not_read`, `overloaded`.
 */
export function createInlineLinks({ http, shares }: Options): InlineLinks {
  return async (body, { caller: { accountId }, response }) => {
    const links = linksOf(body);
    const [first] = links;
    if (first === undefined) return body;
    const byUrl = Map.groupBy(links, ({ url }) => url);
    if (byUrl.size > MAX_URLS) throw notRead(first, `A request has at most ${MAX_URLS} different URLs.`);
    const share = shares.begin(accountId);
    if (share === undefined) throw overloaded();

    const ending = new AbortController();
    const onBytes = (bytes: number) => {
      if (!share.take(bytes)) ending.abort(overloaded());
    };
    onClose(response, () => {
      ending.abort(problem('client_closed_request'));
      share.release();
    });
    const deadline = performance.now() + DEADLINE_MS;
    const parts = await fetchParts(http, byUrl, { deadline, ending, onBytes }).finally(share.fetched);
    const inlined = withParts(body, parts);
    if (mediaSize(inlined) > MAX_MEDIA_CHARACTERS) {
      throw notRead(first, `All media of a request may have ${MAX_MEDIA_CHARACTERS} characters as base64.`);
    }
    return inlined;
  };
}

const overloaded = () => problem('overloaded', { headers: { 'retry-after': '1' } });

function onClose(response: ServerResponse, listener: () => void): void {
  if (response.closed) listener();
  else response.once('close', listener);
}

type Fetching = { deadline: number; ending: AbortController; onBytes: (bytes: number) => void };

/** What stands in the place of each part with a URL. The first failure ends all fetches. */
async function fetchParts(
  http: Options['http'],
  byUrl: ReadonlyMap<string, readonly Link[]>,
  fetching: Fetching,
): Promise<Map<MediaPart, InlinePart>> {
  const parts = new Map<MediaPart, InlinePart>();
  const waiting = byUrl.values();
  const fetchNext = async () => {
    for (const [link, ...others] of waiting) {
      if (link === undefined) continue;
      const file = await fetchFile(http, link, fetching);
      for (const one of [link, ...others]) {
        const part = inlinePart(one, file);
        if (typeof part === 'string') throw notRead(one, part);
        parts.set(one.part, part);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL_FETCHES }, fetchNext));
  } catch (error) {
    fetching.ending.abort(error);
    throw error;
  }
  return parts;
}

async function fetchFile(http: Options['http'], link: Link, { deadline, ending, onBytes }: Fetching) {
  let answer: PublicHttpResponse;
  try {
    answer = await http.request({
      url: link.url,
      headers: HEADERS,
      maxRedirects: MAX_REDIRECTS,
      maxBytes: MAX_FILE_BYTES,
      timeoutMs: Math.max(1, Math.ceil(deadline - performance.now())),
      signal: ending.signal,
      onBytes,
    });
  } catch (error) {
    if (error instanceof PublicHttpError) throw notRead(link, error.message, error);
    throw error;
  }
  if (answer.status !== 200) throw notRead(link, `Its server answered ${answer.status}.`);
  const detected = await fileTypeFromBuffer(answer.body);
  const declared = String(answer.headers['content-type'] ?? '');
  const file = linkedFileOf(answer.body, detected?.mime, declared);
  if (typeof file === 'string') throw notRead(link, file);
  return file;
}

function notRead(link: Link, why: string, cause?: unknown): ProblemError {
  const param = nameOf(link);
  return problem('url_not_read', {
    detail: `The URL of ${param} cannot be read. ${why}`,
    fields: { param },
    cause,
  });
}
