/** What a run writes, and what becomes of its posts. Pure. */
import type { RunPost } from '#libs/contracts/autopilots.ts';
import type { ContentInputs } from '#libs/contracts/content-inputs.ts';
import { composePost, DRAFTS, POSTS, type SocialConnection, type SocialPost } from '../../social/domain.ts';
import { AUTOPILOT_POSTS, type Autopilot, type AutopilotRun, connectionsByNetwork } from './autopilot.ts';
import { chooseTopic, examplesOf, type History } from './topics.ts';

/** An entry of a content plan. */
export type PlanEntry = { title: string; angle: string; keyword: string };

/** What a run is made from. */
export type RunFacts = {
  history: History;
  connections: readonly SocialConnection[];
  /** The entries of its content plan; null if that does not exist any more, or the autopilot has topics. */
  entries: readonly PlanEntry[] | null;
  /** The entry that comes next. */
  nextEntry: number;
};

const MAX_TOPIC = 500;
const MAX_KEYWORD = 60;

/** What a run is about, and why; undefined if the content plan has no entry left. */
export function subjectOf(
  { topics, contentPlanId, learn }: Autopilot,
  { history, entries, nextEntry }: RunFacts,
) {
  const examples = learn ? examplesOf(history.posts) : [];
  const ids = (kind: 'best' | 'weakest') =>
    examples.filter(({ example }) => example.kind === kind).map(({ id }) => id);
  const learned = learn ? { best_posts: ids('best'), weakest_posts: ids('weakest') } : {};
  if (topics !== null) {
    const { topic, choice } = chooseTopic(topics, history, learn);
    return { topic, keyword: null, entry: null, choice: { ...choice, ...learned }, examples };
  }
  const entry = entries?.[nextEntry];
  if (entry === undefined) return undefined;
  const { title, angle, keyword } = entry;
  return {
    topic: `${title}: ${angle}`.slice(0, MAX_TOPIC).toWellFormed(),
    keyword,
    entry: nextEntry,
    choice: {
      reason: `Entry ${nextEntry + 1} of ${entries?.length} of the content plan.`,
      ...(contentPlanId !== null && { content_plan_id: contentPlanId }),
      ...learned,
    },
    examples,
  };
}

/** A run that waits for its job. */
export function newRun(
  autopilot: Autopilot,
  { topic, keyword, entry, choice, examples }: NonNullable<ReturnType<typeof subjectOf>>,
  connections: readonly SocialConnection[],
  { id, now }: { id: string; now: Date },
): AutopilotRun {
  const { networks, language, tone, brandVoice, research, ads, autoPost } = autopilot;
  const targets = connectionsByNetwork(autopilot, connections);
  const connected = targets.filter(({ connectionId }) => connectionId !== null).length;
  const inputs = {
    autopilot: {
      run_id: id,
      counts: {
        [AUTOPILOT_POSTS]: networks.length,
        ...(connected > 0 && { [autoPost ? POSTS : DRAFTS]: connected }),
      },
      examples: examples.map(({ example }) => example),
    },
  } satisfies ContentInputs;
  return {
    ...{ id, autopilotId: autopilot.id, accountId: autopilot.accountId, topic, entry, choice, inputs },
    status: 'starting',
    scheduledFor: autopilot.nextRunAt ?? now,
    generationId: null,
    request: {
      topic,
      content_types: ads ? ['social', 'ads'] : ['social'],
      networks,
      ...(research && { research }),
      ...(language !== null && { language }),
      ...(tone !== null && { tone }),
      ...(brandVoice !== null && { brand_voice: brandVoice }),
      ...(keyword !== null && keyword !== '' && { keywords: [keyword.slice(0, MAX_KEYWORD)] }),
    },
    problem: null,
    posts: targets.map(({ network, connectionId }) => ({
      network,
      connection_id: connectionId,
      post_id: null,
    })),
    createdAt: now,
    finishedAt: null,
  };
}

/** The job of a run when it has ended. */
export type EndedJob = {
  status: 'completed' | 'failed' | 'cancelled';
  error: Record<string, unknown> | null;
  /** The hold under which its posts are counted. */
  holdId: string;
  owner: Pick<SocialPost, 'accountId' | 'userId' | 'keyId' | 'workspaceId'>;
  /** The text of each network; null if it wrote no posts. */
  texts: ReadonlyMap<string, string> | null;
};

const DELETED = { code: 'not_found', detail: 'The content job of the run was deleted.' };
const CANCELLED = { code: 'client_closed_request', detail: 'The content job of the run was cancelled.' };

/** A run that has failed is completed by a retry of its job, unless that was cancelled: its posts do not count any more. */
export function mayEnd({ status, problem }: AutopilotRun, job: EndedJob | undefined): boolean {
  if (status === 'running') return true;
  return status === 'failed' && problem?.code !== CANCELLED.code && job !== undefined && job.texts !== null;
}

export type RunEnd = {
  status: 'completed' | 'failed';
  problem: Record<string, unknown> | null;
  /** What the run says of each network. */
  posts: RunPost[];
  created: SocialPost[];
  /** Posts that were counted and are not created. */
  released: number;
};

/**
 * What follows from the end of a run's job. What was written becomes posts even if another part failed; after a
 * cancellation, nothing does.
 *
 * @param job undefined if it was deleted.
 * @param connections those that still exist.
 */
export function endOf(
  run: AutopilotRun,
  { autoPost }: Pick<Autopilot, 'autoPost'>,
  job: EndedJob | undefined,
  connections: readonly SocialConnection[],
  { now, newId }: { now: Date; newId: () => string },
): RunEnd {
  const targets = run.posts as RunPost[];
  const counted = job?.texts ? targets.filter((target) => target.connection_id !== null).length : 0;
  if (job === undefined || job.texts === null || job.status === 'cancelled') {
    const problem = job === undefined ? DELETED : job.status === 'cancelled' ? CANCELLED : job.error;
    return { status: 'failed', problem, posts: targets, created: [], released: counted };
  }
  const { texts, holdId, owner } = job;
  const created: SocialPost[] = [];
  const posts = targets.map((target) => {
    const text = texts.get(target.network);
    const connection = connections.find(({ id }) => id === target.connection_id);
    if (text === undefined || connection === undefined) return target;
    const post = composePost(
      { connection_id: connection.id, text, action: autoPost ? 'publish' : 'draft' },
      { id: newId(), owner, holdId, now },
    );
    created.push({ ...post, autopilotRunId: run.id });
    return { ...target, post_id: post.id };
  });
  return { status: 'completed', problem: job.error, posts, created, released: counted - created.length };
}
