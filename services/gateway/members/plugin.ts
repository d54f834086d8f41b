import type { FastifyPluginAsync } from 'fastify';
import { invitationRoutes } from './invitation-routes.ts';
import { type MemberRoutesOptions, memberRoutes } from './routes.ts';

export const membersPlugin: FastifyPluginAsync<MemberRoutesOptions> = async (app, options) => {
  memberRoutes(app, options);
  invitationRoutes(app, options);
};

export { prepareInvitationMail } from './invitation-mail.ts';
