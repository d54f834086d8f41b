/** Pages of Notion: https://developers.notion.com/reference/intro */
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { IntegrationError } from './domain/integration.ts';
import { notionBlocks, notionTitle, requestsOf, type Uploads } from './domain/notion-blocks.ts';
import { createVendorCall, type VendorCall } from './vendor-api.ts';

export type NotionOptions = { dispatcher: Dispatcher; baseUrl: string };

const API_VERSION = '2026-03-11';
/** Notion allows three requests a second on average. */
const INTERVAL_MS = 350;

const page = z.object({ id: z.string(), url: z.string(), in_trash: z.boolean().optional() });

const upload = z.object({ id: z.string() });

const pagePath = (id: string) => `/v1/pages/${encodeURIComponent(id)}`;

/** The calls of one customer. */
export function notionCall(options: NotionOptions, token: string, signal?: AbortSignal): VendorCall {
  return createVendorCall({
    ...options,
    name: 'Notion',
    token,
    headers: { 'notion-version': API_VERSION },
    intervalMs: INTERVAL_MS,
    ...(signal && { signal }),
  });
}

/** @throws IntegrationError unless the token is valid and the page is shared with its integration. */
export async function checkNotion(call: VendorCall, parentPageId: string): Promise<void> {
  try {
    const { in_trash: isInTrash } = page.parse(await call({ method: 'GET', path: pagePath(parentPageId) }));
    if (isInTrash) throw new IntegrationError('refused', 'The parent page is in the trash.');
  } catch (error) {
    if (isMissing(error)) {
      const detail = 'Notion does not find the parent page. Share it with the integration.';
      throw new IntegrationError('refused', detail, { status: 404 });
    }
    throw malformed(error);
  }
}

export type NotionPage = { id: string; url: string };

/** Creates an empty page. Sent once: the outcome is unknown without an answer. */
export async function createNotionPage(
  call: VendorCall,
  { parentPageId, title }: { parentPageId: string; title: string },
): Promise<NotionPage> {
  const body = { parent: { type: 'page_id', page_id: parentPageId }, properties: titleProperty(title) };
  try {
    return page.parse(await call({ method: 'POST', path: '/v1/pages', body }));
  } catch (error) {
    if (error instanceof z.ZodError)
      throw new IntegrationError('outcome_unknown', 'The answer of Notion has no page.', { cause: error });
    throw error;
  }
}

/**
 * Sets the title and empties the page, so that writing may begin again after it was interrupted.
 * @returns null if the page is gone, or in the trash.
 */
export async function clearNotionPage(
  call: VendorCall,
  id: string,
  title: string,
): Promise<NotionPage | null> {
  const path = pagePath(id);
  try {
    // Notion refuses to change what is in the trash.
    const { in_trash: isInTrash } = page.parse(await call({ method: 'GET', path }));
    if (isInTrash) return null;
    const body = { properties: titleProperty(title), erase_content: true };
    return page.parse(await call({ method: 'PATCH', path, isRepeatable: true, body }));
  } catch (error) {
    if (isMissing(error)) return null;
    throw malformed(error);
  }
}

export type NotionImage = { bytes: Buffer; format: 'png' | 'jpg' };

/** Uploads images, so that a page has them for ever. @returns their ids by the addresses of the images. */
export async function uploadImages(
  call: VendorCall,
  images: ReadonlyMap<string, NotionImage>,
): Promise<Uploads> {
  const uploads = new Map<string, string>();
  for (const [address, { bytes, format }] of images) {
    const name = `image.${format}`;
    const contentType = format === 'jpg' ? 'image/jpeg' : 'image/png';
    const body = { mode: 'single_part', filename: name, content_type: contentType };
    const created = await call({ method: 'POST', path: '/v1/file_uploads', isRepeatable: true, body });
    const { data } = upload.safeParse(created);
    if (data === undefined) throw new IntegrationError('unavailable', 'The answer of Notion has no upload.');
    const path = `/v1/file_uploads/${encodeURIComponent(data.id)}/send`;
    await call({ method: 'POST', path, isRepeatable: true, file: { name, contentType, bytes } });
    uploads.set(address, data.id);
  }
  return uploads;
}

/** Writes a text to an empty page. If this fails, a part of it may be there: clear the page before the next attempt. */
export async function writeNotionPage(
  call: VendorCall,
  id: string,
  { markdown, title, uploads }: { markdown: string; title: string; uploads: Uploads },
): Promise<void> {
  for (const children of requestsOf(notionBlocks(markdown, title, uploads))) {
    const path = `/v1/blocks/${encodeURIComponent(id)}/children`;
    // The whole is repeatable, although a single request is not.
    await call({ method: 'PATCH', path, isRepeatable: true, body: { children } });
  }
}

const titleProperty = (title: string) => ({ title: { title: notionTitle(title) } });

const isMissing = (error: unknown) => error instanceof IntegrationError && error.status === 404;

function malformed(error: unknown): unknown {
  if (!(error instanceof z.ZodError)) return error;
  return new IntegrationError('unavailable', 'The answer of Notion has no page.', { cause: error });
}
