/** `/api/brand-voices`: how the content of an account sounds. */
import { z } from 'zod';
import { isStorable } from './storable-text.ts';
import { versionedOperations } from './versioned-operations.ts';

const text = (longest: number) => z.string().trim().min(1).max(longest).refine(isStorable, 'must be text');
const texts = (most: number, longest: number) => z.array(text(longest)).max(most).default([]);

const content = {
  description: text(2_000).describe('Who speaks, to whom, and how.'),
  examples: texts(5, 2_000).describe('Texts that sound as they should.'),
  do: texts(20, 300).describe('Rules to follow.'),
  dont: texts(20, 300).describe('What to avoid.'),
  vocabulary: z
    .strictObject({
      use: texts(100, 100).describe('Words and spellings to prefer.'),
      avoid: texts(100, 100).describe('Words that must not appear.'),
    })
    .default({ use: [], avoid: [] }),
};

export type BrandVoiceContent = z.infer<z.ZodObject<typeof content>>;

export const brandVoices = versionedOperations({
  path: '/api/brand-voices',
  name: 'BrandVoice',
  plural: 'BrandVoices',
  noun: 'a brand voice',
  tag: 'Instructions',
  settings: {
    is_default: z
      .boolean()
      .default(false)
      .describe(
        'Whether content of the workspace uses it unless a request names another. One voice of a workspace is the default: setting it here unsets it there.',
      ),
  },
  content,
  description: 'It belongs to the workspace of the request; names are unique in the account.',
  problems: [],
  example: {
    name: 'Inkmeter blog',
    is_default: true,
    description: 'A seasoned stationer who explains without jargon to curious beginners.',
    examples: ['A pen is a small promise to write again tomorrow.'],
    do: ['Use short sentences', 'Give one concrete example per section'],
    dont: ['Exclamation marks'],
    vocabulary: { use: ['fountain pen'], avoid: ['game-changer'] },
  },
});

export const BRAND_VOICE_OPERATIONS = Object.values(brandVoices);
