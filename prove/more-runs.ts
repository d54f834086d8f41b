/** Loaded before a test with `node --import`: properties that do not say how often they are tried are tried more often. */
import fc from 'fast-check';

export const RUNS = 5_000;

fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: RUNS });
