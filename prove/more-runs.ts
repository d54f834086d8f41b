/** Loaded before a test with `node --import`: raises the default number of runs of property tests. */
import fc from 'fast-check';

export const RUNS = 5_000;

fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: RUNS });
