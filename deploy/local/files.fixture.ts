/** A web server with files that prompts link to, and the gateway's access to it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PublicHttpOptions } from '#libs/http/public-http.ts';
import type { TestScope } from '#libs/testing/database.ts';

export type Files = {
  url: string;
  /** Only this machine is reached. */
  access: PublicHttpOptions;
  /** @returns the URL of the file. */
  add: (path: string, bytes: Buffer, type: string) => string;
};

/** `/inside` redirects to another address than that of the server. */
export async function serveFiles(t: TestScope): Promise<Files> {
  const files = new Map<string, { bytes: Buffer; type: string }>();
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? '');
    if (file) response.setHeader('content-type', file.type).end(file.bytes);
    else if (request.url === '/inside') response.writeHead(302, { location: 'http://127.0.0.2/' }).end();
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    access: { isAllowed: (address) => address === '127.0.0.1' },
    add(path, bytes, type) {
      files.set(path, { bytes, type });
      return url + path;
    },
  };
}
