/** Messages of the inbox, and the replies that were drafted for them. Pure. */
import type { InboxMessageView, MessageToAnswer, NewInboxMessage } from '#libs/contracts/inbox.ts';
import type { ContactView } from '#libs/contracts/integrations.ts';
import type { inboxMessages } from '#libs/db/schema/autopilots.ts';
import type { Owner } from '#libs/ledger/quota-resources.ts';

export type InboxMessage = typeof inboxMessages.$inferSelect;

/** The feature that plans sell. */
export const AI_INBOX = 'ai_inbox';

/** The content job of a draft, and what it wrote. */
export type Draft = {
  generationId: string;
  status: 'running' | 'completed' | 'failed';
  content: Record<string, unknown> | null;
};

export function receivedMessage(
  body: NewInboxMessage,
  { id, owner, now }: { id: string; owner: Owner; now: Date },
): InboxMessage {
  return {
    id,
    ...owner,
    network: body.network,
    externalId: body.external_id,
    authorName: body.author.name,
    authorHandle: body.author.handle,
    authorEmail: body.author.email,
    text: body.text,
    receivedAt: new Date(body.received_at),
    status: 'open',
    draftId: null,
    reply: null,
    answeredAt: null,
    createdAt: now,
    updatedAt: now,
  };
}

/** How a message changes when its owner has dealt with it. */
export function statusChange(
  { status, reply = null }: { status: InboxMessage['status']; reply?: string | undefined | null },
  now: Date,
): Partial<InboxMessage> {
  return { status, reply, answeredAt: status === 'answered' ? now : null, updatedAt: now };
}

/** @param contact the author in the CRM of the account; null if it does not know them. */
export function messageToAnswer(
  { network, text, authorName, authorHandle }: InboxMessage,
  contact: ContactView | null,
): MessageToAnswer {
  const author = authorHandle === null ? authorName : `${authorName} (${authorHandle})`;
  return {
    network: network as MessageToAnswer['network'],
    text,
    author,
    contact: contact === null ? null : describeContact(contact),
  };
}

function describeContact({ name, company, stage }: ContactView): string | null {
  const known = [name && `Name: ${name}`, company && `Company: ${company}`, stage && `Stage: ${stage}`];
  return known.filter(Boolean).join('\n') || null;
}

type DraftView = NonNullable<InboxMessageView['draft']>;

export function presentMessage(message: InboxMessage, draft: Draft | undefined): InboxMessageView {
  return {
    id: message.id,
    network: message.network as InboxMessageView['network'],
    external_id: message.externalId,
    author: { name: message.authorName, handle: message.authorHandle, email: message.authorEmail },
    text: message.text,
    received_at: message.receivedAt.toISOString(),
    status: message.status,
    draft: draft === undefined ? null : presentDraft(draft),
    reply: message.reply,
    answered_at: message.answeredAt?.toISOString() ?? null,
    created_at: message.createdAt.toISOString(),
    updated_at: message.updatedAt.toISOString(),
  };
}

function presentDraft({ generationId, status, content }: Draft): DraftView {
  const {
    intent = null,
    sentiment = null,
    urgency = null,
    summary = null,
    replies = [],
  } = (content ?? {}) as Partial<DraftView>;
  return { generation_id: generationId, status, intent, sentiment, urgency, summary, replies };
}
