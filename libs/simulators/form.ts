/** Forms with files, as vendors take recordings and images. */
import { Refusal, type Target } from './dialect.ts';

export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  readonly files: readonly { readonly name: string; readonly bytes: Buffer }[];
}

export function readForm(body: Buffer, { headers }: Target): Form {
  const [, boundary] = /boundary="?([^";]+)"?/.exec(headers['content-type'] ?? '') ?? [];
  if (boundary === undefined) throw new Refusal(400, 'Could not parse multipart form');
  const fields = new Map<string, string>();
  const files: { name: string; bytes: Buffer }[] = [];
  const separator = `--${boundary}`;
  for (let start = body.indexOf(separator); start >= 0; ) {
    const next = body.indexOf(separator, start + separator.length);
    if (next < 0) break;
    const headEnd = body.indexOf('\r\n\r\n', start);
    const head = body.toString('utf8', start, headEnd);
    const value = body.subarray(headEnd + 4, next - 2);
    const [, name = ''] = / name="([^"]*)"/.exec(head) ?? [];
    const [, fileName] = / filename="([^"]*)"/.exec(head) ?? [];
    if (fileName === undefined) fields.set(name, value.toString());
    else files.push({ name: fileName, bytes: value });
    start = next;
  }
  return { fields, files };
}
