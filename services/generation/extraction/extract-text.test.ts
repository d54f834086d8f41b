/** A server on 127.0.0.2 stands for the public internet. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deflateRawSync } from 'node:zlib';
import t from 'tap';
import { createPublicHttp } from '#libs/http/public-http.ts';
import { htmlText } from './domain/html-text.ts';
import { createTextExtractor } from './extract-text.ts';
import { docxOf, pdfOf } from './files.fixture.ts';
import { parseFile } from './parse-file.ts';

const PUBLIC = '127.0.0.2';
const http = createPublicHttp({ isAllowed: (address) => address === PUBLIC });
t.teardown(() => http.close());
const extractor = createTextExtractor(http);
const PAGE = `<!DOCTYPE html><html><head><title>Ink &amp; paper</title><style>p{color:red}</style></head>
<body><nav><a href=/>Home</a></nav><h1>Caf&eacute; inks</h1><p>First   line<br>second &#8364; &#x1F58B; line</p>
<script>if (a < b) { document.write("<p>no</p>") }</script><ul><li>One<li>Two</ul><!-- hidden --> 1 < 2
<footer>Imprint</footer></body></html>`;

t.test('given text, PDF, DOCX or HTML, the text is read by what the file is', async (t) => {
  const markdown = Buffer.from('\ufeff# Tone\n\nShort – 短く.');
  t.match(await extractor.fromBytes(markdown, 'text/markdown'), {
    text: '# Tone\n\nShort – 短く.',
    mediaType: 'text/markdown',
    title: null,
    sizeBytes: markdown.length,
  });
  const utf16 = Buffer.from('\ufeffInk', 'utf16le');
  t.match(await extractor.fromBytes(utf16), { text: 'Ink', mediaType: 'text/plain' });
  t.match(await extractor.fromBytes(pdfOf('Nib guide', 'A fine nib.', 'A broad nib.'), 'text/plain'), {
    text: /^A fine nib\.\s+\f\s*A broad nib\.$/,
    mediaType: 'application/pdf',
    title: 'Nib guide',
  });
  t.match(await extractor.fromBytes(await docxOf('Inks', 'Iron gall is permanent.')), {
    text: '# Inks\n\nIron gall is permanent.',
    mediaType: /wordprocessingml/,
    title: 'Inks',
  });
  t.match(await extractor.fromBytes(Buffer.from(PAGE)), { mediaType: 'text/html', title: 'Ink & paper' });
});

t.test('given a page, then its text is what readers see', async (t) => {
  t.strictSame(htmlText(PAGE).text, '# Café inks\n\nFirst line\nsecond € 🖋 line\n\n- One\n- Two\n\n1 < 2');
  for (const html of ['<', '<script>x', '<!--', '<p', 'a<b', '&#xd800;&#0;', '</', '<h7>x']) {
    t.type(htmlText(html).text, 'string');
  }
  const started = performance.now();
  htmlText('<script>'.repeat(500_000));
  htmlText('<p '.repeat(500_000));
  t.ok(performance.now() - started < 5_000, 'in linear time');
});

t.test('given files without text, then they are refused', async (t) => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  for (const [name, bytes, code] of [
    ['an image', png, 'unsupported_media_type'],
    ['bytes', Buffer.from([0xff, 0xd8, 0x00, 0x10]), 'unsupported_media_type'],
    ['NUL', Buffer.from('a\u0000b'), 'unsupported_media_type'],
    ['Latin 1', Buffer.from('caf\xe9', 'latin1'), 'unsupported_media_type'],
    ['nothing', Buffer.from(' \n '), 'semantic_error'],
    ['an empty page', Buffer.from('<html><script>x</script></html>'), 'semantic_error'],
    ['a PDF without text', pdfOf('Scan', ''), 'semantic_error'],
    ['a damaged PDF', Buffer.from('%PDF-1.7\nnothing follows'), 'semantic_error'],
    [
      'a cut DOCX',
      (await docxOf('Inks', 'Text')).subarray(0, 3_000),
      /semantic_error|unsupported_media_type/,
    ],
    ['a long text', Buffer.from('x'.repeat(2_000_001)), 'semantic_error'],
  ] as const) {
    await t.rejects(extractor.fromBytes(bytes), { code }, name);
  }
});

t.test('given a DOCX that unpacks to far more than it has, then it is not unpacked', async (t) => {
  const docx = await docxOf('Inks', 'Text');
  const name = Buffer.from('word/bomb.xml');
  const packed = deflateRawSync(Buffer.alloc(80_000_000, 0x20));
  const local = Buffer.alloc(30);
  local.write('PK\u0003\u0004', 'latin1');
  local.writeUInt16LE(8, 8);
  local.writeUInt32LE(packed.length, 18);
  local.writeUInt16LE(name.length, 26);
  const central = Buffer.alloc(46);
  central.write('PK\u0001\u0002', 'latin1');
  central.writeUInt16LE(8, 10);
  central.writeUInt32LE(packed.length, 20);
  central.writeUInt32LE(100, 24);
  central.writeUInt16LE(name.length, 28);
  central.writeUInt32LE(docx.length, 42);
  const bomb = Buffer.concat([docx, local, name, packed, central, name]);
  await t.rejects(extractor.fromBytes(bomb), { code: 'semantic_error', message: /too large when unpacked/ });
});

t.test('given a parser that does not end, or too many, then a request does not wait', async (t) => {
  await t.rejects(parseFile('pdf', pdfOf('Slow', 'x'), 1), { message: /too long/ });
  const many = await Promise.allSettled(Array.from({ length: 5 }, () => parseFile('pdf', pdfOf('One', 'x'))));
  t.match(many.at(-1), { status: 'rejected', reason: { code: 'overloaded' } });
  t.equal(many.filter(({ status }) => status === 'fulfilled').length, 4);
});

t.test('given a URL, then a public page is read, and its failures are explained', async (t) => {
  const server = createServer((request, response) => {
    if (request.url === '/latin') {
      return response
        .setHeader('content-type', 'text/html; charset=iso-8859-1')
        .end(Buffer.from('<p>café', 'latin1'));
    }
    if (request.url === '/pdf') return response.end(pdfOf('Nib guide', 'A fine nib.'));
    if (request.url === '/moved') return response.writeHead(302, { location: '/latin' }).end();
    if (request.url === '/local') return response.writeHead(302, { location: 'http://127.0.0.1/' }).end();
    return response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, PUBLIC, resolve));
  t.teardown(() => server.close());
  const site = `http://${PUBLIC}:${(server.address() as AddressInfo).port}`;
  const read = (path: string) => extractor.fromUrl(site + path);
  t.match(await read('/moved'), { text: 'café', mediaType: 'text/html', url: `${site}/latin` });
  t.match(await read('/pdf'), { title: 'Nib guide', text: 'A fine nib.' });
  const refused = { code: 'semantic_error', fields: { param: 'url' } };
  await t.rejects(read('/none'), { ...refused, message: /answered 404/ });
  await t.rejects(read('/local'), { ...refused, message: /not on the public internet/ });
  await t.rejects(extractor.fromUrl('http://169.254.169.254/latest/'), refused);
  await t.rejects(extractor.fromUrl('file:///etc/passwd'), refused);
});
