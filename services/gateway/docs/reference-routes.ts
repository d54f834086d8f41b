import { randomBytes } from 'node:crypto';
import scalar from '@scalar/fastify-api-reference';
import type { FastifyInstance } from 'fastify';
import { type EncodedText, encodeText, negotiate } from './encoded-text.ts';
import { servePages } from './page.ts';

/** 5 MB. */
const SCRIPT = '/docs/js/scalar.js';

/** `/docs`: the API reference. Its script is served from here, and it calls no other server. */
export async function referenceRoutes(app: FastifyInstance): Promise<void> {
  const nonce = randomBytes(16).toString('base64url');
  servePages(app, `'self' 'nonce-${nonce}'`);
  let encoded: Promise<EncodedText> | undefined;
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.routeOptions.url !== SCRIPT || typeof payload !== 'string') return payload;
    encoded ??= encodeText(payload);
    return negotiate(request, reply, await encoded);
  });
  app.get('/', (_request, reply) => reply.redirect('/docs/', 302));
  await app.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      url: '/openapi.json',
      pageTitle: 'Inkmeter API reference',
      nonce,
      withDefaultFonts: false,
      telemetry: false,
      showDeveloperTools: 'never',
      hideClientButton: true,
      agent: { disabled: true },
      mcp: { disabled: true },
    },
  });
}
