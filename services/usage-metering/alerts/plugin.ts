import type { FastifyPluginAsync } from 'fastify';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { type AlertRouteOptions, alertRoutes } from './routes.ts';

export { alertChannels, type OperatorAddresses, operatorChannels } from './channels.ts';
export { presentAlert } from './present.ts';

export type AlertOptions = Omit<AlertRouteOptions, 'entitlements'> & {
  entitlements: Pick<AccountEntitlements, 'get' | 'suggestPlans' | 'listen'>;
};

/** Alerts of users and operators, and how users are notified of them. */
export const alertPlugin: FastifyPluginAsync<AlertOptions> = async (app, options) => {
  let stopListening = () => {};
  app.addHook('onReady', async () => {
    stopListening = await options.entitlements.listen();
  });
  app.addHook('onClose', () => stopListening());
  alertRoutes(app, options);
};
