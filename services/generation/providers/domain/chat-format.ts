/** Answers of adapters are in OpenAI's format, which the contracts define. */
export type * from '#libs/contracts/chat-answers.ts';
