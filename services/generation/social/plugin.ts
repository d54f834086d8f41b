import type { FastifyPluginAsync } from 'fastify';
import { socialConnectionRoutes } from './connection-routes.ts';
import type { PostPublisher } from './domain.ts';
import { type SocialPostOptions, socialPostRoutes } from './post-routes.ts';

export type SocialOptions = SocialPostOptions & { publisher: PostPublisher };

export { createPublisher } from './http-publisher.ts';
export { enqueuePublishing } from './publish-post.ts';

/** Accounts at social networks, and posts published through them. */
export const socialPlugin: FastifyPluginAsync<SocialOptions> = async (app, options) => {
  socialConnectionRoutes(app, options);
  socialPostRoutes(app, options);
};
