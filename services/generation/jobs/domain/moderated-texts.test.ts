import t from 'tap';
import { generateRequest } from '#libs/contracts/generate.ts';
import {
  passageWarnings,
  textsOfOutline,
  textsOfPassages,
  textsOfRequest,
  withoutFlaggedPassages,
} from './moderated-texts.ts';

const ID = '0190a1b2-0000-7000-8000-00000000e001';

t.test('the texts of topics, pages, files, prompts and voices are moderated', async (t) => {
  const request = generateRequest.parse({
    topic: 'topic',
    url: 'https://ink.example/',
    tone: 'tone',
    audience: 'audience',
    keywords: ['keyword'],
    call_to_action: 'action',
    use_knowledge_base: true,
  });
  const inputs = {
    source: { title: 'page title', text: 'page text', url: 'https://ink.example/', document_id: null },
    prompt: { id: ID, version: 1, text: 'prompt' },
    voice: { id: ID, version: 1, instructions: 'voice' },
    passages: [{ id: `${ID}#0`, file_id: ID, title: 'file', text: 'passage' }],
    rewrite: { section: 1, version: 1, text: 'page text', words: 50, instructions: 'instructions' },
  };
  t.same(
    textsOfRequest(request, inputs).sort(),
    [
      ...['topic', 'tone', 'audience', 'keyword', 'action', 'page title', 'page text'],
      ...['prompt', 'voice', 'instructions'],
    ].sort(),
  );
  t.strictSame(textsOfPassages(inputs), ['file\npassage']);
  t.strictSame(textsOfOutline({ title: 'title', sections: [{ heading: 'heading', points: ['point'] }] }), [
    'title',
    'heading',
    'point',
  ]);
});

t.test('flagged passages are left out and named', async (t) => {
  const passage = (number: number) => ({
    ...{ id: `${ID}#${number}`, file_id: ID },
    ...{ title: `file ${number}`, text: 'passage' },
  });
  const inputs = { passages: [passage(1), passage(2), passage(3)] };
  t.equal(withoutFlaggedPassages(inputs, [[], [], []]), inputs);
  const left = withoutFlaggedPassages(inputs, [[], ['violence', 'hate'], []]);
  t.strictSame(left, {
    passages: [passage(1), passage(3)],
    refused_passages: [{ title: 'file 2', categories: ['violence', 'hate'] }],
  });
  t.strictSame(passageWarnings(left), [
    'A passage of the knowledge base was left out (file 2): it is flagged for violence, hate.',
  ]);
  t.strictSame(passageWarnings({}), []);
});
