/** The settings of an autopilot, from requests. Pure. */
import type { AutopilotChanges, NewAutopilot } from '#libs/contracts/autopilots.ts';
import type { Owner } from '#libs/ledger/quota-resources.ts';
import { type Autopilot, activated } from './autopilot.ts';

export function createdFrom(
  body: NewAutopilot,
  { id, owner, now }: { id: string; owner: Owner; now: Date },
): Autopilot {
  const { schedule } = body;
  return {
    id,
    ...owner,
    name: body.name,
    topics: body.topics ?? null,
    contentPlanId: body.content_plan_id ?? null,
    networks: body.networks,
    connectionIds: body.connection_ids,
    language: body.language,
    tone: body.tone,
    brandVoice: body.brand_voice,
    cron: schedule.cron,
    timeZone: schedule.time_zone,
    research: body.research,
    ads: body.ads,
    learn: body.learn,
    autoPost: body.auto_post,
    ...activated({ cron: schedule.cron, timeZone: schedule.time_zone }, now),
    createdAt: now,
    updatedAt: now,
  };
}

/** Fields that are absent stay as they are. A new schedule counts from now; a new source makes a finished one active. */
export function changesOf(current: Autopilot, body: AutopilotChanges, now: Date): Partial<Autopilot> {
  const { schedule } = body;
  const hasNewSource = body.topics !== undefined || body.content_plan_id !== undefined;
  const settings = given({
    name: body.name,
    networks: body.networks,
    connectionIds: body.connection_ids,
    language: body.language,
    tone: body.tone,
    brandVoice: body.brand_voice,
    cron: schedule?.cron,
    timeZone: schedule?.time_zone,
    research: body.research,
    ads: body.ads,
    learn: body.learn,
    autoPost: body.auto_post,
    ...(hasNewSource && { topics: body.topics ?? null, contentPlanId: body.content_plan_id ?? null }),
  });
  const isReplanned = current.status === 'active' && schedule !== undefined;
  const isRevived = current.status === 'finished' && hasNewSource;
  const next = activated({ ...current, ...settings }, now);
  return {
    ...settings,
    ...(isReplanned && { nextRunAt: next.nextRunAt }),
    ...(isRevived && next),
  };
}

function given<Fields extends object>(fields: Fields) {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
}
