/** Runs one answer of a vendor through the adapter and the meter, as a call does. */
import type { Dispatcher } from 'undici';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { outputTokens } from '#libs/pricing/units.ts';
import { CallRecord } from '../../calls/domain/call-record.ts';
import { failureOf } from '../../calls/domain/failure.ts';
import { measure, type Outcome } from '../../calls/domain/measure.ts';
import { chatPlan, type TestProvider } from '../../fixtures.ts';
import type { ChatCompletion } from '../domain/chat-format.ts';
import type { CallContext } from '../domain/provider-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { callContext, chatWith, chunksIn, providersAt } from '../fixtures.ts';
import type { CorpusCase } from './corpus.fixture.ts';

/** What one call did, for its client and for its meter. */
export type Observed = {
  text: string;
  reasoning: string;
  /** The events that the client received. */
  sent: string;
  /** The plain answer that the client received. */
  completion: ChatCompletion | undefined;
  units: object | null;
  final: boolean;
  serviceTier: string | null;
  error: string | null;
  booked: string;
  bookedOutput: number | null;
};

const OK: Outcome = { status: 'ok', errorCode: null, mayBeBilled: true };
const PROMPT_TOKENS = 10;

/** @throws any error that a call may not throw. */
export async function runAnswer(
  { provider, expected }: CorpusCase,
  {
    url,
    dispatcher,
    stream,
    context = {},
  }: {
    url: string;
    dispatcher: Dispatcher;
    stream: boolean;
    context?: Partial<CallContext>;
  },
): Promise<Observed> {
  const { source } = providersAt(provider, url, dispatcher).forChat(provider);
  const choices = expected.choices ?? 1;
  const [call] = chatPlan(provider as TestProvider, { choices, outputTokens: 100 }).calls as [PlannedCall];
  const chat = chatWith({ stream }, { model: 'a-model', upstreamModel: 'a-model', choices });
  const record = new CallRecord(call);
  let sent = '';
  let completion: ChatCompletion | undefined;
  let error: ProviderError | null = null;
  try {
    const fullContext = callContext({ ...context, trace: record });
    if (stream) {
      await source.chatStream(chat, fullContext, (piece) => {
        record.take(piece);
        sent += piece.bytes ?? '';
        return undefined;
      });
    } else {
      const answer = await source.chat(chat, fullContext);
      record.takeAnswer(answer);
      completion = JSON.parse(answer.bytes.toString());
    }
    record.isComplete = true;
  } catch (thrown) {
    if (!(thrown instanceof ProviderError)) throw thrown;
    error = thrown;
  }
  const outcome = error ? failureOf(error, call, null).outcome : OK;
  const { units, source: booked } = await measure(call, record, outcome, async () => PROMPT_TOKENS);
  const isNothing = units !== null && Object.keys(units).length === 0;
  return {
    text: record.text,
    reasoning: record.reasoning,
    sent,
    completion,
    units: record.usage?.units ?? null,
    final: record.usage?.final ?? false,
    serviceTier: record.serviceTier,
    error: error?.kind ?? null,
    booked: isNothing ? 'nothing' : booked,
    bookedOutput: units && outputTokens(units),
  };
}

/** What holds for every answer, valid or not. @throws Error */
export function checkInvariants({ text, reasoning, sent, error, booked, bookedOutput }: Observed): void {
  const hasOutput = text !== '' || reasoning !== '';
  if (hasOutput && booked !== 'bound' && !bookedOutput) throw new Error('Output was produced for nothing.');
  if (error === null && booked === 'nothing') throw new Error('A complete answer was free.');
  for (const { choices } of chunksIn(sent)) {
    if (choices.length === 0) throw new Error('A client received a chunk without choices.');
  }
}
