/** What the steps do that write no text: they search, draw, describe an image, or speak. */
import { SPEECH_TYPES, type TranscriptionOrder } from '#libs/contracts/audio.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { recordingName } from '#libs/pipelines/audio.ts';
import type { Verdict } from '#libs/pipelines/content/check.ts';
import { heroImageRequest, heroSubject, subjectRequest } from '#libs/pipelines/content/hero-image.ts';
import type { Repair } from '#libs/pipelines/content/prompt.ts';
import { insightsTitle } from '#libs/pipelines/content/recording.ts';
import { researchOf, sourceLimit } from '#libs/pipelines/content/sources.ts';
import {
  type AltTextSpec,
  type ContentStep,
  jsonOf,
  type SearchSpec,
  type SpeechSpec,
  type StepOutputs,
  type StoredMedia,
} from '#libs/pipelines/content/step.ts';
import { speechText } from '#libs/pipelines/content/voice-over.ts';
import { altTextMessages, altTextOf } from '#libs/pipelines/image-descriptions.ts';
import { joinMp3 } from '#libs/pipelines/mp3.ts';
import { SAFETY_STEP } from '#libs/pipelines/safety.ts';
import { problem } from '#libs/problems/problems.ts';
import { speechAttempt, transcriptionAttempt } from '../audio/domain/attempts.ts';
import { configuredCall } from '../calls/domain/configured-call.ts';
import type { Attempt, CallRunner } from '../calls/domain/run-call.ts';
import { textAttempt } from '../content/domain.ts';
import { drawAttempt } from '../images/domain/draw.ts';
import { finishImage, previewOf } from '../images/domain/finish-image.ts';
import type { DeleteMedia, OpenMedia, ReadMedia, SaveMedia } from '../media/domain.ts';
import { ProviderError } from '../providers/domain/provider-error.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { searchAttempt } from '../search/domain.ts';
import type { Job } from './domain/job.ts';
import { afterOutage, isModerated, materialOf, moderateMaterial } from './moderate-material.ts';

export type ToolOptions = {
  providers: Pick<
    Providers,
    'forPipeline' | 'forSearch' | 'forImages' | 'forAudio' | 'moderationsIfConfigured'
  >;
  saveMedia: SaveMedia;
  readMedia: ReadMedia;
  openMedia: OpenMedia;
  deleteMedia: DeleteMedia;
};

/** A step that this process runs now. */
export type ToolRun = { job: Job; step: ContentStep; outputs: StepOutputs; calls: readonly PlannedCall[] };

const accept = (json: Record<string, unknown>, warnings: string[] = []): Verdict => ({
  kind: 'accept',
  output: { json },
  warnings,
});

/** The call of a step that writes no text, by the first of its models whose provider is configured. */
export function configuredToolCall(
  { providers }: ToolOptions,
  { spec }: ContentStep,
  call: PlannedCall,
): PlannedCall {
  if (call.step === SAFETY_STEP) return call;
  switch (spec.kind) {
    case 'search':
      return configuredCall(call, providers.forSearch);
    case 'image':
      return configuredCall(call, providers.forImages);
    case 'alt_text':
      return configuredCall(call, providers.forPipeline);
    case 'speech':
    case 'transcription':
      return configuredCall(call, providers.forAudio);
    default:
      return call;
  }
}

/** An attempt at the call of a step that writes no text. @throws ProblemError `not_found` if its input was deleted. */
export async function toolAttempt(
  options: ToolOptions,
  run: ToolRun,
  call: PlannedCall,
  repair?: Repair,
): Promise<Attempt<Verdict>> {
  const { spec } = run.step;
  if (call.step === SAFETY_STEP)
    return moderateMaterial(options.providers, run.step, call, repair?.draft ?? '');
  switch (spec.kind) {
    case 'transcription':
      return transcribe(options, run, call);
    case 'search':
      return searchFor(options, run, spec);
    case 'image':
      return drawHeroImage(options, run);
    case 'alt_text':
      return describeImage(options, run, spec);
    case 'speech':
      return speakScript(options, run, call, spec);
    default:
      throw new TypeError(`The step ${run.step.key} writes a text.`);
  }
}

/** The output of a step whose call failed; undefined if there is none. An image that is paid for is delivered undescribed. */
export function substituteFor(
  { runner }: { runner: Pick<CallRunner, 'moderationOutage'> },
  run: ToolRun,
  call: PlannedCall,
  code: string,
  repair?: Repair,
): Verdict | undefined {
  if (call.step === SAFETY_STEP) return afterOutage(run.step, code, repair?.draft ?? '', runner);
  const {
    step: { spec },
    job: { brief },
    outputs,
  } = run;
  if (spec.kind !== 'alt_text' || code === 'service_unavailable') return undefined;
  const { title } = heroSubject(brief, outputs);
  return accept({ alt_text: title }, [
    'The image could not be described. Its text alternative is the title.',
  ]);
}

