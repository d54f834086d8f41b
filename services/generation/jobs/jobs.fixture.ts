import { type GenerateRequest, generateRequest } from '#libs/contracts/generate.ts';
import type { JobTerms } from '#libs/contracts/generation-requests.ts';
import type { GenerationView } from '#libs/contracts/generations.ts';
import { parseSse } from '#libs/http/sse-parser.ts';
import { planContent } from '#libs/pipelines/content/plan.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { type HttpResponse, request } from '#libs/testing/http.ts';
import { CALLER, priceOf, type TestGeneration } from '../fixtures.ts';

export const MODEL: ModelInfo = {
  provider: 'openai',
  model: 'gpt-4o',
  aliases: [],
  upstreamModel: 'gpt-4o',
  kind: 'text',
  contextWindow: 128_000,
  maxOutputTokens: 8_192,
  maxImageInputTokens: 0,
  tokenizer: null,
  capabilities: { vision: false, tools: false, jsonSchema: true, reasoning: false, streaming: true },
};

export type JobEvent = { id: number; event: string; data: Record<string, unknown> };

/** Jobs as the gateway creates them, and as their owners see them. */
export function jobClient(generation: Pick<TestGeneration, 'workUrl' | 'url' | 'admit' | 'sign'>) {
  const { workUrl, url, admit, sign } = generation;
  const call = <Body>(method: string, path: string, caller = CALLER) =>
    request<Body>(`${url}${path}`, { method, headers: sign(path, { method, caller }) });

  async function submit(
    body: object,
    options: { terms?: JobTerms; caller?: typeof CALLER; resume?: string; done?: readonly string[] } = {},
  ): Promise<HttpResponse<GenerationView> & { requestId: string }> {
    const { resume, done = [], ...rest } = options;
    const asked: GenerateRequest = generateRequest.parse(body);
    const plan = planContent({
      kind: 'job',
      request: asked,
      model: MODEL,
      price: priceOf('openai', MODEL.model),
      outputTokensCap: null,
      done: new Set(done),
    });
    const { requestId, headers } = await admit(plan, { ttlMs: 600_000, ...rest });
    const sent = { ...asked, ...(resume && { resume }) };
    return { ...(await request<GenerationView>(workUrl, { headers, body: sent })), requestId };
  }

  async function* follow(id: string, after?: number): AsyncGenerator<JobEvent> {
    const path = `/api/generations/${id}/events`;
    const headers = { ...sign(path), ...(after !== undefined && { 'last-event-id': String(after) }) };
    const response = await fetch(`${url}${path}`, { headers });
    if (response.status !== 200) throw new Error(`The events were refused: ${response.status}`);
    for await (const { event, data, id: eventId } of parseSse(response.body as AsyncIterable<Uint8Array>)) {
      yield { id: Number(eventId), event, data: JSON.parse(data) };
    }
  }

  return {
    call,
    submit,
    follow,
    get: async (id: string) => (await call<GenerationView>('GET', `/api/generations/${id}`)).body,
    /** Waits for the end. @returns all events. */
    async finish(id: string): Promise<JobEvent[]> {
      const events: JobEvent[] = [];
      for await (const event of follow(id)) events.push(event);
      return events;
    },
  };
}
