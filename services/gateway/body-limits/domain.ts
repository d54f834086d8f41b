/** Counts bytes against a fixed amount. */
export type BodyBudget = {
  /** @returns whether the bytes fit; if so, they are taken. */
  readonly take: (bytes: number) => boolean;
  readonly give: (bytes: number) => void;
};

/** A body alone always fits, also if it is larger than the budget. */
export function createBodyBudget(budgetBytes: number): BodyBudget {
  let taken = 0;
  return {
    take(bytes) {
      if (taken > 0 && taken + bytes > budgetBytes) return false;
      taken += bytes;
      return true;
    },
    give(bytes) {
      taken -= bytes;
    },
  };
}
