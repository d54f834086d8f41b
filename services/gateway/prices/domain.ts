/** The gateway's copy of models and prices, read from usage-metering. */
import type { PriceFeed } from '#libs/contracts/price-feed.ts';
import type { TextModel } from '#libs/pipelines/text-call.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { effectivePrice, type ModelPrice, type PriceRow } from '#libs/pricing/price.ts';
import { type ModelPriceWire, toWire } from '#libs/pricing/price-wire.ts';
import { problem } from '#libs/problems/problems.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';

export type PricedModel = { info: ModelInfo; price: ModelPrice; wire: ModelPriceWire };

/** The model as pipelines plan with it. */
export function textModel({ info, wire }: PricedModel): TextModel {
  return { model: info, price: wire };
}

export type PriceBook = {
  /**
   * A model by name or alias, with the price in force now.
   * @throws ProblemError `unknown_model`, `unpriced_model`, or `metering_unavailable` before the first copy is read.
   */
  priced: (name: string) => PricedModel;
  models: () => readonly ModelInfo[];
  /** When the book began to sell a model: its earliest price. */
  soldSince: (info: ModelInfo) => Date;
  /** Reads a new copy. A failure keeps the old one: prices are effective-dated, so an old copy is rarely wrong. */
  reload: () => Promise<void>;
  /** Reads the first copy, if there is none. */
  ready: () => Promise<void>;
};

/** The prefixes that other gateways and Google's SDKs put before names. Names of our own providers are known as they are. */
const PREFIX = /^(?:models\/|google\/|x-ai\/|mistralai\/)/;

function plainName(name: string): string {
  return name.replace(PREFIX, '');
}

/** How long a resolved price is reused before its effective dates are checked again. */
const PRICE_REUSE_MS = 1_000;

export function createPriceBook(options: { fetch: () => Promise<PriceFeed>; now: () => Date }): PriceBook {
  const { fetch, now } = options;
  let byName: Map<string, ModelInfo> | undefined;
  let models: readonly ModelInfo[] = [];
  let rowsByModel = new Map<string, PriceRow[]>();
  let resolved = new Map<string, { model: PricedModel; until: number }>();
  let loading: Promise<void> | undefined;

  async function load(): Promise<void> {
    const feed = await fetch();
    const names = new Map<string, ModelInfo>();
    for (const info of feed.models) {
      for (const name of [info.model, ...info.aliases]) {
        names.set(name, info);
        names.set(`${info.provider}/${name}`, info);
      }
    }
    byName = names;
    models = feed.models;
    rowsByModel = Map.groupBy(feed.rows, (row) => `${row.provider}/${row.model}`);
    resolved = new Map();
  }

  function reload(): Promise<void> {
    loading ??= load().finally(() => {
      loading = undefined;
    });
    return loading;
  }

  return {
    models: () => models,
    soldSince({ provider, model }) {
      const rows = rowsByModel.get(`${provider}/${model}`) ?? [];
      const times = rows.map(({ validFrom }) => Date.parse(validFrom));
      return new Date(times.length === 0 ? 0 : Math.min(...times));
    },
    reload,
    async ready() {
      if (models.length === 0) await reload();
    },
    priced(name) {
      const at = now();
      const known = resolved.get(name);
      if (known !== undefined && at.getTime() < known.until) return known.model;
      if (byName === undefined) throw meteringUnavailable(new Error('The prices have not been read yet.'));
      const info = byName.get(name) ?? byName.get(plainName(name));
      if (info === undefined) {
        throw problem('unknown_model', {
          detail: `The model ${name} does not exist.`,
          fields: { model: name },
        });
      }
      const rows = rowsByModel.get(`${info.provider}/${info.model}`) ?? [];
      const price = effectivePrice(rows, info.provider, info.model, at);
      if (price === undefined) throw problem('unpriced_model', { fields: { model: name } });
      const model = { info, price, wire: toWire(price) };
      resolved.set(name, { model, until: at.getTime() + PRICE_REUSE_MS });
      return model;
    },
  };
}
