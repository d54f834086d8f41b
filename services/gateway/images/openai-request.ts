/** OpenAI's image requests as those of the pipeline. */
import type { ImageGenerationRequest } from '#libs/contracts/image-generations.ts';
import { type ImageRequest, imageRequest } from '#libs/contracts/images.ts';
import { type Fields, isFields, refuse } from '../chat/domain/fields.ts';

/** Every model draws squares of this size, where it lets a client choose. */
export const PLAIN_SIZE = '1024x1024';

/** Parameters of some models, with the values that ask for nothing else than what is drawn without them. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  background: ['auto', 'opaque'],
  output_format: ['png'],
  output_compression: [100],
  moderation: ['auto'],
  style: ['vivid'],
  input_fidelity: ['low'],
};

/** Removes parameters without an effect, in place. @throws ProblemError `unsupported_parameter` */
export function checkImageFields(body: unknown): void {
  if (!isFields(body)) return;
  for (const [name, values] of Object.entries(NEUTRAL)) {
    const value = body[name];
    if (value === undefined) continue;
    if (value !== null && !values.includes(value)) refuse(name, `only ${JSON.stringify(values[0])} is`);
    delete (body as Fields)[name];
  }
}

/** A size other than {@link PLAIN_SIZE} is a custom one, which plans sell. */
export function toImageRequest({
  prompt,
  model,
  n,
  size,
  response_format: format,
  stream,
  partial_images: partials,
  allow_degraded,
}: ImageGenerationRequest): ImageRequest {
  const [width, height] = size && size !== 'auto' && size !== PLAIN_SIZE ? size.split('x').map(Number) : [];
  const { prompt: _, ...defaults } = imageRequest.parse({ prompt: '-' });
  return {
    ...defaults,
    prompt,
    model,
    count: n ?? 1,
    ...(format && { response_format: format }),
    stream: stream === true,
    ...(partials !== null && partials !== undefined && { partial_images: partials }),
    ...(width !== undefined && height !== undefined && { custom_options: { width, height } }),
    ...(allow_degraded !== undefined && { allow_degraded }),
  };
}