function searchFor(
  { providers }: ToolOptions,
  { job: { brief }, outputs, calls }: ToolRun,
  spec: SearchSpec,
): Attempt<Verdict> {
  const query = spec.query || (insightsTitle(outputs) ?? '');
  const fullText = brief.request.research_full_text === true;
  const search = searchAttempt({ query, limit: sourceLimit(brief), fullText }, providers.forSearch);
  return async (...attempt) => {
    const { sources } = await search(...attempt);
    const research = researchOf(brief, sources);
    if (sources.length > 0 && isModerated(calls))
      return { kind: 'repair', repair: materialOf(JSON.stringify(research)) };
    return accept(research, sources.length === 0 ? ['The search found no sources.'] : []);
  };
}

/** The text of a recording, in the language in which it is spoken unless the request says it. */
async function transcribe(
  { providers, openMedia }: ToolOptions,
  { job: { row, brief }, calls }: ToolRun,
  call: PlannedCall,
): Promise<Attempt<Verdict>> {
  const { recording } = brief.inputs;
  if (recording === undefined) throw new TypeError('The job has no recording.');
  const order: TranscriptionOrder = {
    model: call.model,
    response_format: 'json',
    file_name: recordingName(recording.media_type),
    file_type: recording.media_type,
    ...(brief.request.language !== undefined && isCode(brief.language) && { language: brief.language }),
  };
  const file = await openMedia(row.accountId, recording.id);
  if (file === undefined) throw problem('not_found', { detail: 'The recording has been deleted.' });
  const listen = transcriptionAttempt(order, file, providers.forAudio);
  return async (...attempt) => {
    const { text } = JSON.parse((await listen(...attempt)).toString('utf8')) as { text: string };
    const transcript = text.replaceAll('\0', '').trim();
    if (transcript === '')
      return { kind: 'fail', detail: 'Nothing is spoken in the recording.', partial: '' };
    if (isModerated(calls)) return { kind: 'repair', repair: materialOf(transcript) };
    return { kind: 'accept', output: { markdown: transcript }, warnings: [] };
  };
}

const isCode = (language: string) => /^[a-z]{2}$/.test(language);

function drawHeroImage({ providers, saveMedia }: ToolOptions, { job, outputs }: ToolRun): Attempt<Verdict> {
  const request = heroImageRequest(heroSubject(job.brief, outputs).text);
  const draw = drawAttempt(request, providers.forImages);
  return async (...attempt) => {
    const [image] = await draw(...attempt);
    const { base64, mediaType, width, height } = await finishImage(
      image ?? { base64: null, url: null, revisedPrompt: null },
      request,
    );
    if (base64 === null || mediaType === null)
      throw new ProviderError('malformed', "The provider's answer has no image that can be read.");
    const { id } = await saveMedia(job.row, { bytes: Buffer.from(base64, 'base64'), mediaType });
    return accept({ media_id: id, media_type: mediaType, width, height });
  };
}

function describeImage(
  { providers, readMedia }: ToolOptions,
  { job, outputs }: ToolRun,
  { image }: AltTextSpec,
): Attempt<Verdict> {
  const request = subjectRequest(heroSubject(job.brief, outputs).text);
  const { media_id: id } = jsonOf<StoredMedia>(outputs, image);
  return async (context, record, call) => {
    // Without room for an image, the model cannot see.
    const bytes = call.seesImage === true ? await readMedia(job.row.accountId, id) : undefined;
    const preview = bytes === undefined ? null : await previewOf({ base64: bytes.toString('base64') });
    const write = textAttempt(altTextMessages(request, '', preview), providers.forPipeline);
    const text = await write(context, record, call);
    return accept({ alt_text: altTextOf(text) ?? '' });
  };
}

/** Speaks a piece of the script. The last piece is stored in one file with the others. */
function speakScript(
  { providers, saveMedia, readMedia }: ToolOptions,
  { job, outputs }: ToolRun,
  { model }: PlannedCall,
  spec: SpeechSpec,
): Attempt<Verdict> {
  const { text, isCut } = speechText(outputs, spec);
  const order = { model, input: text, voice: spec.voice, response_format: 'mp3' as const };
  const speak = speechAttempt(order, providers.forAudio);
  const mediaType = SPEECH_TYPES.mp3;
  return async (...attempt) => {
    // Before the call is paid.
    const pieces = await Promise.all(
      piecesBefore(outputs, spec).map(async (id) => {
        const bytes = await readMedia(job.row.accountId, id);
        if (bytes === undefined)
          throw problem('not_found', { detail: 'A piece of the recording has been deleted.' });
        return bytes;
      }),
    );
    const bytes = joinMp3([...pieces, await speak(...attempt)]);
    const { id } = await saveMedia(job.row, { bytes, mediaType });
    const warnings = isCut ? ['The script is longer than planned: only its beginning is spoken.'] : [];
    return accept({ media_id: id, media_type: mediaType }, warnings);
  };
}

function piecesBefore(outputs: StepOutputs, { joins }: SpeechSpec): string[] {
  return joins.map((step) => jsonOf<StoredMedia>(outputs, step).media_id);
}

/** Deletes what a step that has succeeded has replaced: the pieces of a recording. */
export async function deleteReplaced(
  { deleteMedia }: ToolOptions,
  { job, step: { spec }, outputs }: ToolRun,
): Promise<void> {
  if (spec.kind === 'speech') await deleteMedia(job.row.accountId, piecesBefore(outputs, spec));
}
