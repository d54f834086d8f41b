import { emit, find, newId, nowOn } from './account.ts';
import { couponObject, priceObject, productObject, promotionCodeObject } from './catalogue-objects.ts';
import { StripeFault } from './fault.ts';
import { flag, group, integer, metadataOf, needText, text, texts } from './form.ts';
import { pageOf, type Route } from './route.ts';
import { idOf } from './subscription-objects.ts';

/** Products, prices, coupons and promotion codes. */
export const CATALOGUE_ROUTES: readonly Route[] = [
  [
    'POST',
    '/v1/products',
    ({ account, form }) => {
      const product = productObject(
        { id: text(form, 'id') ?? newId(account, 'prod'), created: nowOn(account, null) },
        {
          name: needText(form, 'name'),
          description: text(form, 'description') ?? null,
          metadata: metadataOf(form),
        },
      );
      if (account.data.products[product.id] !== undefined)
        throw new StripeFault(400, 'Product already exists.', {
          code: 'resource_already_exists',
          param: 'id',
        });
      account.data.products[product.id] = product;
      emit(account, 'product.created', product);
      return product;
    },
  ],
  ['GET', '/v1/products/:id', ({ account, id }) => find(account.data.products, 'product', id)],
  [
    'POST',
    '/v1/products/:id',
    ({ account, form, id }) => {
      const product = find(account.data.products, 'product', id);
      product.name = text(form, 'name') ?? product.name;
      product.description = text(form, 'description') ?? product.description;
      product.active = flag(form, 'active') ?? product.active;
      product.metadata = metadataOf(form, product.metadata);
      product.updated = nowOn(account, null);
      emit(account, 'product.updated', product);
      return product;
    },
  ],
  [
    'GET',
    '/v1/products',
    ({ account, form }) => {
      const active = flag(form, 'active');
      const rows = Object.values(account.data.products).filter(
        (product) => active === undefined || product.active === active,
      );
      return pageOf(rows, form, '/v1/products');
    },
  ],
  [
    'POST',
    '/v1/prices',
    ({ account, form }) => {
      const { data } = account;
      const lookupKey = text(form, 'lookup_key') ?? null;
      const taken = Object.values(data.prices).find(
        (one) => one.lookup_key === lookupKey && lookupKey !== null,
      );
      if (taken !== undefined) {
        if (flag(form, 'transfer_lookup_key') !== true)
          throw new StripeFault(400, `A price with lookup key ${lookupKey} exists.`, {
            code: 'resource_already_exists',
            param: 'lookup_key',
          });
        taken.lookup_key = null;
        emit(account, 'price.updated', taken);
      }
      const price = priceObject(
        { id: newId(account, 'price'), created: nowOn(account, null) },
        {
          product: find(data.products, 'product', needText(form, 'product')).id,
          currency: needText(form, 'currency'),
          unitAmount: integer(form, 'unit_amount') ?? 0,
          interval: needText(group(form, 'recurring') ?? {}, 'interval'),
          lookupKey,
          metadata: metadataOf(form),
          nickname: text(form, 'nickname') ?? null,
        },
      );
      data.prices[price.id] = price;
      emit(account, 'price.created', price);
      return price;
    },
  ],
  ['GET', '/v1/prices/:id', ({ account, id }) => find(account.data.prices, 'price', id)],
  [
    'POST',
    '/v1/prices/:id',
    ({ account, form, id }) => {
      const price = find(account.data.prices, 'price', id);
      price.active = flag(form, 'active') ?? price.active;
      price.metadata = metadataOf(form, price.metadata);
      emit(account, 'price.updated', price);
      return price;
    },
  ],
  [
    'GET',
    '/v1/prices',
    ({ account, form }) => {
      const keys = texts(form, 'lookup_keys');
      const active = flag(form, 'active');
      const product = text(form, 'product');
      const rows = Object.values(account.data.prices).filter(
        (price) =>
          (keys.length === 0 || (price.lookup_key !== null && keys.includes(price.lookup_key))) &&
          (active === undefined || price.active === active) &&
          (product === undefined || idOf(price.product) === product),
      );
      return pageOf(rows, form, '/v1/prices');
    },
  ],
  [
    'POST',
    '/v1/coupons',
    ({ account, form }) => {
      const coupon = couponObject(
        { id: text(form, 'id') ?? newId(account, 'coupon'), created: nowOn(account, null) },
        {
          amount_off: integer(form, 'amount_off') ?? null,
          percent_off: integer(form, 'percent_off') ?? null,
          currency: text(form, 'currency') ?? null,
          duration: text(form, 'duration') ?? 'once',
          duration_in_months: integer(form, 'duration_in_months') ?? null,
          name: text(form, 'name') ?? null,
          max_redemptions: integer(form, 'max_redemptions') ?? null,
          redeem_by: integer(form, 'redeem_by') ?? null,
        },
      );
      account.data.coupons[coupon.id] = coupon;
      emit(account, 'coupon.created', coupon);
      return coupon;
    },
  ],
  ['GET', '/v1/coupons/:id', ({ account, id }) => find(account.data.coupons, 'coupon', id)],
  [
    'POST',
    '/v1/promotion_codes',
    ({ account, form }) => {
      const id = newId(account, 'promo');
      const promotion = group(form, 'promotion') ?? {};
      const code = promotionCodeObject(
        { id, created: nowOn(account, null) },
        {
          code: text(form, 'code') ?? id,
          coupon: find(account.data.coupons, 'coupon', needText(promotion, 'coupon')).id,
          maxRedemptions: integer(form, 'max_redemptions') ?? null,
          expiresAt: integer(form, 'expires_at') ?? null,
        },
      );
      account.data.promotionCodes[id] = code;
      emit(account, 'promotion_code.created', code);
      return code;
    },
  ],
  [
    'GET',
    '/v1/promotion_codes',
    ({ account, form }) => {
      const code = text(form, 'code');
      const rows = Object.values(account.data.promotionCodes).filter(
        (one) => code === undefined || one.code === code,
      );
      return pageOf(rows, form, '/v1/promotion_codes');
    },
  ],
  [
    'GET',
    '/v1/promotion_codes/:id',
    ({ account, id }) => find(account.data.promotionCodes, 'promotion code', id),
  ],
  [
    'POST',
    '/v1/promotion_codes/:id',
    ({ account, form, id }) => {
      const promotion = find(account.data.promotionCodes, 'promotion code', id);
      promotion.active = flag(form, 'active') ?? promotion.active;
      emit(account, 'promotion_code.updated', promotion);
      return promotion;
    },
  ],
];
