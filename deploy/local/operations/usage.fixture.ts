/** Usage and alerts, what partners report, and the work of staff. */
import { createDatabase } from '#libs/db/database.ts';
import { checkDocumented } from '#libs/testing/document.ts';
import { storeMonth } from '#services/usage-metering/partitions/archive.ts';
import { OPERATIONS, type OperationCalls } from './calls.fixture.ts';

export async function callAlerts({
  ask,
  check,
  pool,
  url,
  owner,
  account_id,
}: OperationCalls): Promise<void> {
  const alert_id = '0190a1b2-0000-7000-8000-00000000e001';
  await pool.query(
    `INSERT INTO alerts (id, account_id, kind, type, severity, data, created_at)
     VALUES ($1, $2, 'trial', 'trial.ending', 'info', '{"plan": "pro"}', now())`,
    [alert_id, account_id],
  );
  await ask(['markAlertRead', { params: { alert_id } }]);

  const controller = new AbortController();
  const { status, headers, body } = await fetch(`${url}/api/usage/stream`, {
    headers: { authorization: `Bearer ${owner.token}` },
    signal: controller.signal,
  });
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('\n\n')) text += (await reader?.read())?.value ?? '';
  controller.abort();
  checkDocumented({
    ...{ method: 'GET', path: '/api/usage/stream', status },
    contentType: headers.get('content-type') ?? '',
    body: text.slice(0, text.lastIndexOf('\n\n') + 2),
  });
  check('streamUsage', { status, body: text });
}

export async function callPartnerRoutes({ ask, askAll, keyOf, owner }: OperationCalls): Promise<void> {
  const { body: hold } = await ask(['createHold']);
  await askAll(
    ['checkOperations'],
    ['settleHold', { params: { id: hold.id } }],
    ['closeHold', { params: { id: hold.id } }],
    ['reportEvents'],
  );
  const key = await keyOf(owner);
  const { body: token } = await ask(['createSessionToken'], key);
  await ask(['revokeSessionToken', { params: { id: token.id } }], key);
  const { body: endpoint } = await ask(['createWebhookEndpoint']);
  const params = { id: endpoint.id };
  const { body: test } = await ask(['testWebhookEndpoint', { params }]);
  const delivery = { params: { id: endpoint.id, delivery_id: test.id } };
  await askAll(
    ['getWebhookEndpoint', { params }],
    ['changeWebhookEndpoint', { params }],
    ['rotateWebhookSecret', { params }],
    ['listWebhookEndpoints'],
    ['listWebhookDeliveries', { params }],
    ['getWebhookDelivery', delivery],
    ['replayWebhookDelivery', delivery],
    ['replayWebhookDeliveries', { params }],
    ['deleteWebhookEndpoint', { params }],
  );
}

export async function callStaffRoutes({
  ask,
  askAll,
  pool,
  storage,
  account_id,
}: OperationCalls): Promise<void> {
  const { body: override } = await ask(['createOverride', { params: { account_id } }]);
  const body = { kind: 'provider', target: 'mistral', reason: 'For a test.' };
  const { body: stop } = await ask(['createStop', { body }]);
  const { body: versions } = await ask(['listCatalogues']);
  const [{ version_id }] = versions.data;
  const { body: published } = await ask(['publishCatalogue', { params: { version_id } }]);
  const flag = { params: { key: 'new_look' } };
  await askAll(
    ['listOverrides', { params: { account_id } }],
    ['endOverride', { params: { account_id, id: override.id } }],
    ['listStops'],
    ['liftStop', { params: { id: stop.id } }],
    ['getCatalogue', { params: { version_id } }],
    ['previewPublication', { params: { version_id } }],
    ['getCatalogueMigration', { params: { id: published.id } }],
    ['putSegments', { params: { account_id } }],
    ['getSegments', { params: { account_id } }],
    ['putFlag', flag],
    ['getFlag', flag],
    ['listFlags'],
    ['deleteFlag', flag],
    ['putGuardRail'],
    ['listGuardRails'],
    ['deleteGuardRail', { query: '?kind=plan&target=free' }],
    ['listPrices', { query: '?model=gpt-4o-mini' }],
    [
      'addPrices',
      { body: { ...(OPERATIONS.get('addPrices')?.bodyExample as object), valid_from: undefined } },
    ],
    ['assignPlan', { body: { account_id, plan: 'enterprise', reason: 'For a test.' } }],
    ['listBillingEvents'],
    ['listOperatorAlerts'],
    ['listUnresolvedUsage'],
    ['listJobs'],
    ['listAudit'],
  );
  const { rows } = await pool.query(`SELECT id FROM graphile_worker.add_job('deliver-event', '{}')`);
  await pool.query('UPDATE graphile_worker._private_jobs SET attempts = max_attempts WHERE id = $1', [
    rows[0].id,
  ]);
  await ask(['retryJob', { params: { id: rows[0].id } }]);
  // As if the process of a call had died.
  await pool.query(`UPDATE usage_events SET usage_source = 'bound' WHERE account_id = $1`, [account_id]);
  const { body: unresolved } = await ask(['listUnresolvedUsage']);
  const { id } = unresolved.data.find(({ model }: { model: string }) => model === 'gpt-4o-mini');
  const usage = { input: 5, output: 5 };
  await ask(['resolveUsage', { params: { id }, body: { usage, reason: 'For a test.' } }]);
  const month = new Date().toISOString().slice(0, 7);
  const { signal } = new AbortController();
  await storeMonth({ database: createDatabase(pool), storage }, `${month}-01`, new Date(), signal);
  await ask(['exportUsageArchive', { params: { month } }]);
}
