import type Stripe from 'stripe';
import type { PaymentPort } from '../port.ts';
import { createStripeClient, isLiveKey, type StripeSettings } from './client.ts';
import { createStripePayments } from './driver.ts';
import type { WebhookSecrets } from './webhook.ts';

/** Everything that is built from the configured key. */
export type StripeConnection = {
  payments: PaymentPort;
  stripe: Stripe;
  webhookSecrets: WebhookSecrets;
  /** Whether the key moves money. */
  isLive: boolean;
};

export function createStripe(
  settings: StripeSettings & { webhookSecrets: WebhookSecrets },
): StripeConnection {
  const stripe = createStripeClient(settings);
  const { webhookSecrets, secretKey } = settings;
  return { payments: createStripePayments(stripe), stripe, webhookSecrets, isLive: isLiveKey(secretKey) };
}
