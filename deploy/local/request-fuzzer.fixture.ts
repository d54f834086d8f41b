/** Damages requests of the documented operations, reproducibly by seed, and checks every answer against the document. */
import type { Operation } from '#libs/contracts/operation.ts';
import { type HttpResponse, request } from '#libs/testing/http.ts';
import { DOCUMENTED_OPERATIONS } from '#services/gateway/openapi/documented-operations.ts';
import { pick, type Random, randomOf } from '#services/generation/providers/corpus/fuzzer.fixture.ts';

/** What they change would end the run, or is in force for every account. */
const EXCLUDED: ReadonlySet<string> = new Set([
  'addModelAlias',
  'addPrices',
  'createStop',
  'importPriceList',
  'publishCatalogue',
  'putFlag',
  'putGuardRail',
  'deleteGuardRail',
]);
const OPERATIONS = DOCUMENTED_OPERATIONS.filter(
  ({ operationId, isLive }) => isLive !== true && !EXCLUDED.has(operationId),
);

const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  0.1,
  2 ** 53,
  1e308,
  '',
  ' ',
  '0',
  '9'.repeat(400),
  'x'.repeat(10_000),
  'a\u0000b',
  '\ud800',
  '\u202e٣\ufeff',
  '🪶'.repeat(50),
  "'; DROP TABLE users; --",
  '../../etc/passwd',
  '2026-13-45T99:00:00Z',
  '+999999-01-01T00:00:00Z',
  '00000000-0000-0000-0000-000000000000',
  'http://127.0.0.1/',
  'data:application/pdf;base64,AAAA',
  [],
  {},
  [null],
  nested(20),
  nested(80),
  { toString: 1 },
  JSON.parse('{"__proto__":{"role":"admin"},"constructor":{"prototype":1}}'),
];
const ODD_SEGMENTS = ['x', '0', '%00', '%', '%ED%A0%80', '..%2f', 'a%20b', '%F0%9F%AA%B6', 'x'.repeat(3_000)];
const ODD_CONTENT_TYPES = [
  'text/plain',
  'application/json; charset=latin1',
  'multipart/form-data',
  '',
  'a/b/c',
];
/** Longer URLs are refused before their operation is known. */
const LONGEST_PARAMETER = 2_000;
const ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e';

type Fields = Record<string, unknown> | unknown[];
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** Changes one place of a value, in place. */
function damage(value: Fields, random: Random): void {
  const keys = Object.keys(value);
  const key = keys.length > 0 ? pick(random, keys) : 'unknown';
  const fields = value as Record<string, unknown>;
  const inner = fields[key];
  if (isFields(inner) && random() < 0.7) {
    damage(inner, random);
    return;
  }
  const kind = random();
  if (kind < 0.6) fields[key] = structuredClone(pick(random, ODD_VALUES));
  else if (kind < 0.75) delete fields[key];
  else if (kind < 0.9) {
    const name = pick(random, ['unknown', '__proto__', 'account_id', key.toUpperCase()]);
    // An assignment to `__proto__` would change the prototype.
    Object.defineProperty(fields, name, {
      value: inner,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  } else fields[key] = [inner, inner];
}

function pathOf({ path, querystring }: Operation, random: Random): string {
  const pathname = path.replaceAll(/\{\w+\}/g, () => (random() < 0.3 ? pick(random, ODD_SEGMENTS) : ID));
  const names = Object.keys(querystring?.shape ?? {});
  if (names.length === 0 || random() < 0.3) return pathname;
  const name = random() < 0.9 ? pick(random, names) : 'unknown';
  const odd = pick(random, ODD_VALUES);
  const text = typeof odd === 'string' ? odd.toWellFormed() : JSON.stringify(odd);
  const value = encodeURIComponent(text.slice(0, LONGEST_PARAMETER));
  return `${pathname}?${name}=${value}${random() < 0.2 ? `&${name}=again` : ''}`;
}

type Body = { body?: unknown; headers?: Record<string, string> };

function bodyOf({ bodyExample, method }: Operation, random: Random): Body {
  if (bodyExample === undefined) {
    return method === 'GET' || random() < 0.8 ? {} : { body: pick(random, ODD_VALUES) };
  }
  const body = structuredClone(bodyExample);
  const changes = Math.floor(random() * 3);
  if (isFields(body)) for (let change = 0; change < changes; change += 1) damage(body, random);
  const kind = random();
  if (kind < 0.85) return { body };
  const text = JSON.stringify(body);
  const cut = text.slice(0, Math.floor(random() * text.length));
  if (kind < 0.93) return { body: cut, headers: { 'content-type': 'application/json' } };
  return { body: text, headers: { 'content-type': pick(random, ODD_CONTENT_TYPES) } };
}

/** Sends one damaged request. @throws Error for an answer that is undocumented, malformed or a fault of ours. */
export async function fuzzRequest(
  { url, tokenFor }: { url: string; tokenFor: (auth: Operation['auth']) => string },
  seed: number,
): Promise<HttpResponse> {
  const random = randomOf(seed);
  const operation = pick(random, OPERATIONS);
  const { operationId, method, auth } = operation;
  const path = pathOf(operation, random);
  const { body, headers } = bodyOf(operation, random);
  const what = `seed ${seed}: ${operationId} ${path.slice(0, 200)} ${JSON.stringify(body)?.slice(0, 500)}`;
  const authorization = { authorization: `Bearer ${tokenFor(auth)}` };
  const answer = await request(`${url}${path}`, {
    method,
    headers: { ...(auth !== 'none' && authorization), ...headers },
    ...(body !== undefined && { body }),
  }).catch((error: unknown) => {
    throw new Error(what, { cause: error });
  });
  // On a busy machine a service may not answer in time.
  if (answer.status >= 500 && answer.status !== 503)
    throw new Error(`${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer;
}
