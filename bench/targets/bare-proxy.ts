/**
 * A gateway that does nothing: Fastify receives the request, undici forwards its bytes and returns the response's bytes. Arguments: port to listen on, port of the provider.
 */
import Fastify from 'fastify';
import { Pool } from 'undici';

const [port, upstreamPort] = process.argv.slice(2).map(Number);

const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { connections: 256, pipelining: 1 });
const app = Fastify({ logger: false, bodyLimit: 33_554_432 });

app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

app.post('/v1/chat/completions', (request, reply) => {
  reply.hijack();
  const { raw } = reply;
  pool.dispatch(
    {
      method: 'POST',
      path: '/v1/chat/completions',
      headers: {
        'content-type': 'application/json',
        authorization: request.headers.authorization ?? '',
      },
      body: request.body as Buffer,
    },
    {
      onRequestStart(controller) {
        raw.on('drain', () => controller.resume());
        raw.once('close', () => {
          if (!raw.writableEnded) controller.abort(new Error('the client disconnected'));
        });
      },
      onResponseStart(_controller, status, { connection, 'transfer-encoding': _, ...headers }) {
        raw.writeHead(status, headers);
      },
      onResponseData(controller, part) {
        if (!raw.write(part)) controller.pause();
      },
      onResponseEnd() {
        raw.end();
      },
      onResponseError(_controller, error) {
        raw.destroy(error);
      },
    },
  );
});

await app.listen({ port: port ?? 0, host: '127.0.0.1' });
process.send?.({ ready: true });
process.once('disconnect', () => process.exit(0));
