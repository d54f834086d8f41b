import t from 'tap';
import { generateRequest } from '#libs/contracts/generate.ts';
import { textsOfOutline, textsOfRequest } from './moderated-texts.ts';

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
  const texts = textsOfRequest(request, {
    source: { title: 'page title', text: 'page text', url: 'https://ink.example/', document_id: null },
    prompt: { id: ID, version: 1, text: 'prompt' },
    voice: { id: ID, version: 1, instructions: 'voice' },
    passages: [{ id: `${ID}#0`, file_id: ID, title: 'file', text: 'passage' }],
    rewrite: { section: 1, version: 1, text: 'page text', words: 50, instructions: 'instructions' },
  });
  t.same(
    texts.sort(),
    [
      ...['topic', 'tone', 'audience', 'keyword', 'action', 'page title', 'page text'],
      ...['prompt', 'voice', 'file', 'passage', 'instructions'],
    ].sort(),
  );
  t.strictSame(textsOfOutline({ title: 'title', sections: [{ heading: 'heading', points: ['point'] }] }), [
    'title',
    'heading',
    'point',
  ]);
});
