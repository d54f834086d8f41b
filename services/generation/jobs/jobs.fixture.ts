import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Pool } from 'pg';
import { CONTENT_INPUTS_PATH, type ContentInputs } from '#libs/contracts/content-inputs.ts';
import { type GenerateRequest, generateRequest } from '#libs/contracts/generate.ts';
import type { JobTerms } from '#libs/contracts/generation-requests.ts';
import type { GenerationView } from '#libs/contracts/generations.ts';
import { SEARCH_PROVIDERS, type SearchProvider } from '#libs/contracts/search.ts';
import { parseSse } from '#libs/http/sse-parser.ts';
import { type MediaModels, planContent } from '#libs/pipelines/content/plan.ts';
import { withSafetyCall } from '#libs/pipelines/safety.ts';
import type { TextModel } from '#libs/pipelines/text-call.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { TestScope } from '#libs/testing/database.ts';
import { type HttpResponse, request } from '#libs/testing/http.ts';
import { CALLER, priceOf, startBridge, type TestGeneration } from '../fixtures.ts';
import type { Approval } from './resume.ts';

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

/** Pico-USD: the prices of the price book. */
const SEARCH_PRICES: Readonly<Record<string, Record<string, string>>> = {
  tavily: { search: '1000000000' },
  serper: { search: '1000000000' },
  exa: { search: '3000000000' },
  firecrawl: { page: '2000000000' },
};

export function searchModel(provider: SearchProvider) {
  const model: ModelInfo = {
    ...MODEL,
    provider,
    model: `${provider}_search`,
    upstreamModel: 'search',
    kind: provider === 'firecrawl' ? 'page' : 'search',
    contextWindow: 0,
    maxOutputTokens: 0,
    capabilities: { ...MODEL.capabilities, jsonSchema: false, streaming: false },
  };
  const tiers = [{ from_input_tokens: 0, pico_usd_per_unit: SEARCH_PRICES[provider] ?? {} }];
  return { model, price: { provider, model: model.model, version: `${provider}@1`, tiers } };
}

/** Moderates for nothing. */
export const MODERATION = {
  model: {
    ...MODEL,
    model: 'omni-moderation-latest',
    upstreamModel: 'omni-moderation-latest',
    kind: 'moderation' as const,
  },
  price: {
    ...{ provider: 'openai', model: 'omni-moderation-latest', version: 'openai/omni-moderation-latest@test' },
    tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { request: '0' } }],
  },
};

/** What the ledger has for holds, as responses show it. */
export function spentBy(pool: Pool) {
  return async (holdIds: readonly string[]): Promise<string> => {
    const { rows } = await pool.query(
      'SELECT coalesce(sum(cost_nano_usd), 0)::bigint AS cost FROM usage_events WHERE hold_id = ANY ($1)',
      [holdIds],
    );
    return `0.${String(rows[0].cost).padStart(9, '0')}`;
  };
}

export type JobEvent = { id: number; event: string; data: Record<string, unknown> };

/** Starts another generation process over the same database. @returns what its owners see of it, and how to kill it. */
export async function startProcess(t: TestScope, generation: TestGeneration) {
  const { databaseUrl, simulator, sign } = generation;
  const program = 'services/generation/jobs/worker.fixture.ts';
  const child = spawn(process.execPath, [program, databaseUrl, simulator.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  const url = String(line).trim();
  return {
    client: jobClient({ ...generation, url, workUrl: await startBridge(t, url, sign) }),
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** Jobs as the gateway creates them, and as their owners see them. */
export function jobClient(generation: Pick<TestGeneration, 'workUrl' | 'url' | 'admit' | 'sign'>) {
  const { workUrl, url, admit, sign } = generation;
  const call = <Body>(method: string, path: string, caller = CALLER) =>
    request<Body>(`${url}${path}`, { method, headers: sign(path, { method, caller }) });

  const readInputs = (asked: object, caller = CALLER) =>
    request<ContentInputs>(`${url}${CONTENT_INPUTS_PATH}`, {
      headers: sign(CONTENT_INPUTS_PATH, { method: 'POST', caller }),
      body: asked,
    });

  async function submit(
    body: object,
    options: {
      terms?: JobTerms;
      caller?: typeof CALLER;
      resume?: string;
      done?: readonly string[];
      research?: string[];
      researchFallbacks?: string[];
      approval?: Approval;
      mediaModels?: MediaModels;
      moderation?: TextModel;
      /** Whether the texts of the request are moderated, too. */
      moderatesRequest?: boolean;
      budget?: ContentInputs['budget'];
      /** Runs between the hold and the request for the job. */
      whenHeld?: (holdId: string) => Promise<unknown>;
    } = {},
  ): Promise<HttpResponse<GenerationView> & { requestId: string }> {
    const {
      resume,
      done = [],
      research: _,
      researchFallbacks,
      approval,
      mediaModels,
      moderation,
      moderatesRequest,
      budget,
      whenHeld,
      ...rest
    } = options;
    const asked: GenerateRequest = generateRequest.parse(body);
    const inputs = await readInputs(asked, options.caller);
    if (inputs.status !== 200) return { ...inputs, requestId: '' } as never;
    const research = asked.research ? (options.research ?? ['tavily']) : undefined;
    const sent = {
      ...asked,
      inputs: {
        ...inputs.body,
        ...(research && { research }),
        ...(researchFallbacks && { research_fallbacks: researchFallbacks }),
        ...(budget && { budget }),
      },
      ...(resume && { resume }),
      ...(approval && { approval }),
    };
    const plan = planContent({
      kind: 'job',
      request: asked,
      model: MODEL,
      price: priceOf('openai', MODEL.model),
      outputTokensCap: null,
      inputs: sent.inputs,
      searchModels: SEARCH_PROVIDERS.map(searchModel),
      ...(mediaModels && { mediaModels }),
      moderation,
      ...(resume && { resumed: { scale: 1_000, done: new Set(done), approval } }),
    });
    const held = moderatesRequest ? withSafetyCall(plan, moderation) : plan;
    const { requestId, headers } = await admit(held, { ttlMs: 600_000, ...rest });
    await whenHeld?.(requestId);
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
    readInputs,
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
