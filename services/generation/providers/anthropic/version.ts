/** The version of Anthropic's API, which every request names. */
export const ANTHROPIC_VERSION = '2023-06-01';
