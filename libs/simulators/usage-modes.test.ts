/** Each mode of `usage=…`, at each vendor, as its client and the witness see it. */
import t from 'tap';
import { startProviderSimulator } from './provider-simulator.ts';

const simulator = await startProviderSimulator();
t.teardown(() => simulator.close());

const CAP = 50;
const IMAGE = 'https://example.com/picture.jpg';

type Vendor = {
  path: (stream: boolean) => string;
  headers: Record<string, string>;
  body: (text: string, stream: boolean) => object;
  /** Input and output tokens of the last usage in a response. */
  usage: (response: string) => [input: number, output: number];
};

const lastNumber = (text: string, field: string) =>
  Number([...text.matchAll(new RegExp(`"${field}":(\\d+)`, 'g'))].at(-1)?.[1] ?? Number.NaN);

const VENDORS: Record<string, Vendor> = {
  openai: {
    path: () => '/openai/v1/chat/completions',
    headers: { authorization: 'Bearer sk-test' },
    body: (text, stream) => ({
      model: 'gpt-4o',
      max_completion_tokens: CAP,
      stream,
      ...(stream && { stream_options: { include_usage: true } }),
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text },
            { type: 'image_url', image_url: { url: IMAGE } },
          ],
        },
      ],
    }),
    usage: (response) => [lastNumber(response, 'prompt_tokens'), lastNumber(response, 'completion_tokens')],
  },
  anthropic: {
    path: () => '/anthropic/v1/messages',
    headers: { 'x-api-key': 'sk-test', 'anthropic-version': '2023-06-01' },
    body: (text, stream) => ({
      model: 'claude-haiku-4-5',
      max_tokens: CAP,
      stream,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text },
            { type: 'image', source: { type: 'url', url: IMAGE } },
          ],
        },
      ],
    }),
    usage: (response) => [lastNumber(response, 'input_tokens'), lastNumber(response, 'output_tokens')],
  },
  gemini: {
    path: (stream) =>
      `/gemini/v1beta/models/gemini-2.0-flash:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    headers: { 'x-goog-api-key': 'test' },
    body: (text) => ({
      contents: [
        { role: 'user', parts: [{ text }, { fileData: { fileUri: IMAGE, mimeType: 'image/jpeg' } }] },
      ],
      generationConfig: { maxOutputTokens: CAP },
    }),
    usage: (response) => [
      lastNumber(response, 'promptTokenCount'),
      lastNumber(response, 'candidatesTokenCount'),
    ],
  },
};
/** The most tokens that the vendor documents for an image. */
const IMAGE_TOKENS: Record<string, number> = { openai: 1445, anthropic: 1568, gemini: 6192 };
const TEXT = 'Tell me about the sea.';

async function ask({ path, headers, body, usage }: Vendor, mode: string, stream: boolean) {
  simulator.witness.reset();
  const response = await fetch(`${simulator.url}${path(stream)}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body(`${TEXT} [[simulate: ${mode}]]`, stream)),
  });
  const text = await response.text();
  await simulator.witness.ended(1);
  const [call] = simulator.witness.calls();
  if (call === undefined) throw new Error('no call was recorded');
  const { input, output } = call.usage;
  return { status: response.status, text, reported: usage(text), served: [input, output], call };
}

for (const [name, vendor] of Object.entries(VENDORS)) {
  const image = IMAGE_TOKENS[name] ?? 0;
  for (const stream of [false, true]) {
    t.test(`${name}, ${stream ? 'streamed' : 'plain'}`, async (t) => {
      const counted = await ask(vendor, 'usage=counted', stream);
      t.equal(counted.status, 200);
      t.strictSame(counted.reported, counted.served);
      const [input = 0] = counted.served;
      t.ok(input > image + 10 && input < image + 100, `${input} tokens of the prompt with its image`);

      const max = await ask(vendor, 'usage=max', stream);
      t.strictSame(max.reported, max.served);
      t.ok((max.served[0] ?? 0) >= image, 'the largest image');
      t.equal(max.served[1], CAP, 'the whole cap');

      const more = await ask(vendor, 'usage=more', stream);
      t.strictSame(more.reported, more.served);
      t.equal(more.served[1], 2 * CAP, 'twice the cap');
      t.ok((more.served[0] ?? 0) > 8 * image, 'more than any bound of the prompt');

      const zero = await ask(vendor, 'usage=zero', stream);
      t.strictSame(zero.reported, [0, 0]);
      t.ok((zero.served[0] ?? 0) >= image && (zero.served[1] ?? 0) > 0, 'the witness knows what was served');
      t.equal(zero.call.reportsUsage, false);
      t.equal(counted.call.reportsUsage, true);

      const late = await ask(vendor, 'usage=late', stream);
      t.strictSame(late.reported, late.served);
    });
  }

  t.test(`${name} sends late usage after its content`, async (t) => {
    const { path, headers, body } = vendor;
    const response = await fetch(`${simulator.url}${path(true)}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body(`${TEXT} [[simulate: usage=late,tokens=20,chunks=4]]`, true)),
    });
    const pieces: string[] = [];
    for await (const piece of response.body ?? []) pieces.push(Buffer.from(piece).toString());
    t.ok(pieces.length > 1, 'the content does not wait for it');
    const [, output] = vendor.usage(pieces.slice(1).join(''));
    t.equal(output, 20);
  });
}

t.test('an unknown mode is refused', async (t) => {
  t.equal((await ask(VENDORS.openai as Vendor, 'usage=some', false)).status, 400);
});

t.test('a call waits until its gate is opened', async (t) => {
  const vendor = VENDORS.openai as Vendor;
  const gate = (name: string) => fetch(`${simulator.url}/release?name=${name}`, { method: 'POST' });
  simulator.witness.reset();
  const send = (name: string, signal?: AbortSignal) =>
    fetch(`${simulator.url}${vendor.path(false)}`, {
      method: 'POST',
      headers: { ...vendor.headers, 'content-type': 'application/json' },
      body: JSON.stringify(vendor.body(`${TEXT} [[simulate: until=${name}]]`, false)),
      ...(signal && { signal }),
    });
  const abort = new AbortController();
  const given = t.rejects(send('one', abort.signal));
  const waiting = send('one');
  await simulator.witness.arrived(2);
  abort.abort();
  await given;
  await simulator.witness.ended(1);
  t.match(simulator.witness.calls(), [{ status: 0 }], 'a caller that leaves');
  await gate('other');
  await gate('one');
  t.equal((await waiting).status, 200);
  t.equal((await send('one')).status, 200, 'an open gate stays open');
});
