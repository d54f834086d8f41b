import t from 'tap';
import { workOf } from './event-work.ts';

const event = (
  eventId: string,
  type: string,
  objectId: string | null,
  subscriptionId: string | null = null,
) => ({
  eventId,
  type,
  objectId,
  subscriptionId,
});

t.test('given the events of a customer, then each object is read once', async (t) => {
  const work = workOf([
    event('evt_1', 'invoice.created', 'in_1'),
    event('evt_2', 'customer.subscription.updated', 'sub_1'),
    event('evt_3', 'invoice.paid', 'in_1', 'sub_1'),
    event('evt_4', 'invoice.upcoming', 'sub_1', 'sub_1'),
    event('evt_5', 'invoice.paid', null),
    event('evt_6', 'payment_method.attached', 'pm_1'),
    event('evt_7', 'of.another.version', 'x_1'),
  ]);
  t.strictSame(work, {
    reads: [
      { target: 'invoice', objectId: 'in_1', subscriptionId: 'sub_1', eventIds: ['evt_1', 'evt_3'] },
      { target: 'subscription', objectId: 'sub_1', subscriptionId: null, eventIds: ['evt_2'] },
      { target: 'upcoming', objectId: 'sub_1', subscriptionId: 'sub_1', eventIds: ['evt_4'] },
    ],
    unnamed: ['evt_5'],
  });
});
