/**
 * 2. Exact budget. Every call uses its whole worst case, so a limit worth exactly n of them admits exactly n, at any
 * concurrency and through any gateway.
 */
import { addMember, createAccounts, createKey, type ProofAccount, setLimits, worth } from '../accounts.ts';
import { chatUntil, type Outcome } from '../calls.ts';
import { examine, figures, isAdmitted, unexpected } from '../examine.ts';
import { PLAN_CALLS, PLAN_CALLS_PER_PERSON, type ProofMeter, WORST_CASE } from '../installation.ts';
import { type CaseResult, clientOf, joinResults, type Proof } from '../proof.ts';

const METERS = Object.keys(WORST_CASE) as ProofMeter[];
/** Surplus in meters that do not bind. */
const SPARE_CALLS = 30;

type Share = { name: string; outcomes: Outcome[]; expected: number };

export async function runExact(proof: Proof): Promise<CaseResult> {
  const variants = [oneAccount, mixedWithStreams, fiveMeters, manyAccounts, keysAndPeople];
  const results: CaseResult[] = [];
  for (const variant of variants) results.push(await variant(proof));
  return joinResults(results);
}

const requestsOf = ({ isQuick }: Proof) => (isQuick ? 200 : 1_000);
const budgetOf = ({ isQuick }: Proof) => (isQuick ? 10 : 50);

/** Sends all requests at once, spread over both gateways. */
function storm(
  proof: Proof,
  count: number,
  request: (index: number) => { token: string; stream?: boolean },
): Promise<Outcome[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => chatUntil(clientOf(proof, index), request(index))),
  );
}

async function conclude(
  proof: Proof,
  variant: {
    name: string;
    accounts: readonly ProofAccount[];
    since: Date;
    shares: readonly Share[];
    limit: bigint;
  },
): Promise<CaseResult> {
  const { name, accounts, since, shares, limit } = variant;
  const outcomes = shares.flatMap((share) => share.outcomes);
  const found = await examine(proof, { accountIds: accounts.map(({ id }) => id), since, outcomes });
  const differences = [...found.differences, ...unexpected(outcomes)];
  for (const share of shares) {
    const admitted = share.outcomes.filter(isAdmitted).length;
    if (admitted !== share.expected) {
      differences.push(`${share.name}: ${admitted} admitted, expected exactly ${share.expected}`);
    }
  }
  const expected = shares.reduce((sum, share) => sum + share.expected, 0);
  const row = {
    case: `exact: ${name}`,
    ...figures(found, outcomes),
    expected: `${expected}`,
    limit: `${limit}`,
  };
  return {
    rows: [{ ...row, isRight: differences.length === 0 }],
    notes: [],
    differences: label(name, differences),
  };
}

const label = (name: string, differences: string[]) =>
  differences.map((difference) => `exact, ${name}: ${difference}`);

async function oneBudget(
  proof: Proof,
  name: string,
  streams: (index: number) => boolean,
): Promise<CaseResult> {
  proof.progress(`exact: ${name}`);
  const since = new Date();
  const budget = budgetOf(proof);
  const accounts = await createAccounts(proof.clients, 1);
  const [account] = accounts as [ProofAccount];
  await setLimits(proof.system.pool, account.id, [worth('cost', budget)]);
  const outcomes = await storm(proof, requestsOf(proof), (index) => ({
    token: account.key.text,
    stream: streams(index),
  }));
  const shares = [{ name: 'account', outcomes, expected: budget }];
  return conclude(proof, { name, accounts, since, shares, limit: WORST_CASE.cost * BigInt(budget) });
}

const oneAccount = (proof: Proof) => oneBudget(proof, 'one budget', () => false);
const mixedWithStreams = (proof: Proof) =>
  oneBudget(proof, 'streams and plain calls', (index) => index % 4 < 2);

