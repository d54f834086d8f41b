/** Coupons and promotion codes on subscriptions, and how long they last. */
import type Stripe from 'stripe';
import { type Account, emit, find, newId, nowOn } from './account.ts';
import { addMonths } from './calendar.ts';
import { discountObject } from './catalogue-objects.ts';
import { invalid } from './fault.ts';
import { type Form, list, text } from './form.ts';
import { idOf } from './subscription-objects.ts';

/** A coupon that is about to be used, and the code that names it. */
export type Offer = { coupon: Stripe.Coupon; promotion: Stripe.PromotionCode | null };

/** The offer of a code that a customer enters; undefined for one that is unknown, used up or over. */
export function findOffer({ data }: Account, code: string, now: number): Offer | undefined {
  const promotion = Object.values(data.promotionCodes).find((one) => one.active && one.code === code);
  const reference = promotion?.promotion.coupon;
  if (promotion === undefined || reference == null) return undefined;
  const coupon = find(data.coupons, 'coupon', idOf(reference));
  const isOver = promotion.expires_at !== null && promotion.expires_at <= now;
  const isUsedUp =
    promotion.max_redemptions !== null && promotion.times_redeemed >= promotion.max_redemptions;
  return isOver || isUsedUp || !isValid(coupon, now) ? undefined : { coupon, promotion };
}

function isValid({ valid, redeem_by, max_redemptions, times_redeemed }: Stripe.Coupon, now: number): boolean {
  const isOver = redeem_by !== null && redeem_by <= now;
  return valid && !isOver && (max_redemptions === null || times_redeemed < max_redemptions);
}

/** The offers in `discounts[0][coupon]` and `discounts[0][promotion_code]`. @throws StripeFault for one that is over. */
export function requestedOffers(account: Account, form: Form, now: number): Offer[] {
  return list(form, 'discounts').map((asked) => {
    const id = text(asked, 'promotion_code');
    if (id !== undefined) {
      const offer = findOffer(account, find(account.data.promotionCodes, 'promotion code', id).code, now);
      if (offer === undefined) throw invalid('This promotion code cannot be redeemed.', 'discounts');
      return offer;
    }
    const coupon = find(account.data.coupons, 'coupon', text(asked, 'coupon') ?? '');
    if (!isValid(coupon, now)) throw invalid('This coupon cannot be redeemed.', 'discounts');
    return { coupon, promotion: null };
  });
}

/** Puts offers on a subscription that begins, before its first invoice. @returns the ids of the discounts. */
export function redeem(
  account: Account,
  offers: readonly Offer[],
  { customer, subscription }: { customer: Stripe.Customer; subscription: string },
): string[] {
  const { data } = account;
  const created = nowOn(account, customer.test_clock);
  return offers.map(({ coupon, promotion }) => {
    const months = coupon.duration === 'repeating' ? coupon.duration_in_months : null;
    const discount = discountObject(
      { id: newId(account, 'di'), created },
      {
        coupon: coupon.id,
        customer: customer.id,
        subscription,
        promotionCode: promotion?.id ?? null,
        end: months === null ? null : addMonths(created, months),
      },
    );
    data.discounts[discount.id] = discount;
    coupon.times_redeemed += 1;
    if (promotion !== null) promotion.times_redeemed += 1;
    emit(account, 'customer.discount.created', discount, customer.test_clock);
    return discount.id;
  });
}

/** What the subscription's discount takes off an amount. Credits are not discounted. */
export function discountOn(
  account: Account,
  { discounts, test_clock }: Pick<Stripe.Subscription, 'discounts' | 'test_clock'>,
  amount: number,
): { amount: number; id: string } | null {
  const [reference] = discounts;
  if (reference === undefined || amount <= 0) return null;
  const discount = account.data.discounts[idOf(reference)];
  if (discount === undefined || (discount.end !== null && discount.end <= nowOn(account, test_clock)))
    return null;
  const coupon = couponOf(account, discount);
  if (coupon === undefined) return null;
  const off =
    coupon.percent_off === null
      ? Math.min(coupon.amount_off ?? 0, amount)
      : Math.round((amount * coupon.percent_off) / 100);
  return { amount: off, id: discount.id };
}

function couponOf({ data }: Account, { source }: Stripe.Discount): Stripe.Coupon | undefined {
  return source.coupon == null ? undefined : data.coupons[idOf(source.coupon)];
}

/** Ends discounts of a subscription: those that last for one invoice once they were used, and those that are over. */
export function endDiscounts(
  account: Account,
  subscription: Stripe.Subscription,
  used: readonly Stripe.InvoiceLineItem[] = [],
): void {
  const now = nowOn(account, subscription.test_clock);
  const usedIds = new Set(
    used.flatMap(({ discount_amounts }) => discount_amounts ?? []).map(({ discount }) => idOf(discount)),
  );
  for (const reference of [...subscription.discounts]) {
    const discount = account.data.discounts[idOf(reference)];
    if (discount === undefined) continue;
    const isUsed = usedIds.has(discount.id) && couponOf(account, discount)?.duration === 'once';
    if (!isUsed && (discount.end === null || discount.end > now)) continue;
    subscription.discounts = subscription.discounts.filter((one) => idOf(one) !== discount.id);
    emit(account, 'customer.discount.deleted', discount, subscription.test_clock);
  }
}

/** When the next discount of a subscription ends by time. */
export function nextDiscountEnd({ data }: Account, { discounts }: Stripe.Subscription): number | null {
  const ends = discounts.flatMap((one) => data.discounts[idOf(one)]?.end ?? []);
  return ends.length === 0 ? null : Math.min(...ends);
}
