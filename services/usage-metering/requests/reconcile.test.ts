import t from 'tap';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { ACCOUNT, type CallerName, createBalances, createTestService, STAFF } from '../fixtures.ts';
import { readExport } from './domain/provider-export.ts';

t.test('exports are read in every format', async (t) => {
  const tokens = { input: 80, cache_read: 20, cache_write: 0, output: 10 };
  const row = { day: '2026-11-20', model: 'gpt-4o-2024-08-06', requests: 2, tokens };
  const bucket = { object: 'bucket', start_time: 1_795_132_800, end_time: 1_795_219_200 };
  const result = {
    ...{ model: 'gpt-4o-2024-08-06', num_model_requests: 2 },
    ...{ input_tokens: 100, input_cached_tokens: 20, output_tokens: 10 },
  };
  t.strictSame(readExport('openai', JSON.stringify({ data: [{ ...bucket, results: [result] }] })), [row]);
  const csv = [
    'start_time,end_time,num_model_requests,"model",input_tokens,output_tokens,input_cached_tokens',
    '1795132800,1795219200,2,"gpt-4o-2024-08-06",100,10,20',
    '1795132800,1795219200,0,,0,0,0',
  ];
  t.strictSame(readExport('openai', csv.join('\r\n')), [row]);
  t.strictSame(readExport('openai', `${csv.join('\n')}\n`), [row]);

  const claude = { day: '2026-11-20', model: 'claude-sonnet-4-5', requests: null };
  const written = { input: 5, cache_read: 6, cache_write: 7, output: 8 };
  const report = {
    starting_at: '2026-11-20T00:00:00Z',
    results: [
      {
        ...{
          model: 'claude-sonnet-4-5',
          uncached_input_tokens: 5,
          cache_read_input_tokens: 6,
          output_tokens: 8,
        },
        cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 3 },
      },
    ],
  };
  t.strictSame(readExport('anthropic', JSON.stringify({ data: [report] })), [{ ...claude, tokens: written }]);
  const console = [
    'usage_date_utc,model_version,workspace,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens',
    '2026-11-20,claude-sonnet-4-5,"Ink, ""Ltd""",5,4,3,6,8',
  ];
  t.strictSame(readExport('anthropic', console.join('\n')), [{ ...claude, tokens: written }]);

  for (const [provider, text] of [
    ['openai', '{"data":1}'],
    ['openai', '{'],
    ['openai', 'a,"b\n1,2'],
    ['openai', 'a,b\n1,2'],
    ['openai', csv.join('\n').replace('100', '-1')],
    ['openai', csv.join('\n').replace('"gpt-4o-2024-08-06"', '')],
    ['anthropic', csv.join('\n')],
  ] as const)
    t.throws(() => readExport(provider, text), { code: 'semantic_error' }, text);
});

