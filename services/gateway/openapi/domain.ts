/**
 * Every operation of the public API, by who serves it. The document describes these and nothing else, and the gateway
 * passes on exactly those that another service serves.
 */
import { alertOperations } from '#libs/contracts/alerts.ts';
import { API_KEY_OPERATIONS } from '#libs/contracts/api-keys.ts';
import { createSpeech, createTranscription } from '#libs/contracts/audio.ts';
import { auditOperations } from '#libs/contracts/audit.ts';
import { AUTOPILOT_OPERATIONS } from '#libs/contracts/autopilot-operations.ts';
import { billingOperations } from '#libs/contracts/billing.ts';
import { billingAdminOperations } from '#libs/contracts/billing-admin.ts';
import { billingProviderAdminOperations } from '#libs/contracts/billing-provider-admin.ts';
import { BRAND_VOICE_OPERATIONS } from '#libs/contracts/brand-voices.ts';
import { BRANDING_OPERATIONS } from '#libs/contracts/branding.ts';
import { catalogueOperations } from '#libs/contracts/catalogues.ts';
import { createChatCompletion, getModel, listModels } from '#libs/contracts/chat-operations.ts';
import { createCompletion } from '#libs/contracts/completions.ts';
import { dashboardOperations } from '#libs/contracts/dashboard.ts';
import { DOCUMENT_OPERATIONS, rewriteSection } from '#libs/contracts/documents.ts';
import { EMAIL_VERIFICATION_OPERATIONS } from '#libs/contracts/email-verification.ts';
import { createEmbeddings } from '#libs/contracts/embeddings.ts';
import { eventOperations } from '#libs/contracts/events.ts';
import { flagOperations } from '#libs/contracts/flags.ts';
import {
  batchEmbedContents,
  countContentTokens,
  embedContent,
  generateContentOfModel,
  getGeminiModel,
  listGeminiModels,
  streamGenerateContent,
} from '#libs/contracts/gemini-operations.ts';
import { generateContent } from '#libs/contracts/generate-operations.ts';
import {
  approveGeneration,
  createGeneration,
  GENERATION_OPERATIONS,
  retryGeneration,
} from '#libs/contracts/generations.ts';
import { guardRailOperations } from '#libs/contracts/guard-rails.ts';
import { HOLD_OPERATIONS } from '#libs/contracts/holds.ts';
import { IDENTITY_OPERATIONS } from '#libs/contracts/identity.ts';
import { createImage } from '#libs/contracts/image-generations.ts';
import { IMAGE_READING_OPERATIONS } from '#libs/contracts/image-plans.ts';
import { generateImages } from '#libs/contracts/images.ts';
import { draftInboxReply, INBOX_OPERATIONS } from '#libs/contracts/inbox.ts';
import { INTEGRATION_OPERATIONS } from '#libs/contracts/integrations.ts';
import { INVITATION_OPERATIONS } from '#libs/contracts/invitations.ts';
import { jobOperations } from '#libs/contracts/jobs.ts';
import { KB_OPERATIONS } from '#libs/contracts/knowledge-base.ts';
import { MEDIA_OPERATIONS } from '#libs/contracts/media.ts';
import { MEMBER_OPERATIONS } from '#libs/contracts/members.ts';
import { countMessageTokens, createMessage } from '#libs/contracts/messages-operations.ts';
import { createModeration } from '#libs/contracts/moderations.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import { outcomeOperations } from '#libs/contracts/outcomes.ts';
import { overrideOperations } from '#libs/contracts/overrides.ts';
import { planOperations } from '#libs/contracts/plans.ts';
import { priceAdminOperations } from '#libs/contracts/price-admin.ts';
import { priceOperations } from '#libs/contracts/prices.ts';
import { PROMPT_OPERATIONS } from '#libs/contracts/prompts.ts';
import { createRecording } from '#libs/contracts/recordings.ts';
import {
  countResponseTokens,
  createResponse,
  deleteResponse,
  getResponse,
  listInputItems,
} from '#libs/contracts/responses-operations.ts';
import { revenueOperations } from '#libs/contracts/revenue.ts';
import { searchWeb } from '#libs/contracts/search.ts';
import { segmentOperations } from '#libs/contracts/segments.ts';
import { SERVICE_OPERATIONS } from '#libs/contracts/service-operations.ts';
import { SESSION_TOKEN_OPERATIONS } from '#libs/contracts/session-tokens.ts';
import { SOCIAL_OPERATIONS } from '#libs/contracts/social-operations.ts';
import { stopOperations } from '#libs/contracts/stops.ts';
import { subscriptionOperations } from '#libs/contracts/subscriptions.ts';
import { trialOperations } from '#libs/contracts/trials.ts';
import { unresolvedUsageOperations } from '#libs/contracts/unresolved-usage.ts';
import { usageOperations } from '#libs/contracts/usage.ts';
import { usageArchiveOperations } from '#libs/contracts/usage-archives.ts';
import { usageStreamOperations } from '#libs/contracts/usage-stream.ts';
import { webhookOperations } from '#libs/contracts/webhooks.ts';
import { WORKSPACE_OPERATIONS } from '#libs/contracts/workspaces.ts';

