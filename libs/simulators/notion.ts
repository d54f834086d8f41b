/**
 * Notion, as far as documents are published to it. It refuses what Notion's documentation does not allow, and at more
 * than three requests a second on average. Any token that begins with `ntn_` is valid, except `ntn_invalid`; any page is
 * shared with it, except those whose id ends with `0000`. `GET /v1/pages` lists what was written.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Attempts, findDirectives } from './faults.ts';
import { children, type NotionBlock, title } from './notion-blocks.ts';
import {
  bearerOf,
  createRateLimit,
  parseJson,
  type VendorAnswer,
  type VendorSimulator,
} from './vendor-api.ts';

export const NOTION_PATH = '/notion';

const VERSIONS = ['2025-09-03', '2026-03-11'];
const MAX_BYTES = 500_000;
const BURST = 6;
/** Begins a directive in a title that concerns the content, as `[[simulate: ` concerns the creation of the page. */
const APPEND_FAULT = '[[append: ';

export type NotionPage = {
  id: string;
  url: string;
  title: string;
  parent: string;
  in_trash: boolean;
  blocks: NotionBlock[];
};

const createBody = z.strictObject({
  parent: z.strictObject({ type: z.literal('page_id').optional(), page_id: z.string() }),
  properties: z.strictObject({ title }),
  children: z.array(z.unknown()).max(100).optional(),
});
const updateBody = z.strictObject({
  properties: z.strictObject({ title }).optional(),
  erase_content: z.boolean().optional(),
  in_trash: z.boolean().optional(),
});

/** https://developers.notion.com/reference/create-a-file-upload */
const uploadBody = z.strictObject({
  mode: z.literal('single_part').optional(),
  filename: z.string().regex(/\.(png|jpg|jpeg|webp|gif)$/),
  content_type: z.enum(['image/png', 'image/jpeg', 'image/webp', 'image/gif']),
});

const refusal = (
  status: number,
  code: string,
  message: string,
  headers: readonly string[] = [],
): VendorAnswer => ({
  status,
  body: { object: 'error', status, code, message, request_id: randomUUID() },
  headers,
});

