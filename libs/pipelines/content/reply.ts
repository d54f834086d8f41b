/** Replies to a message: what it wants, and one to three answers to choose from. */
import { z } from 'zod';
import { INTENTS, MESSAGE_URGENCIES, SENTIMENTS } from '#libs/contracts/autopilot-kinds.ts';
import { charactersOf, NETWORK_RULES } from './social.ts';
import { type ContentBrief, type ContentPipeline, type JsonSpec, jsonOf } from './step.ts';
import { shortenTo } from './text.ts';

const KEY = 'reply.write';
const MAX_REPLIES = 3;
const MAX_CHARACTERS = 1_000;
/** Of one reply; longer ones are not read. */
const WORDS = 90;

const reply = z.object({
  intent: z.enum(INTENTS),
  sentiment: z.enum(SENTIMENTS),
  urgency: z.enum(MESSAGE_URGENCIES),
  summary: z.string(),
  replies: z.array(z.string()),
});
type Reply = z.infer<typeof reply>;

export const replyPipeline: ContentPipeline = {
  steps: (brief) => [
    {
      key: KEY,
      part: 'reply',
      role: 'writer',
      template: 'reply.write@1',
      message: 'reply',
      task: [
        `Someone wrote the message below to us. Classify its intent (${INTENTS.join(', ')}), its sentiment and its urgency (high: it cannot wait a day), and summarise it in one sentence.`,
        `Then write one to ${MAX_REPLIES} replies to choose from, each complete, of at most ${maxCharacters(brief)} characters, in the language of the message. Answer what was asked. Promise nothing, and state no price, date or fact that is not given here; say that we will find out instead. Reply to spam and abuse with one short, polite sentence.`,
        ...(brief.inputs.message?.contact ? ['Use what is known about the author only where it helps.'] : []),
      ].join(' '),
      inputs: brief.basis.map((message) => ({ ...message, label: 'message' })),
      spec: replySpec(brief),
      words: MAX_REPLIES * WORDS + 40,
      hasSpare: brief.hasSpares,
      counts: { 'gen.reply': 1 },
    },
  ],
  assemble: (brief, outputs) => {
    const written = jsonOf<Reply>(outputs, KEY);
    const replies = written.replies.map((text) => ({
      text,
      characters: measureOf(brief)(text),
      max_characters: maxCharacters(brief),
    }));
    const markdown = written.replies.map((text, index) => `## ${index + 1}\n\n${text}`).join('\n\n');
    return {
      title: shortenTo(written.summary, 120) || 'Reply',
      content: { ...written, replies },
      markdown: `${markdown}\n`,
    };
  },
};

function maxCharacters({ request }: ContentBrief): number {
  const [network] = request.networks ?? [];
  return network === undefined
    ? MAX_CHARACTERS
    : Math.min(MAX_CHARACTERS, NETWORK_RULES[network].maxCharacters);
}

function measureOf({ request }: ContentBrief): (text: string) => number {
  const [network = 'linkedin'] = request.networks ?? [];
  return (text) => charactersOf(network, text);
}

function replySpec(brief: ContentBrief): JsonSpec {
  const most = maxCharacters(brief);
  const measure = measureOf(brief);
  return {
    kind: 'json',
    name: 'reply',
    schema: reply,
    problems: ({ replies }: Reply) => [
      ...(written(replies).length > 0 ? [] : ['Give at least one reply.']),
      ...written(replies)
        .filter((text) => measure(text) > most)
        .map((text) => `A reply has ${measure(text)} characters, at most ${most} are allowed.`),
    ],
    fit: ({ replies, ...about }: Reply) => ({
      ...about,
      replies: written(replies)
        .slice(0, MAX_REPLIES)
        .map((text) => shortenTo(text, most, measure)),
    }),
  };
}

const written = (replies: readonly string[]) =>
  replies.map((text) => text.trim()).filter((text) => text !== '');