export const OPERATIONS = {
  /** Call providers: the metering pipeline plans and holds them, and generation runs them. */
  metered: [
    createChatCompletion,
    createMessage,
    createResponse,
    createCompletion,
    createEmbeddings,
    createImage,
    generateContentOfModel,
    streamGenerateContent,
    embedContent,
    batchEmbedContents,
    createModeration,
    generateContent,
    generateImages,
    createTranscription,
    createSpeech,
    searchWeb,
  ],
  /** Planned and held in the same way, and run by generation after the response. */
  background: [createGeneration, retryGeneration, approveGeneration, rewriteSection, draftInboxReply],
  /** Answered by the gateway itself. */
  gateway: [
    listModels,
    getModel,
    countMessageTokens,
    countResponseTokens,
    countContentTokens,
    getGeminiModel,
    listGeminiModels,
    getResponse,
    listInputItems,
    deleteResponse,
    createRecording,
    ...IMAGE_READING_OPERATIONS,
    ...IDENTITY_OPERATIONS,
    ...EMAIL_VERIFICATION_OPERATIONS,
    ...API_KEY_OPERATIONS,
    ...SESSION_TOKEN_OPERATIONS,
    ...MEMBER_OPERATIONS,
    ...INVITATION_OPERATIONS,
    ...WORKSPACE_OPERATIONS,
    ...BRANDING_OPERATIONS,
    ...HOLD_OPERATIONS,
    ...SERVICE_OPERATIONS,
  ],
  generation: [
    ...GENERATION_OPERATIONS,
    ...DOCUMENT_OPERATIONS,
    ...SOCIAL_OPERATIONS,
    ...AUTOPILOT_OPERATIONS,
    ...INBOX_OPERATIONS,
    ...BRAND_VOICE_OPERATIONS,
    ...PROMPT_OPERATIONS,
    ...KB_OPERATIONS,
    ...MEDIA_OPERATIONS,
    ...INTEGRATION_OPERATIONS,
  ],
  usageMetering: [
    ...usageOperations,
    ...usageStreamOperations,
    ...dashboardOperations,
    ...alertOperations,
    ...webhookOperations,
    ...unresolvedUsageOperations,
    ...usageArchiveOperations,
    ...eventOperations,
    ...priceOperations,
    ...priceAdminOperations,
    ...stopOperations,
    ...jobOperations,
  ],
  billing: [
    ...planOperations,
    ...subscriptionOperations,
    ...trialOperations,
    ...billingOperations,
    ...billingAdminOperations,
    ...billingProviderAdminOperations,
    ...outcomeOperations,
    ...revenueOperations,
    ...overrideOperations,
    ...segmentOperations,
    ...flagOperations,
    ...guardRailOperations,
    ...catalogueOperations,
    ...auditOperations,
  ],
} as const satisfies Record<string, readonly Operation[]>;

/** All operations, in the order of the document. */
export const ALL_OPERATIONS: readonly Operation[] = Object.values(OPERATIONS).flat();
