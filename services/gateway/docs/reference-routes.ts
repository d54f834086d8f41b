import { randomBytes } from 'node:crypto';
import scalar from '@scalar/fastify-api-reference';
import type { FastifyInstance } from 'fastify';
import { servePages } from './page.ts';

/** `/docs`: the API reference. Its script is served from here, and it calls no other server. */
export async function referenceRoutes(app: FastifyInstance): Promise<void> {
  const nonce = randomBytes(16).toString('base64url');
  servePages(app, `'self' 'nonce-${nonce}'`);
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
