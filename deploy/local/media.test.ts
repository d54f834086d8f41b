/** Stored media, through the gateway. */
import t from 'tap';
import { startInstallation } from './installation.fixture.ts';

const { call, customer, url } = await startInstallation(t, 'default');
const owner = await customer('pro');
const other = await customer();

t.test(
  'given an image as a URL, then anyone with the URL reads it, and only its owner manages it',
  async (t) => {
    const asked = {
      prompt: 'A pen',
      platform: 'instagram',
      response_format: 'url',
      enable_post_processing: true,
      output_format: 'webp',
      generate_alt_text: true,
    };
    const { status, body } = await call('/api/images/generate', owner.token, asked);
    t.equal(status, 200);
    const [image] = body.images;
    t.match(image, { b64_json: null, media_type: 'image/webp', width: 1080, height: 1080, alt_text: /\w/ });
    const link = new URL(image.url);
    const read = (query = link.search) => fetch(`${url}${link.pathname}${query}`);
    const picture = await read();
    t.equal(picture.status, 200);
    t.equal(picture.headers.get('content-type'), 'image/webp');
    t.match(picture.headers.get('cache-control'), /^private, max-age=\d+, immutable$/);
    t.equal(Buffer.from(await picture.arrayBuffer()).toString('latin1', 8, 12), 'WEBP');
    t.equal((await read(link.search.replace(/signature=./, 'signature=z'))).status, 400);
    t.equal((await read(`?expires=${2 ** 31}&signature=${'0'.repeat(64)}`)).status, 404);
    t.equal((await read('')).status, 400);

    const [, , , id] = link.pathname.split('/');
    const list = await call('/api/media', owner.token);
    t.match(list.body, { data: [{ id, media_type: 'image/webp', size_bytes: /\d+/ }], next_cursor: null });
    t.strictSame((await call('/api/media', other.token)).body.data, []);
    t.equal((await call(`/api/media/${id}`, other.token)).status, 404);
    t.equal((await call(`/api/media/${id}`, null)).status, 401);
    t.match((await call(`/api/media/${id}`, owner.token)).body, { id, url: new RegExp(String(id)) });
    const remove = (token: string) =>
      fetch(`${url}/api/media/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
    t.equal((await remove(other.token)).status, 404);
    t.equal((await remove(owner.token)).status, 204);
    t.equal((await read()).status, 404);
  },
);

t.test('given a hero image and a voice-over, then their documents name media of the account', async (t) => {
  const asked = {
    topic: 'ink',
    length: 'short',
    content_types: ['blog', 'audio'],
    hero_image: true,
    voice_over: 'coral',
  };
  const { status, body } = await call('/api/generate', owner.token, asked, { accept: 'application/json' });
  t.equal(status, 200);
  t.strictSame(body.documents.map(({ content_type: part }: { content_type: string }) => part).toSorted(), [
    'audio',
    'blog',
    'hero_image',
    'voice_over',
  ]);
  for (const { content_type: part, content } of body.documents) {
    if (part !== 'hero_image' && part !== 'voice_over') continue;
    const media = await call(`/api/media/${content.media_id}`, owner.token);
    t.match(media, { status: 200, body: { media_type: part === 'hero_image' ? 'image/png' : 'audio/mpeg' } });
    const { pathname, search } = new URL(media.body.url);
    t.equal((await fetch(`${url}${pathname}${search}`)).status, 200);
    t.equal((await call(`/api/media/${content.media_id}`, other.token)).status, 404);
  }
});
