/** Calls of operations by their examples, and a record of those that were made. */
import type { Test } from 'tap';
import type { Operation } from '#libs/contracts/operation.ts';
import { silence } from '#libs/simulators/audio.ts';
import { request } from '#libs/testing/http.ts';
import { DOCUMENTED_OPERATIONS } from '#services/gateway/openapi/documented-operations.ts';
import { type Answer, type Customer, type Installation, startInstallation } from '../installation.fixture.ts';

export const OPERATIONS = new Map<string, Operation>(
  DOCUMENTED_OPERATIONS.map((one) => [one.operationId, one]),
);

export type Parts = {
  params?: Record<string, string>;
  query?: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** A successful one unless given. */
  status?: number;
};
/** An operation, and the parts of its request that its examples do not have. */
export type Call = readonly [operationId: string, parts?: Parts];

/** An installation, a customer on Pro, and calls in their name. */
export type OperationCalls = Installation & {
  owner: Customer;
  user_id: string;
  account_id: string;
  /** The operations that were called. */
  exercised: Set<string>;
  /** Records an answer. @param expected a success unless given. */
  check: (operationId: string, answer: Pick<Answer, 'status' | 'body'>, expected?: number) => void;
  /** @param credential the customer's unless given, or that of staff for their operations. */
  ask: (call: Call, credential?: string) => Promise<Answer>;
  askAll: (...calls: Call[]) => Promise<void>;
};

export async function startCalls(t: Test): Promise<OperationCalls> {
  const installation = await startInstallation(t, 'default');
  const { url, staffToken, customer, call } = installation;
  const owner = await customer('pro');
  const { body: me } = await call('/api/me', owner.token);
  const user_id: string = me.user.id;
  const account_id = owner.accountId;
  const exercised = new Set<string>();

  function check(operationId: string, { status, body }: Pick<Answer, 'status' | 'body'>, expected?: number) {
    const isExpected = expected === undefined ? status < 300 : status === expected;
    t.ok(isExpected, `${operationId}: ${status} ${isExpected ? '' : JSON.stringify(body)}`);
    exercised.add(operationId);
  }

  async function ask([operationId, parts = {}]: Call, credential?: string): Promise<Answer> {
    const { auth, method, target, body } = requestOf(operationId, parts);
    const token = credential ?? (auth === 'staff' ? staffToken : owner.token);
    const answer: Answer = await request(`${url}${target}`, {
      method,
      headers: { ...(auth !== 'none' && { authorization: `Bearer ${token}` }), ...parts.headers },
      ...(body !== undefined && { body }),
    });
    check(operationId, answer, parts.status);
    return answer;
  }
  const askAll = async (...calls: Call[]) => {
    for (const one of calls) await ask(one);
  };
  return { ...installation, owner, user_id, account_id, exercised, check, ask, askAll };
}

export function requestOf(operationId: string, { params, query = '', body }: Parts) {
  const operation = OPERATIONS.get(operationId);
  if (operation === undefined) throw new Error(`There is no operation ${operationId}.`);
  const { auth, method, bodyExample } = operation;
  const pathname = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = params?.[name];
    if (value === undefined) throw new Error(`${operationId} needs ${name}.`);
    return encodeURIComponent(value);
  });
  return { auth, method, target: pathname + query, body: body ?? bodyExample };
}

/** A form with a recording of a second, as a body. */
export async function formOf({ file, ...fields }: { file: string } & Record<string, string>): Promise<Parts> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([Uint8Array.from(silence(1))], { type: 'audio/wav' }), file);
  const encoded = new Response(form);
  return {
    body: new Uint8Array(await encoded.arrayBuffer()),
    headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
  };
}
