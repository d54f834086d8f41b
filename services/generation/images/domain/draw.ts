import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import { imagePrompt } from '#libs/pipelines/image.ts';
import type { Units } from '#libs/pricing/units.ts';
import type { Attempt } from '../../calls/domain/run-call.ts';
import type { Drawn, DrawnImage, ImageAdapter, ImagePreviews } from '../../providers/domain/image-adapter.ts';

/** An attempt at a planned call that draws. */
export function drawAttempt(
  call: PlannedCall,
  request: ImageRequest,
  adapter: ImageAdapter,
  { style = '', onPreview = () => {} }: { style?: string; onPreview?: ImagePreviews['onPreview'] } = {},
): Attempt<DrawnImage[]> {
  const order = {
    prompt: imagePrompt(request, style),
    upstreamModel: call.upstreamModel,
    count: call.otherUnits.image ?? 0,
    size: call.image?.size ?? null,
    quality: call.image?.quality ?? null,
  };
  return async (context, record) => {
    const count = call.image?.partials ?? 0;
    const previews = {
      count,
      onPreview(position: number, base64: string) {
        // What has been drawn may be billed, so that it must not be drawn again.
        record.hasBegun = true;
        onPreview(position, base64);
      },
    };
    const { images, billed } = await adapter.draw({ ...order, ...(count > 0 && { previews }) }, context);
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
  const { image: ordered = images, image_unit: most } = otherUnits;
  if (most === undefined) return { image: images };
  if (billed !== null) return { image: images, image_unit: billed.imageUnits, input: billed.promptTokens };
  return inputTokens > 0 ? null : { image: images, image_unit: (most / ordered) * images };
}