t.test('given recorded calls, and some of unknown outcome', async (t) => {
  const service = await createTestService(t);
  const { ledger, pool, runtime } = service;
  const { clock } = runtime;
  await createBalances(ledger, ACCOUNT, clock.now());
  await pool.query(
    `INSERT INTO models (provider, model, info, updated_at) VALUES ('openai', 'gpt-4o', $1, now())`,
    [
      JSON.stringify({
        provider: 'openai',
        model: 'gpt-4o',
        aliases: ['gpt-4o-2024-08-06'],
        upstreamModel: 'gpt-4o',
      }),
    ],
  );
  const price = {
    ...{ provider: 'openai', model: 'gpt-4o', version: 'openai/gpt-4o@test' },
    tiers: [
      { from_input_tokens: 0, pico_usd_per_unit: { input: '1000', cache_read: '500', output: '2000' } },
    ],
  };
  const call = {
    ...{ index: 0, step: 'chat', provider: 'openai', model: 'gpt-4o', inputTokens: 100, outputTokens: 50 },
    ...{ choices: 1, otherUnits: {}, counts: {}, price },
  };
  const detail = JSON.stringify({ kind: 'chat', calls: [call] });
  const meters = { cost: 200n, 'tokens.total': 150n };

  async function settled(inputTokens: number, outputTokens: number) {
    const id = runtime.newId();
    const cost = BigInt(inputTokens + 2 * outputTokens);
    const facts = { model: 'gpt-4o', inputTokens, outputTokens };
    await ledger.hold(testHold(ACCOUNT, id, meters, { detail }));
    await ledger.settle(
      testSettle(ACCOUNT, id, { cost, 'tokens.total': BigInt(inputTokens + outputTokens) }, { facts }),
    );
  }
  async function lost() {
    const id = runtime.newId();
    await ledger.hold(testHold(ACCOUNT, id, meters, { detail, ttlMs: 1 }));
    clock.advance(1);
    await service.runTask('expire-holds');
    return `${id}.0`;
  }
  // 20 November: one lost call. 21: two lost. 22: two lost, and nothing else.
  await settled(40, 10);
  const first = await lost();
  clock.set('2026-11-21T12:00:00Z');
  await settled(10, 10);
  await lost();
  await lost();
  clock.set('2026-11-22T12:00:00Z');
  const free = [await lost(), await lost()].sort();

  const row = (day: number, input: number, output: number, cached = 0) =>
    `2026-11-${day},1,gpt-4o-2024-08-06,${input},${output},${cached}`;
  const source = (...rows: string[]) =>
    ['start_time_iso,num_model_requests,model,input_tokens,output_tokens,input_cached_tokens', ...rows].join(
      '\n',
    );
  const text = source(row(20, 100, 35, 30), row(21, 60, 30), '2026-11-22,1,gpt-99,5,5,0');
  const reconcile = (body: object, as: CallerName = 'admin') =>
    service.call('POST', '/api/admin/usage/reconcile', {
      as,
      body: { provider: 'openai', source: text, ...body },
    });
  const used = async () =>
    (await pool.query(`SELECT sum(used)::int AS used FROM ledger_counters WHERE meter = 'cost'`)).rows[0]
      .used;

  await t.test('then the differences are shown by day and model', async (t) => {
    const before = await used();
    const { status, body } = await reconcile({});
    t.equal(status, 200);
    t.match(body, { unknown_models: ['gpt-99'], corrected: [] });
    t.match(body.days, [
      {
        day: '2026-11-20',
        model: 'gpt-4o',
        provider: { requests: 1, tokens: { input: 70, cache_read: 30, output: 35 } },
        recorded: { calls: 1, tokens: { input: 40, cache_read: 0, output: 10 } },
        difference: { input: 30, cache_read: 30, cache_write: 0, output: 25 },
        unresolved: 1,
        result: 'resolved_by_export',
        resolutions: [{ id: first, usage: { input: 30, cache_read: 30, output: 25 } }],
      },
      { day: '2026-11-21', difference: { input: 50, output: 20 }, unresolved: 2, result: 'ambiguous' },
      { day: '2026-11-22', provider: null, unresolved: 2, result: 'resolved_by_export' },
    ]);
    t.strictSame(body.days[2].resolutions.map(({ id }: { id: string }) => id).sort(), free);
    t.equal(await used(), before);
  });

  await t.test('when it is applied, then calls of unknown outcome are corrected, once', async (t) => {
    const before = await used();
    const answers = await Promise.all([reconcile({ apply: true }), reconcile({ apply: true })]);
    t.strictSame(answers.flatMap(({ body }) => body.corrected).sort(), [first, ...free].sort());
    // one call of 200 cost 30 + 15 + 50, two cost nothing
    t.equal(await used(), before - 600 + 95);
    const { body } = await reconcile({ apply: true });
    t.match(
      body.days.map(({ result }: { result: string }) => result),
      ['equal', 'ambiguous', 'equal'],
    );
    const { rows } = await pool.query(
      `SELECT actor, reason FROM audit_log WHERE action = 'usage.resolved' AND subject = $1`,
      [`call:${first}`],
    );
    t.match(rows, [{ actor: STAFF, reason: /^Usage export of openai, SHA-256 [0-9a-f]{16}\.$/ }]);
    t.strictSame(await findBreaches(pool), []);
  });

  await t.test('then figures above what was held are not taken', async (t) => {
    clock.set('2026-11-23T12:00:00Z');
    await lost();
    t.match((await reconcile({ source: source(row(23, 101, 10)) })).body.days, [{ result: 'ambiguous' }]);
    t.match((await reconcile({ source: source(row(23, 90, 10, 45)) })).body.days, [
      { result: 'resolved_by_export' },
    ]);
    t.match((await reconcile({ source: source(row(19, 1, 1)) })).body.days, [{ result: 'different' }]);
  });

  await t.test('then bad input and other callers are refused', async (t) => {
    t.match(await reconcile({ source: 'nonsense' }), { status: 200, body: { days: [] } });
    t.match(await reconcile({ source: '{}' }), { status: 422, body: { param: 'source' } });
    t.match(await reconcile({ source: source(row(20, 1, 1), row(20, 1, 1).replace('2026', '2025')) }), {
      status: 422,
    });
    t.match(await reconcile({ provider: 'gemini' }), { status: 400 });
    t.match(await reconcile({}, 'support'), { status: 403 });
    t.match(await reconcile({}, 'owner'), { status: 403 });
    t.match(await service.call('POST', '/api/admin/usage/reconcile', { body: {} }), { status: 401 });
  });
});