export function createNotionSimulator(attempts: Attempts): VendorSimulator {
  const pages = new Map<string, NotionPage>();
  /** Whether the file of an upload was sent. */
  const uploads = new Map<string, { contentType: string; isSent: boolean }>();
  const rate = createRateLimit({ burst: BURST, perSecond: 3 });

  const invalid = (error: z.ZodError) => {
    const [issue] = error.issues;
    return refusal(
      400,
      'validation_error',
      `body failed validation: ${issue?.path.join('.')} ${issue?.message}`,
    );
  };

  /** A page that was created here, or any other that is shared. */
  function find(id: string): NotionPage | undefined {
    const plain = id.replaceAll('-', '');
    const known = [...pages.values()].find((page) => page.id.replaceAll('-', '') === plain);
    if (known !== undefined || !/^[0-9a-f]{32}$/.test(plain) || plain.endsWith('0000')) return known;
    return {
      id,
      url: `https://www.notion.so/${plain}`,
      title: 'Shared',
      parent: '',
      in_trash: false,
      blocks: [],
    };
  }

  const shown = ({ id, url, in_trash }: NotionPage) => ({
    object: 'page',
    id,
    url,
    in_trash,
    is_archived: false,
  });
  const missing = () =>
    refusal(404, 'object_not_found', 'Could not find page. Share it with your integration.');

  /** What a title asks for, such as `[[simulate: 429x2]]`. */
  function fault(text: string, place: string): VendorAnswer | undefined {
    const directives = findDirectives({ header: undefined, model: '', endUser: undefined, message: text });
    if ('unknown' in directives) return refusal(400, 'validation_error', directives.unknown);
    const { status, failures, retryAfterMs = 1_000 } = directives;
    const headers = ['retry-after', String(Math.ceil(retryAfterMs / 1_000))];
    if (status !== undefined) return refusal(status, 'simulated', 'Simulated.', headers);
    if (failures === undefined || attempts.count(`notion ${place} ${text}`) > failures.count)
      return undefined;
    return refusal(failures.status, 'simulated', 'Simulated.', headers);
  }

  function create(body: unknown): VendorAnswer {
    const { data, error } = createBody.safeParse(body);
    if (data === undefined) return invalid(error);
    if (find(data.parent.page_id) === undefined) return missing();
    const text = textOf(data.properties.title);
    const failed = fault(text, 'create');
    if (failed !== undefined) return failed;
    const id = randomUUID();
    const url = `https://www.notion.so/${text.replaceAll(/[^\w]+/g, '-')}-${id.replaceAll('-', '')}`;
    const page = { id, url, title: text, parent: data.parent.page_id, in_trash: false, blocks: [] };
    pages.set(id, page);
    return { status: 200, body: shown(page) };
  }

  function update(page: NotionPage, body: unknown): VendorAnswer {
    const { data, error } = updateBody.safeParse(body);
    if (data === undefined) return invalid(error);
    if (page.in_trash && data.in_trash !== false)
      return refusal(400, 'validation_error', "Can't edit page that is archived. You must unarchive first.");
    if (data.properties !== undefined) page.title = textOf(data.properties.title);
    if (data.erase_content) page.blocks = [];
    if (data.in_trash !== undefined) page.in_trash = data.in_trash;
    return { status: 200, body: shown(page) };
  }

  function createUpload(body: unknown): VendorAnswer {
    const { data, error } = uploadBody.safeParse(body);
    if (data === undefined) return invalid(error);
    const id = randomUUID();
    uploads.set(id, { contentType: data.content_type, isSent: false });
    return { status: 200, body: { object: 'file_upload', id, status: 'pending' } };
  }

  function sendUpload(id: string, contentType: string, form: string): VendorAnswer {
    const upload = uploads.get(id);
    if (upload === undefined) return refusal(404, 'object_not_found', 'Could not find the file upload.');
    const isFile =
      /^multipart\/form-data; boundary=/.test(contentType) && /name="file"; filename="/.test(form);
    if (!isFile || !form.includes(`content-type: ${upload.contentType}\r\n`))
      return refusal(400, 'validation_error', 'The form needs a file of the content type.');
    upload.isSent = true;
    return { status: 200, body: { object: 'file_upload', id, status: 'uploaded' } };
  }

  function append(page: NotionPage, body: unknown, text: string): VendorAnswer {
    if (text.length > MAX_BYTES) return refusal(400, 'validation_error', 'The request is too large.');
    const { data, error } = children.safeParse(body);
    if (data === undefined) return invalid(error);
    const failed = page.title.includes(APPEND_FAULT)
      ? fault(page.title.replace(APPEND_FAULT, '[[simulate: '), 'append')
      : undefined;
    if (failed !== undefined) return failed;
    const missingUpload = uploadsIn(text).find((id) => uploads.get(id)?.isSent !== true);
    if (missingUpload !== undefined)
      return refusal(400, 'validation_error', `Could not find file_upload with ID: ${missingUpload}.`);
    page.blocks.push(...(data.children as NotionBlock[]));
    return { status: 200, body: { object: 'list', type: 'block', results: data.children, has_more: false } };
  }

  return {
    answer({ method, path, headers, body: text }) {
      const place = `${method} ${path}`;
      if (place === 'GET /v1/pages') return { status: 200, body: { pages: [...pages.values()] } };
      const token = bearerOf(headers.authorization);
      if (!token.startsWith('ntn_') || token === 'ntn_invalid')
        return refusal(401, 'unauthorized', 'API token is invalid.');
      if (!VERSIONS.includes(String(headers['notion-version'])))
        return refusal(400, 'missing_version', 'Notion-Version header should be a supported version.');
      if (!rate.admits(token))
        return refusal(429, 'rate_limited', 'You have been rate limited.', ['retry-after', '1']);
      const body = text === '' ? undefined : parseJson(text);
      if (place === 'POST /v1/pages') return create(body);
      if (place === 'POST /v1/file_uploads') return createUpload(body);
      const [, uploadId] = /^POST \/v1\/file_uploads\/([\w-]+)\/send$/.exec(place) ?? [];
      if (uploadId !== undefined) return sendUpload(uploadId, String(headers['content-type']), text);
      const [, kind, id = '', rest = ''] = /^\/v1\/(pages|blocks)\/([\w-]+)(\/children)?$/.exec(path) ?? [];
      const page = find(id);
      if (kind === undefined) return refusal(400, 'invalid_request_url', 'Invalid request URL.');
      if (page === undefined) return missing();
      if (kind === 'pages' && rest === '' && method === 'GET') return { status: 200, body: shown(page) };
      if (kind === 'pages' && rest === '' && method === 'PATCH') return update(page, body);
      if (kind === 'blocks' && rest !== '' && method === 'PATCH') return append(page, body, text);
      return refusal(400, 'invalid_request_url', 'Invalid request URL.');
    },
    clear() {
      pages.clear();
      uploads.clear();
      rate.clear();
    },
  };
}

/** The uploads that a body refers to. */
const uploadsIn = (body: string): string[] =>
  [...body.matchAll(/"file_upload":\{"id":"([\w-]+)"/g)].map(([, id = '']) => id);

const textOf = ({ title: pieces }: z.output<typeof title>) => pieces.map(({ text }) => text.content).join('');