/** Five limited meters; in each account another one binds. */
async function fiveMeters(proof: Proof): Promise<CaseResult> {
  const name = 'five meters, each binding once';
  proof.progress(`exact: ${name}`);
  const since = new Date();
  const budget = budgetOf(proof);
  const accounts = await createAccounts(proof.clients, METERS.length);
  await Promise.all(
    accounts.map(({ id }, index) =>
      setLimits(
        proof.system.pool,
        id,
        METERS.map((meter, position) => worth(meter, position === index ? budget : budget + SPARE_CALLS)),
      ),
    ),
  );
  const outcomes = await storm(proof, requestsOf(proof), (index) => ({
    token: accountAt(accounts, Math.floor(index / 2)).key.text,
    stream: index % 3 === 0,
  }));
  const shares = accounts.map((_, position) => ({
    name: `${METERS[position]} binding`,
    outcomes: outcomes.filter((_, index) => Math.floor(index / 2) % accounts.length === position),
    expected: budget,
  }));
  // Cost binds in one account and is wider in the others.
  const limit = WORST_CASE.cost * BigInt(budget * METERS.length + SPARE_CALLS * (METERS.length - 1));
  return conclude(proof, { name, accounts, since, shares, limit });
}

async function manyAccounts(proof: Proof): Promise<CaseResult> {
  const count = proof.isQuick ? 10 : 100;
  const budget = 4;
  const name = `${count} accounts interleaved`;
  proof.progress(`exact: ${name}`);
  const since = new Date();
  const accounts = await createAccounts(proof.clients, count);
  await Promise.all(accounts.map(({ id }) => setLimits(proof.system.pool, id, [worth('cost', budget)])));
  const perAccount = 10;
  const outcomes = await storm(proof, count * perAccount, (index) => ({
    token: accountAt(accounts, Math.floor(index / 2)).key.text,
    stream: index % 5 === 0,
  }));
  const shares = accounts.map((_, position) => ({
    name: `account ${position}`,
    outcomes: outcomes.filter((_, index) => Math.floor(index / 2) % count === position),
    expected: budget,
  }));
  return conclude(proof, { name, accounts, since, shares, limit: WORST_CASE.cost * BigInt(budget * count) });
}

/** The plan limits the account and each user, keys have their own limits, and all apply at once. */
async function keysAndPeople(proof: Proof): Promise<CaseResult> {
  const name = 'keys and users under their own limits too';
  proof.progress(`exact: ${name}`);
  const since = new Date();
  const accounts = await createAccounts(proof.clients, 1);
  const [account] = accounts as [ProofAccount];
  const [client] = proof.clients;
  const keyCalls = 5;
  const keys = await Promise.all([1, 2, 3, 4].map(() => createKey(client, account.owner, keyCalls)));
  const users = [account.owner, await addMember(client, account), await addMember(client, account)];
  const callers = [
    ...keys.map(({ text }, index) => ({ name: `key ${index + 1}`, token: text, expected: keyCalls })),
    ...users.map(({ token }, index) => ({
      name: `user ${index + 1}`,
      token,
      expected: Number(PLAN_CALLS_PER_PERSON),
    })),
  ];
  const perCaller = Math.floor(requestsOf(proof) / (callers.length + 1));
  const limited = await storm(proof, perCaller * callers.length, (index) => ({
    token: callers[index % callers.length]?.token ?? '',
    stream: index % 3 === 0,
  }));
  const shares: Share[] = callers.map(({ name, expected }, position) => ({
    name,
    outcomes: limited.filter((_, index) => index % callers.length === position),
    expected,
  }));
  // A key without its own limit gets the rest of the account's budget.
  const left = Number(PLAN_CALLS) - callers.reduce((sum, { expected }) => sum + expected, 0);
  const rest = await storm(proof, perCaller, () => ({ token: account.key.text }));
  shares.push({ name: 'a key without a limit', outcomes: rest, expected: left });
  return conclude(proof, { name, accounts, since, shares, limit: WORST_CASE.cost * PLAN_CALLS });
}

function accountAt(accounts: readonly ProofAccount[], index: number): ProofAccount {
  return accounts[index % accounts.length] as ProofAccount;
}
