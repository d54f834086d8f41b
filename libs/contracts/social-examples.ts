/** Examples of the social operations, for the OpenAPI document. */
import type { SocialConnectionView, SocialPostView } from './social.ts';

export const connection: SocialConnectionView = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d50',
  platform: 'linkedin',
  handle: 'inkmeter',
  created_at: '2026-11-20T09:00:00.000Z',
};

export const post = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d51',
  connection_id: connection.id,
  text: 'Still typing? Try a fountain pen. #writing #pens #ink',
  state: 'scheduled',
  scheduled_at: '2026-11-21T08:00:00.000Z',
  published_at: null,
  url: null,
  failure: null,
  autopilot_run_id: null,
  results: null,
  created_at: '2026-11-20T09:00:00.000Z',
  updated_at: '2026-11-20T09:00:00.000Z',
} satisfies SocialPostView;
