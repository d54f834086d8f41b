import { z } from 'zod';
import { transaction } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { expireAttempts, findDuePosts } from './posts-store.ts';
import { enqueuePublishing, PUBLISH_POST, type PublishOptions, publishPost } from './publish-post.ts';

const BATCH = 500;

export function socialTasks(options: PublishOptions): Task[] {
  const { database, clock } = options;
  return [
    defineTask({
      name: PUBLISH_POST,
      schema: z.object({ postId: z.uuid(), accountId: z.uuid() }),
      run: ({ postId }) => publishPost(options, postId),
    }),
    // Every post has a job of its own. This task finds attempts without an outcome, and posts whose job was lost.
    defineTask({
      name: 'publish-due-posts',
      schedule: { cron: '* * * * *' },
      run: async (_payload, { logger }) => {
        const now = clock.now();
        const expired = await expireAttempts(database, now);
        if (expired.length > 0) logger.warn({ posts: expired }, 'publishing outcome unknown');
        await transaction(database, async (tx) => {
          for (const post of await findDuePosts(tx, now, BATCH)) await enqueuePublishing(tx, post, now);
        });
      },
    }),
  ];
}
