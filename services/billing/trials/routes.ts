import type { FastifyInstance } from 'fastify';
import { startTrial } from '#libs/contracts/trials.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { currentSubscriptionOf } from '../plans/domain/view.ts';
import { decideTrial } from '../subscriptions/domain/decide-trial.ts';
import { refusalProblem } from '../subscriptions/domain/refusal.ts';
import {
  changeSubscription,
  readAccount,
  requireManager,
  type SubscriptionDeps,
} from '../subscriptions/plugin.ts';

export function trialRoutes(app: FastifyInstance, deps: SubscriptionDeps): void {
  serveOperation(app, startTrial, async (request) => {
    const { accountId } = requireManager(request);
    const { plan } = request.body;
    const outcome = await changeSubscription(deps, { accountId }, (state, context) =>
      decideTrial(state, plan, context),
    );
    if (outcome.kind === 'refused') throw refusalProblem(outcome.refusal);
    return currentSubscriptionOf(await readAccount(deps, accountId), deps.runtime.clock.now());
  });
}
