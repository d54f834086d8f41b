import type Stripe from 'stripe';
import { type Account, emit, find, newId, nowOn } from './account.ts';
import { invalid } from './fault.ts';
import { group, text } from './form.ts';
import { pageOf, type Route } from './route.ts';

const RESPONSE_SECONDS = 7 * 86_400;

/** Evidence that decides a dispute, as in Stripe's test mode. */
const OUTCOMES: Readonly<Record<string, string>> = { winning_evidence: 'won', losing_evidence: 'lost' };

export const DISPUTE_ROUTES: readonly Route[] = [
  ['GET', '/v1/disputes/:id', ({ account, id }) => find(account.data.disputes, 'dispute', id)],
  [
    'GET',
    '/v1/disputes',
    ({ account, form }) => pageOf(Object.values(account.data.disputes), form, '/v1/disputes'),
  ],
  [
    'POST',
    '/v1/disputes/:id',
    ({ account, form, id }) => {
      const dispute = find(account.data.disputes, 'dispute', id);
      const evidence = text(group(form, 'evidence') ?? {}, 'uncategorized_text') ?? '';
      dispute.evidence.uncategorized_text = evidence === '' ? null : evidence;
      dispute.evidence_details.has_evidence = evidence !== '';
      dispute.evidence_details.submission_count += 1;
      const outcome = OUTCOMES[evidence];
      if (outcome === undefined) dispute.status = 'under_review';
      else closeDispute(account, dispute, outcome);
      return dispute;
    },
  ],
  [
    'POST',
    '/v1/disputes/:id/close',
    ({ account, id }) => {
      const dispute = find(account.data.disputes, 'dispute', id);
      closeDispute(account, dispute, 'lost');
      return dispute;
    },
  ],
];

function closeDispute(account: Account, dispute: Stripe.Dispute, status: string): void {
  if (dispute.status === 'won' || dispute.status === 'lost')
    throw invalid(`The dispute is ${dispute.status}.`);
  dispute.status = status;
  emit(account, 'charge.dispute.closed', dispute);
}

/** The cardholder's bank takes a payment back. */
export function openDispute(account: Account, chargeId: string): Stripe.Dispute {
  const charge = find(account.data.charges, 'charge', chargeId);
  const created = nowOn(account, null);
  const dispute: Stripe.Dispute = {
    id: newId(account, 'du'),
    object: 'dispute',
    amount: charge.amount,
    balance_transactions: [],
    charge: charge.id,
    created,
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: {
      access_activity_log: null,
      billing_address: null,
      cancellation_policy: null,
      cancellation_policy_disclosure: null,
      cancellation_rebuttal: null,
      customer_communication: null,
      customer_email_address: null,
      customer_name: null,
      customer_purchase_ip: null,
      customer_signature: null,
      duplicate_charge_documentation: null,
      duplicate_charge_explanation: null,
      duplicate_charge_id: null,
      enhanced_evidence: {},
      product_description: null,
      receipt: null,
      refund_policy: null,
      refund_policy_disclosure: null,
      refund_refusal_explanation: null,
      service_date: null,
      service_documentation: null,
      shipping_address: null,
      shipping_carrier: null,
      shipping_date: null,
      shipping_documentation: null,
      shipping_tracking_number: null,
      uncategorized_file: null,
      uncategorized_text: null,
    },
    evidence_details: {
      due_by: created + RESPONSE_SECONDS,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: 'not_submitted',
    },
    intended_submission_method: null,
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    reason: 'fraudulent',
    status: 'needs_response',
  };
  account.data.disputes[dispute.id] = dispute;
  charge.disputed = true;
  emit(account, 'charge.dispute.created', dispute);
  return dispute;
}
