/** Fields of Anthropic's API that a chat cannot express: ignored where they are free, refused by name where not. */
import { dropNulls, type Fields, isFields, listOf, refuse, shown, take } from '../chat/domain/fields.ts';

/** Hints without an effect on the cost. */
const IGNORED = ['context_management', 'diagnostics', 'user_profile_id', 'workspace_id', 'betas'];

/** Parameters whose cost no hold covers. */
const REFUSED: Readonly<Record<string, string>> = {
  container: 'containers have a price of their own',
  mcp_servers: 'the provider would call tools of its own',
};

const BLOCKS: ReadonlySet<unknown> = new Set([
  'text',
  'image',
  'document',
  'search_result',
  'tool_use',
  'tool_result',
  'thinking',
  'redacted_thinking',
]);

const OF_PROVIDER = /^(?:server_tool_use|mcp_tool_use|[a-z_]+_tool_result)$/;

/**
 * Removes what is ignored from a request, in place.
 * @returns the names of what was removed.
 * @throws ProblemError `unsupported_parameter`
 */
export function checkMessageFields(body: unknown): string[] {
  if (!isFields(body)) return [];
  dropNulls(body);
  if (Array.isArray(body.mcp_servers) && body.mcp_servers.length === 0) delete body.mcp_servers;
  for (const [name, why] of Object.entries(REFUSED)) {
    if (body[name] !== undefined) refuse(name, why);
  }
  if (isFields(body.output_format)) {
    body.output_config = {
      ...(isFields(body.output_config) && body.output_config),
      format: body.output_format,
    };
    delete body.output_format;
  }
  if (typeof body.service_tier === 'string' && !['auto', 'standard_only'].includes(body.service_tier)) {
    refuse('service_tier', 'other tiers have other prices');
  }
  if (typeof body.inference_geo === 'string' && body.inference_geo !== 'global') {
    refuse('inference_geo', 'other places have other prices');
  }
  if (typeof body.speed === 'string' && body.speed !== 'standard') {
    refuse('speed', 'other speeds have other prices');
  }
  listOf(body.tools).forEach(({ type }, index) => {
    if (typeof type === 'string' && type !== 'custom') {
      refuse(`tools.${index}.type`, `${type} is a tool of the provider; use tools with an input_schema`);
    }
  });
  const messages = listOf(body.messages);
  const isOfProvider = messages.map(dropProviderBlocks).includes(true);
  const cites = messages
    .map(({ content }, index) => checkBlocks(content, `messages.${index}.content`))
    .includes(true);
  return [
    ...take(body, IGNORED),
    ...(cites ? ['citations'] : []),
    ...(isOfProvider ? ['server_tool_use'] : []),
  ];
}

/** Removes calls and results of tools that a provider ran in an earlier turn, which no other provider can read. */
function dropProviderBlocks(message: Fields): boolean {
  const { role, content } = message;
  if (role !== 'assistant' || !Array.isArray(content)) return false;
  const kept = content.filter((block) => !(isFields(block) && OF_PROVIDER.test(shown(block.type))));
  if (kept.length === content.length) return false;
  message.content = kept;
  return true;
}

/** @returns whether any block asks for citations, which no chat has. */
function checkBlocks(content: unknown, path: string): boolean {
  const answers = listOf(content).map((block, position) => {
    const at = `${path}.${position}`;
    if (block.type === 'tool_reference') Object.assign(block, { type: 'text', text: shown(block.tool_name) });
    if (!BLOCKS.has(block.type)) refuse(`${at}.type`, `blocks of type ${shown(block.type)} are not taken`);
    const source = isFields(block.source) ? block.source.type : undefined;
    if (block.type === 'document') checkDocument(block.source, source, `${at}.source`);
    if (block.type === 'image' && source !== 'base64' && source !== 'url') {
      refuse(`${at}.source.type`, 'images are taken as base64 or url');
    }
    const cites = isFields(block.citations) && block.citations.enabled === true;
    return block.type === 'tool_result' ? checkBlocks(block.content, `${at}.content`) : cites;
  });
  return answers.includes(true);
}

const DOCUMENT_SOURCES: ReadonlySet<unknown> = new Set(['text', 'content', 'base64', 'url']);

function checkDocument(source: unknown, type: unknown, at: string): void {
  if (!DOCUMENT_SOURCES.has(type)) {
    refuse(`${at}.type`, 'files are not stored; send the text, or the PDF document as base64 or by URL');
  }
  const mediaType = isFields(source) ? source.media_type : undefined;
  if (type === 'base64' && mediaType !== 'application/pdf') {
    refuse(`${at}.media_type`, 'documents as base64 are PDF documents; send others as text');
  }
}
