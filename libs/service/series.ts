import type { Registry } from 'prom-client';

/** The state of a metric for every combination of its labels' values that has been seen. */
export type Series<State> = {
  readonly find: (...values: readonly string[]) => State;
  readonly all: () => Iterable<{ readonly labels: Readonly<Record<string, string>>; readonly state: State }>;
};

/**
 * Finds a state by its labels with one look-up. prom-client checks and hashes labels at every observation, which takes
 * several times as long as to observe; and a metered call is observed ten times.
 *
 * @param labelNames in the order in which values are given.
 */
export function createSeries<State>(labelNames: readonly string[], create: () => State): Series<State> {
  const entries = new Map<string, { labels: Record<string, string>; state: State }>();
  return {
    find(...values) {
      const key = values.join('\n');
      let entry = entries.get(key);
      if (entry === undefined) {
        const labels = Object.fromEntries(labelNames.map((name, index) => [name, values[index] ?? '']));
        entry = { labels, state: create() };
        entries.set(key, entry);
      }
      return entry.state;
    },
    all: () => entries.values(),
  };
}

export type SeriesOptions = {
  registry: Registry;
  name: string;
  help: string;
  labelNames: readonly string[];
};

export type Distribution = { readonly observe: (value: number, ...labels: readonly string[]) => void };

type Counts = { buckets: Float64Array; sum: number };

/**
 * A histogram (https://prometheus.io/docs/concepts/metric_types/#histogram) over {@link createSeries}.
 *
 * @param options.bounds upper bounds of its buckets, inclusive and ascending; one without a bound comes after them.
 */
export function createDistribution(options: SeriesOptions & { bounds: readonly number[] }): Distribution {
  const { registry, name, help, labelNames, bounds } = options;
  const series = createSeries<Counts>(labelNames, () => ({
    buckets: new Float64Array(bounds.length + 1),
    sum: 0,
  }));

  function values() {
    return [...series.all()].flatMap(({ labels, state: { buckets, sum } }) => {
      let count = 0;
      const cumulated = [...bounds, '+Inf'].map((le, index) => {
        count += buckets[index] ?? 0;
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
      });
      return [
        ...cumulated,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
    });
  }

  const metric = {
    name,
    get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: values() }),
  };
  // all that the registry asks of a metric, though not all that its type says
  registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);

  return {
    observe(value, ...labels) {
      const counts = series.find(...labels);
      let index = 0;
      while (index < bounds.length && value > (bounds[index] as number)) index += 1;
      counts.buckets[index] = (counts.buckets[index] as number) + 1;
      counts.sum += value;
    },
  };
}
