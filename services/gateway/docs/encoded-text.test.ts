import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import Fastify from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import t from 'tap';
import { openApiRoutes } from './openapi-routes.ts';
import { referenceRoutes } from './reference-routes.ts';

t.test('given a large text of the reference, then it is sent compressed, and once', async (t) => {
  const app = Fastify();
  t.teardown(() => app.close());
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  openApiRoutes(app);
  await app.register(referenceRoutes);
  for (const url of ['/openapi.json', '/openapi.yaml', '/docs/js/scalar.js']) {
    const read = (headers: Record<string, string>) => app.inject({ url, headers });
    const plain = await read({ 'accept-encoding': 'gzip;q=0' });
    const expected = { 'cache-control': 'public, max-age=300', etag: /^W\// };
    t.match(plain, { statusCode: 200, headers: expected }, url);
    t.equal(plain.headers['content-encoding'], undefined);
    const encoded = await read({ 'accept-encoding': 'gzip, deflate, BR;q=1' });
    t.match(encoded.headers, { 'content-encoding': 'br', vary: 'Accept-Encoding', etag: plain.headers.etag });
    t.equal(brotliDecompressSync(encoded.rawPayload).compare(plain.rawPayload), 0);
    t.ok(encoded.rawPayload.length * 3 < plain.rawPayload.length);
    const zipped = await read({ 'accept-encoding': 'gzip' });
    t.equal(gunzipSync(zipped.rawPayload).compare(plain.rawPayload), 0);
    const again = await read({ 'accept-encoding': 'br', 'if-none-match': String(plain.headers.etag) });
    t.match(
      [again.statusCode, again.rawPayload.length, again.headers['content-encoding']],
      [304, 0, undefined],
    );
  }
});
