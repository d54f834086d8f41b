import { randomUUID } from 'node:crypto';
import type { FileSource } from '#libs/contracts/file-source.ts';

/** A form as a body. The platform encodes it and chooses its boundary. */
export async function encodeForm(form: FormData): Promise<{ body: Buffer; contentType: string }> {
  const encoded = new Response(form);
  return {
    body: Buffer.from(await encoded.arrayBuffer()),
    contentType: encoded.headers.get('content-type') ?? 'multipart/form-data',
  };
}

type FormFile = { name: string; type: string; content: FileSource };

/** A form with a file that is streamed. */
export function encodeFileForm(
  fields: readonly (readonly [name: string, value: string])[],
  { name, type, content }: FormFile,
): { body: FileSource; contentType: string } {
  const boundary = `form-${randomUUID()}`;
  const parts = fields.map(([field, value]) => `${partHead(boundary, field)}\r\n\r\n${value}\r\n`);
  const head = `${partHead(boundary, 'file')}; filename="${quoted(name)}"\r\ncontent-type: ${type}\r\n\r\n`;
  const start = Buffer.from(`${parts.join('')}${head}`);
  const end = Buffer.from(`\r\n--${boundary}--\r\n`);
  async function* read(): AsyncGenerator<Uint8Array> {
    yield start;
    yield* content.read();
    yield end;
  }
  return {
    body: { size: start.length + content.size + end.length, read },
    contentType: `multipart/form-data; boundary=${boundary}`,
  };
}

const partHead = (boundary: string, name: string) =>
  `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"`;

/** As browsers write names in forms. */
const quoted = (name: string) => name.replace(/[\r\n"]/g, (character) => encodeURIComponent(character));
