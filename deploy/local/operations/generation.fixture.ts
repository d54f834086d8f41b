/** What the product generates, and from what. */
import { until } from '#libs/jobs/fixtures.ts';
import { formOf, type OperationCalls } from './calls.fixture.ts';

const chat = (model: string) => ({ model, max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] });

export async function callGeneration({ ask, askAll, user_id }: OperationCalls): Promise<void> {
  const { headers } = await ask(['createChatCompletion', { body: chat('gpt-4o-mini') }]);
  const { body: response } = await ask(['createResponse', { body: { model: 'gpt-4o-mini', input: 'Hi' } }]);
  const day = new Date().toISOString().slice(0, 10);
  await askAll(
    ['getResponse', { params: { response_id: response.id } }],
    ['listInputItems', { params: { response_id: response.id } }],
    ['deleteResponse', { params: { response_id: response.id } }],
    ['listModels'],
    ['searchWeb'],
    ['createEmbeddings'],
    ['createModeration'],
    ['createImage'],
    ['countMessageTokens'],
    ['countResponseTokens'],
    ['listGeminiModels'],
    ['getModel', { params: { model: 'gpt-4o-mini' } }],
    ['generateImages', { body: { prompt: 'A pen' } }],
    ['getImageCapabilities'],
    ['listImageModels'],
    ['getImageUsage'],
    ['getUsage'],
    ['getUserUsage', { params: { user_id } }],
    ['listUsageRequests', { query: '?limit=1' }],
    ['getUsageRequest', { params: { request_id: headers.get('x-request-id') ?? '' } }],
    ['exportUsageCsv'],
    ['exportUsageNdjson'],
    ['getDashboard', { params: { user_id } }],
    ['getUsageTrends', { params: { user_id } }],
    ['getUsageBreakdown', { query: `?from=${day}&to=${day}` }],
    ['getUsageInsights'],
    ['getUsageProjection'],
    ['listAlerts', { params: { user_id } }],
    ['getAlertPreferences', { params: { user_id } }],
    ['setAlertPreferences', { params: { user_id } }],
    ['listMedia'],
    ['listDocuments'],
    ['listGenerations'],
  );
}

export async function callJobs({ ask, askAll, call, owner }: OperationCalls): Promise<void> {
  const asked = { topic: 'Fountain pens', length: 450 };
  const isWaiting = async (id: string) =>
    (await call(`/api/generations/${id}`, owner.token)).body.status === 'needs_approval';
  const create = async (more: object = {}) =>
    (await ask(['createGeneration', { body: { ...asked, ...more } }])).body.id as string;
  const ended = async (id: string) => ask(['streamGenerationEvents', { params: { id } }]);

  const waiting = await create({ outline_approval: true });
  await until(() => isWaiting(waiting));
  await ask(['getGeneration', { params: { id: waiting } }]);
  await ask(['approveGeneration', { params: { id: waiting }, body: {} }]);
  await ended(waiting);

  const abandoned = await create({ topic: 'Ballpoint pens', outline_approval: true });
  await until(() => isWaiting(abandoned));
  await ask(['cancelGeneration', { params: { id: abandoned } }]);
  await ask(['retryGeneration', { params: { id: abandoned } }]);

  const headers = { accept: 'application/json' };
  const { body: content } = await ask(['generateContent', { body: asked, headers }]);
  const id: string = content.documents[0].document_id;
  const document = { params: { id } };
  const { body: rewriting } = await ask(['rewriteSection', { params: { id, section: '1' }, body: {} }]);
  await ended(rewriting.id);
  await askAll(
    ['deleteGeneration', { params: { id: waiting } }],
    ['getDocument', document],
    ['updateDocument', { ...document, body: { title: 'Pens' } }],
    ['listDocumentVersions', document],
    ['exportDocument', { ...document, query: '?format=markdown' }],
    ['deleteDocument', document],
  );
}

export async function callMedia({ ask, askAll, customer }: OperationCalls): Promise<void> {
  const { body: drawn } = await ask([
    'generateImages',
    { body: { prompt: 'A pen', response_format: 'url' } },
  ]);
  const { pathname, search } = new URL(drawn.images[0].url);
  const media = { params: { id: pathname.split('/')[3] ?? '' } };
  await askAll(
    ['getMediaContent', { ...media, query: search }],
    ['getMedia', media],
    ['deleteMedia', media],
    ['createRecording', await formOf({ file: 'talk.wav' })],
  );
  const { token } = await customer('enterprise');
  await ask(['createTranscription', await formOf({ file: 'talk.wav', model: 'whisper-1' })], token);
}

export async function callKnowledge({ ask, askAll }: OperationCalls): Promise<void> {
  const { body: voice } = await ask(['createBrandVoice']);
  const { body: prompt } = await ask(['createPrompt']);
  const { body: file } = await ask(['addKbFile']);
  const { body: connection } = await ask(['createSocialConnection']);
  const connection_id: string = connection.id;
  const { body: post } = await ask(['createSocialPost', { body: { connection_id, text: 'Ink' } }]);
  const post_id = { params: { id: post.id } };
  const { body: draft } = await ask(['createSocialPost', { body: { connection_id, text: 'A pen' } }]);
  await ask(['publishSocialPost', { params: { id: draft.id }, body: {} }]);
  await askAll(
    ['getBrandVoice', { params: { id: voice.id } }],
    ['updateBrandVoice', { params: { id: voice.id } }],
    ['listBrandVoices'],
    ['deleteBrandVoice', { params: { id: voice.id } }],
    ['getPrompt', { params: { id: prompt.id } }],
    ['updatePrompt', { params: { id: prompt.id } }],
    ['previewPrompt', { params: { id: prompt.id } }],
    ['listPrompts'],
    ['deletePrompt', { params: { id: prompt.id } }],
    ['getKbFile', { params: { id: file.id } }],
    ['listKbFiles'],
    ['searchKbPassages', { query: '?query=ink' }],
    ['deleteKbFile', { params: { id: file.id } }],
    ['getSocialPost', post_id],
    ['listSocialPosts'],
    ['createSocialPosts', { body: { posts: [{ connection_id, text: 'Pen' }] } }],
    ['deleteSocialPost', post_id],
    ['getSocialConnection', { params: { id: connection_id } }],
    ['listSocialConnections'],
    ['deleteSocialConnection', { params: { id: connection_id } }],
  );
}

export async function callVendorRoutes({ askAll }: OperationCalls): Promise<void> {
  const gemini = { params: { model: 'gemini-2.5-flash' } };
  const embedder = { params: { model: 'gemini-embedding-001' } };
  await askAll(
    ['createMessage'],
    ['createCompletion'],
    ['generateContentOfModel', gemini],
    ['streamGenerateContent', gemini],
    ['getGeminiModel', gemini],
    ['countContentTokens', gemini],
    ['embedContent', embedder],
    ['batchEmbedContents', embedder],
    ['createSpeech'],
  );
}
