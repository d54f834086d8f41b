/** A one-line fault that a test must notice. */
export type Mutant = {
  id: string;
  file: string;
  /** Occurs exactly once in the file. */
  find: string;
  replace: string;
  /** At least one of these fails with the mutation. */
  tests: readonly string[];
  /** What would be wrong with the product. */
  why: string;
};
