import type { AutopilotRunView, AutopilotView } from '#libs/contracts/autopilots.ts';
import { type Autopilot, type AutopilotRun, networksOf } from './domain/autopilot.ts';

export const presentAutopilot = (autopilot: Autopilot): AutopilotView => ({
  id: autopilot.id,
  name: autopilot.name,
  topics: autopilot.topics,
  content_plan_id: autopilot.contentPlanId,
  networks: networksOf(autopilot),
  connection_ids: autopilot.connectionIds,
  language: autopilot.language,
  tone: autopilot.tone,
  brand_voice: autopilot.brandVoice,
  schedule: { cron: autopilot.cron, time_zone: autopilot.timeZone },
  research: autopilot.research,
  ads: autopilot.ads,
  learn: autopilot.learn,
  auto_post: autopilot.autoPost,
  status: autopilot.status,
  pause_reason: autopilot.pauseReason,
  next_run_at: autopilot.nextRunAt?.toISOString() ?? null,
  consecutive_failures: autopilot.failures,
  created_at: autopilot.createdAt.toISOString(),
  updated_at: autopilot.updatedAt.toISOString(),
});

export const presentRun = (run: AutopilotRun): AutopilotRunView => ({
  id: run.id,
  status: run.status,
  scheduled_for: run.scheduledFor.toISOString(),
  topic: run.topic,
  choice: run.choice as AutopilotRunView['choice'],
  generation_id: run.generationId,
  posts: run.posts as AutopilotRunView['posts'],
  problem: run.problem as AutopilotRunView['problem'],
  created_at: run.createdAt.toISOString(),
  finished_at: run.finishedAt?.toISOString() ?? null,
});
