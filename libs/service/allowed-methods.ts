import type { FastifyInstance } from 'fastify';

/**
 * Watches routes being registered and tells which methods a path answers to, so that a wrong method gets 405 instead
 * of 404. Asked only after a miss, hence a plain scan.
 */
export function watchAllowedMethods(app: FastifyInstance): (path: string) => string[] {
  const routes: { pattern: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    // a catch-all route answers everything below it by itself, and says nothing about methods
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
