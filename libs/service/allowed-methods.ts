import type { FastifyInstance } from 'fastify';

/**
 * Records the methods of every registered route, so that a wrong method gets 405 instead of 404. It is consulted only
 * after a miss, so a linear scan is enough.
 */
export function watchAllowedMethods(app: FastifyInstance): (path: string) => string[] {
  const routes: { pattern: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    // A catch-all route handles every path below it and does not restrict methods.
    if (url.endsWith('*')) return;
    routes.push({ pattern: toPattern(url), methods: [method].flat() });
  });
  return (path) => {
    const methods = routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods);
    return [...new Set(methods)].sort();
  };
}

/** `/users/:id` and `/models/:name::run` (an escaped colon) as regular expressions. */
function toPattern(url: string): RegExp {
  const source = url.replace(/::|:\w+(?:\([^/]*\))?|[.*+?^${}()|[\]\\]/g, (part) => {
    if (part === '::') return ':';
    return part.startsWith(':') ? '[^/]+' : `\\${part}`;
  });
  return new RegExp(`^${source}/?$`);
}
