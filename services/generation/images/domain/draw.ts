import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import { imagePrompt } from '#libs/pipelines/image.ts';
import { ATTACHED_STYLE } from '#libs/pipelines/image-descriptions.ts';
import type { Units } from '#libs/pricing/units.ts';
import type { Attempt } from '../../calls/domain/run-call.ts';
import type { Drawn, DrawnImage, ImageAdapter, ImagePreviews } from '../../providers/domain/image-adapter.ts';

export type DrawOptions = {
  /** The style as a model described it; empty without one. */
  style?: string;
  /** The style image as a PNG, for calls that send it. */
  styleImage?: Buffer | null;
  onPreview?: ImagePreviews['onPreview'];
};

/** An attempt at a planned call that draws. */
export function drawAttempt(
  request: ImageRequest,
  adapterFor: (provider: string) => ImageAdapter,
  { style = '', styleImage = null, onPreview = () => {} }: DrawOptions = {},
): Attempt<DrawnImage[]> {
  return async (context, record, call) => {
    const { size = null, quality = null, partials = 0, sendsStyle = false } = call.image ?? {};
    const order = {
      prompt: imagePrompt(request, sendsStyle ? ATTACHED_STYLE : style),
      upstreamModel: call.upstreamModel,
      count: call.otherUnits.image ?? 0,
      size,
      quality,
      ...(sendsStyle && styleImage !== null && { images: [styleImage] }),
    };
    const previews = {
      count: partials,
      onPreview(position: number, base64: string) {
        // What has been drawn may be billed, so that it must not be drawn again.
        record.hasBegun = true;
        onPreview(position, base64);
      },
    };
    const adapter = adapterFor(call.provider);
    const { images, billed } = await adapter.draw({ ...order, ...(partials > 0 && { previews }) }, context);
    for (const { base64, url } of images) record.responseBytes += (base64 ?? url ?? '').length;
    const units = unitsOf(call, images.length, billed);
    if (units !== null) record.usage = { units, final: true };
    return images;
  };
}

/** What the images cost; null if only the provider could have said, so that the call counts at its bound. */
function unitsOf(
  { inputTokens, otherUnits }: PlannedCall,
  images: number,
  billed: Drawn['billed'],
): Units | null {
  const { image: ordered = images, image_unit: most, image_input: inputs } = otherUnits;
  if (most === undefined) return { image: images };
  if (billed === null)
    return inputTokens > 0 ? null : { image: images, image_unit: (most / ordered) * images };
  const { promptTokens, imageTokens, imageUnits } = billed;
  const drawn = { image: images, image_unit: imageUnits };
  if (inputs === undefined) return { ...drawn, input: promptTokens };
  // A prompt that the provider does not split counts in the more expensive class.
  const sent = imageTokens ?? promptTokens;
  return { ...drawn, input: promptTokens - sent, image_input: sent };
}
