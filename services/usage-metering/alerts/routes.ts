import type { FastifyInstance } from 'fastify';
import type { SecretBox } from '#libs/auth/secret-box.ts';
import { type UpgradeSource, upgradeFor } from '#libs/clients/alert-upgrades.ts';
import {
  type AlertWire,
  getAlertPreferences,
  listAlerts as listAlertsOperation,
  listOperatorAlerts as listOperatorAlertsOperation,
  markAlertRead,
  setAlertPreferences,
} from '#libs/contracts/alerts.ts';
import { succeed } from '#libs/contracts/envelope.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { toPage } from '#libs/contracts/page.ts';
import type { Database } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { type AlertSettings, slackContext } from './domain/preferences.ts';
import { readerOf } from './domain/reader.ts';
import { presentAlert, presentPreferences } from './present.ts';
import {
  type AlertView,
  countAlerts,
  findSettings,
  findUser,
  listAlerts,
  listOperatorAlerts,
  markRead,
  type SettingsKey,
  saveSettings,
} from './store.ts';

export type AlertRouteOptions = {
  database: Database;
  clock: Clock;
  entitlements: UpgradeSource;
  secretBox: SecretBox;
};

export function alertRoutes(app: FastifyInstance, options: AlertRouteOptions): void {
  const { database, clock, entitlements, secretBox } = options;

  const present = async (alert: AlertView): Promise<AlertWire> =>
    presentAlert(alert, await upgradeFor(entitlements, alert));

  function shown(key: SettingsKey, settings: AlertSettings) {
    const { slackUrl } = settings;
    const opened = slackUrl && secretBox.open(slackUrl, slackContext(key));
    return presentPreferences({ ...settings, slackUrl: opened });
  }

  async function visibleUser(caller: Caller, userId: string) {
    const user = await findUser(database, caller, userId);
    if (user === undefined) throw problem('not_found');
    return user;
  }

  serveOperation(app, listAlertsOperation, async (request) => {
    const { unread_only: unreadOnly, limit } = request.query;
    const user = await visibleUser(callerOf(request), request.params.user_id);
    const { accountId } = user;
    const alerts = await listAlerts(database, { accountId, user, unreadOnly, limit });
    const { total, unread } = await countAlerts(database, accountId, user);
    return succeed({ alerts: await Promise.all(alerts.map(present)), total, unread_count: unread });
  });

  serveOperation(app, markAlertRead, async (request) => {
    const caller = callerOf(request);
    const { accountId } = caller;
    const alertId = request.params.alert_id;
    const alert = await markRead(database, { alertId, accountId, user: readerOf(caller), at: clock.now() });
    if (alert === undefined) throw problem('not_found');
    return succeed(await present(alert));
  });

  serveOperation(app, getAlertPreferences, async (request) => {
    const { accountId, userId } = await visibleUser(callerOf(request), request.params.user_id);
    return succeed(shown({ accountId, userId }, await findSettings(database, accountId, userId)));
  });

  serveOperation(app, setAlertPreferences, async (request) => {
    const caller = callerOf(request);
    const { accountId, userId } = await visibleUser(caller, request.params.user_id);
    // Staff look; they do not redirect a customer's alerts.
    if (accountId !== caller.accountId) throw problem('not_found');
    const { channels, quiet_hours: quietHours, slack_url: slackUrl } = request.body;
    const key = { accountId, userId };
    const sealed = slackUrl && secretBox.seal(slackUrl, slackContext(key));
    const settings = { channels, quietHours, ...(sealed !== undefined && { slackUrl: sealed }) };
    return succeed(shown(key, await saveSettings(database, key, settings, clock.now())));
  });

  serveOperation(app, listOperatorAlertsOperation, async (request) => {
    const { userId } = readerOf(callerOf(request));
    const { limit, cursor } = request.query;
    const alerts = await listOperatorAlerts(database, userId, { limit: limit + 1, cursor });
    const { data, next_cursor } = toPage(alerts, limit, present);
    return { data: await Promise.all(data), next_cursor };
  });
}
