/** What makes two jobs equal, and what makes them different. */
import t from 'tap';
import type { ContentInputs } from '#libs/contracts/content-inputs.ts';
import { generateRequest } from '#libs/contracts/generate.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { cacheKeyOf } from './cache-key.ts';
import { type GenerationRow, jobOf } from './job.ts';

const OWNER = 'account a1 ';
const ID = '0190a1b2-0000-7000-8000-00000000e001';
const INPUTS: ContentInputs = {
  voice: { id: ID, version: 1, instructions: 'Warm and brief.' },
  prompt: { id: ID, version: 1, text: 'Begin with a question.' },
  passages: [{ id: `${ID}#0`, file_id: ID, title: 'Guide', text: 'Ink dries.' }],
};
const REQUEST = { topic: 'Fountain pens', content_types: ['blog', 'social'], length: 300 };
const CALL = {
  step: 'blog.write',
  provider: 'openai',
  model: 'gpt-4o-mini',
  outputTokens: 900,
  price: { version: 'openai/gpt-4o-mini@1' },
};

type Change = {
  owner?: string;
  request?: object;
  inputs?: ContentInputs;
  call?: object;
  scale?: number;
  context?: object;
};

function keyOf({
  owner = OWNER,
  request = {},
  inputs = INPUTS,
  call = {},
  scale = 1_000,
  context,
}: Change = {}) {
  const row = {
    request: generateRequest.parse({ ...REQUEST, ...request }),
    scale,
    context: { inputs, ...context },
  } as unknown as GenerationRow;
  return cacheKeyOf(owner, jobOf(row), [{ ...CALL, ...call } as PlannedCall]);
}

t.test('the same request in other words has the same key', (t) => {
  for (const [why, change] of Object.entries<Change>({
    'white space': { request: { topic: ' Fountain \n pens ' } },
    'the order of content types': { request: { content_types: ['social', 'blog'] } },
    'how the model was chosen': { request: { model: 'auto', fit_budget: true } },
    'how it is delivered': { context: { response: { kind: 'json' }, cache: { owner: OWNER } } },
  }))
    t.equal(keyOf(change), keyOf(), why);
  t.end();
});

t.test('each change of the text, or of its price, changes the key', (t) => {
  const changes: Record<string, Change> = {
    'another account': { owner: 'account a2 ' },
    'another topic': { request: { topic: 'Fountain pen' } },
    'another language': { request: { language: 'de' } },
    'an edited voice': { inputs: { ...INPUTS, voice: { id: ID, version: 2, instructions: 'Cold.' } } },
    'an edited prompt': { inputs: { ...INPUTS, prompt: { id: ID, version: 2, text: 'Begin.' } } },
    'an edited file': {
      inputs: { ...INPUTS, passages: [{ id: `${ID}#0`, file_id: ID, title: 'Guide', text: 'Ink is wet.' }] },
    },
    'a deleted file': { inputs: { ...INPUTS, passages: [] } },
    'another model': { call: { model: 'gpt-4.1-mini' } },
    'another provider': { call: { provider: 'azure' } },
    'another price': { call: { price: { version: 'openai/gpt-4o-mini@2' } } },
    'another output cap': { call: { outputTokens: 500 } },
    'a shorter length for the budget': { scale: 500 },
  };
  const keys = Object.values(changes).map((change) => keyOf(change));
  t.equal(new Set([keyOf(), ...keys]).size, keys.length + 1, Object.keys(changes).join(', '));
  t.end();
});
