/** A server on 127.0.0.2 stands for the public internet, one on 127.0.0.1 for what must not be reached. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { isPublicAddress } from './public-address.ts';
import { createPublicHttp, type PublicHttpOptions, type PublicHttpRequest } from './public-http.ts';

const PUBLIC = '127.0.0.2';
const received: (Pick<IncomingMessage, 'url' | 'method' | 'headers'> & { body: string })[] = [];
let privateConnections = 0;

async function listen(host: string, onRequest: RequestListener): Promise<number> {
  const server = createServer(onRequest);
  if (host !== PUBLIC) server.on('connection', () => (privateConnections += 1));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const privatePort = await listen('127.0.0.1', (_, response) => response.end('secret'));
const pages: Record<string, RequestListener> = {
  '/page': (_, response) => response.end('hello'),
  '/gzip': (_, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync('hello')),
  '/br': (_, response) => response.setHeader('content-encoding', 'br').end(brotliCompressSync('hello')),
  '/broken-gzip': (_, response) => response.setHeader('content-encoding', 'gzip').end('hello'),
  '/bomb': (_, response) =>
    response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(50_000_000))),
  '/endless': (_, response) => {
    const write = () => {
      while (!response.destroyed && response.write('x'.repeat(10_000)));
      if (!response.destroyed) response.once('drain', write);
    };
    write();
  },
  '/silent': () => {},
  '/stalls': (_, response) => void response.write('start'),
  '/cut': (_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('start', () => response.destroy());
  },
};
const publicPort = await listen(PUBLIC, (incoming, response) => {
  const body: Buffer[] = [];
  incoming
    .on('data', (chunk: Buffer) => body.push(chunk))
    .on('end', () => {
      const { url = '', method, headers } = incoming;
      received.push({ url, method, headers, body: Buffer.concat(body).toString() });
      const { pathname, searchParams } = new URL(url, 'http://x');
      const to = searchParams.get('to');
      if (to === null) return pages[pathname]?.(incoming, response);
      return response.writeHead(Number(pathname.slice(1)), { location: to }).end('moved');
    });
});
const site = `http://${PUBLIC}:${publicPort}`;

function httpWith(options: PublicHttpOptions = {}) {
  const http = createPublicHttp({ isAllowed: (address) => address === PUBLIC, ...options });
  t.teardown(() => http.close());
  return http;
}
const http = httpWith();

const get = (url: string, more: Partial<PublicHttpRequest> = {}, by = http) =>
  by.request({ url, maxBytes: 1_000, timeoutMs: 5_000, maxRedirects: 3, ...more });
const redirect = (status: number, to: string) => `${site}/${status}?to=${encodeURIComponent(to)}`;

t.test('given a public page, it is read, compressed or not', async (t) => {
  for (const path of ['/page', '/gzip', '/br']) {
    const { status, body, url } = await get(site + path);
    t.match({ status, text: body.toString(), url }, { status: 200, text: 'hello', url: site + path });
  }
});

t.test('given a local address in any notation, then no connection is made', async (t) => {
  const strict = httpWith({ isAllowed: isPublicAddress });
  for (const host of [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '017700000001',
    '127.0.0.1.',
    '①②⑦.⓪.⓪.①',
    '%31%32%37.0.0.1',
    '0.0.0.0',
    '0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:7f00:0001]',
    '[64:ff9b::7f00:1]',
    '169.254.169.254',
    '[fd00:ec2::254]',
    '2852039166',
    'localhost',
  ]) {
    await t.rejects(get(`http://${host}:${privatePort}/`, {}, strict), { code: 'blocked_address' }, host);
  }
  t.equal(privateConnections, 0);
});

t.test('given a name with a private address, also among public ones, then it is refused', async (t) => {
  for (const addresses of [['127.0.0.1'], [PUBLIC, '127.0.0.1'], ['::1', PUBLIC], ['::ffff:127.0.0.1'], []]) {
    const resolving = httpWith({
      resolve: (_, callback) =>
        callback(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        ),
    });
    const refused = get(`http://rebind.example:${privatePort}/`, {}, resolving);
    await t.rejects(refused, { code: 'blocked_address' }, addresses.join());
  }
  t.equal(privateConnections, 0);
});

t.test(
  'given a name that resolves differently the second time, then it is resolved once a connection',
  async (t) => {
    let resolutions = 0;
    const rebinding = httpWith({
      resolve: (_, callback) => {
        resolutions += 1;
        callback(null, [{ address: resolutions === 1 ? PUBLIC : '127.0.0.1', family: 4 }]);
      },
    });
    const { body } = await get(`http://rebind.example:${publicPort}/page`, {}, rebinding);
    t.equal(body.toString(), 'hello');
    t.equal(resolutions, 1);
    await t.rejects(get(`http://rebind.example:${privatePort}/`, {}, rebinding), { code: 'blocked_address' });
    t.equal(privateConnections, 0);
  },
);

t.test('given a redirect, then its target is checked like a URL', async (t) => {
  for (const target of [
    `http://127.0.0.1:${privatePort}/`,
    `//127.0.0.1:${privatePort}/`,
    `http://2130706433:${privatePort}/`,
    redirect(302, `http://[::ffff:127.0.0.1]:${privatePort}/`),
  ]) {
    await t.rejects(get(redirect(302, target)), { code: 'blocked_address' }, target);
  }
  for (const target of ['file:///etc/passwd', 'gopher://x/', `http://user:password@${PUBLIC}/`, 'http://[']) {
    await t.rejects(get(redirect(302, target)), { code: 'invalid_url' }, target);
  }
  t.equal(privateConnections, 0);
  t.match(await get(redirect(301, '/page')), { status: 200, url: `${site}/page` });
  const loop = `/302?to=${encodeURIComponent('/302?to=/302')}`;
  await t.rejects(get(redirect(302, redirect(302, redirect(302, redirect(302, loop))))), {
    code: 'too_many_redirects',
  });
  const unfollowed = await get(redirect(302, '/page'), { maxRedirects: 0 });
  t.match(unfollowed, { status: 302, headers: { location: '/page' } });
});

t.test(
  'given a redirect to another origin, then credentials and, after 303, the body stay behind',
  async (t) => {
    const headers = { authorization: 'Bearer x', 'x-trace': '1' };
    const post = { method: 'POST', body: 'data', headers } as const;
    await get(redirect(307, '/page'), post);
    t.match(received.at(-1), { method: 'POST', body: 'data', headers });
    await get(redirect(303, '/page'), post);
    t.match(received.at(-1), { method: 'GET', body: '', headers });
    const other = httpWith({ resolve: (_, callback) => callback(null, [{ address: PUBLIC, family: 4 }]) });
    await get(redirect(307, `http://other.example:${publicPort}/page`), post, other);
    t.match(received.at(-1), { method: 'POST', body: 'data', headers: { 'x-trace': '1' } });
    t.equal(received.at(-1)?.headers.authorization, undefined);
  },
);

t.test('given a URL that is none, or another scheme, it is refused', async (t) => {
  for (const url of [
    '',
    'example.com',
    'ftp://example.com',
    'file:///etc/passwd',
    'data:,x',
    'http://a@example.com',
  ]) {
    await t.rejects(get(url), { code: 'invalid_url' }, url);
  }
});

t.test('given a response that is too large, slow or cut, then it ends', async (t) => {
  for (const [path, code] of [
    ['/endless', 'too_large'],
    ['/bomb', 'too_large'],
    ['/silent', 'timeout'],
    ['/stalls', 'timeout'],
    ['/cut', 'unreachable'],
    ['/broken-gzip', 'unreachable'],
  ] as const) {
    const timeoutMs = code === 'timeout' ? 50 : 5_000;
    await t.rejects(get(site + path, { timeoutMs }), { name: 'PublicHttpError', code }, path);
  }
  const reason = new Error('cancelled');
  await t.rejects(get(`${site}/silent`, { signal: AbortSignal.abort(reason) }), reason);
});
