import type { ServiceApp } from '#libs/service/create-service.ts';

/** For an API that is never shown in a browser window, and whose answers are nobody else's business. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
} as const;

export function addSecurityHeaders(app: ServiceApp): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(HEADERS);
    done();
  });
}
