import { createHash } from 'node:crypto'
import { withCancel } from '../binding/cancel.ts'
import { insideOf, type Segmenter } from '../segmenter.ts'
import type { ResolvedScorerOptions } from './scorer-options.ts'

/**
 * A hash of everything that the results depend on beside the image: options, model and its weights. Of the weights only
 * the two heads are read, a few kilobytes that change with every training step.
 */
export async function settingsHash(segmenter: Segmenter, options: ResolvedScorerOptions): Promise<string> {
  const { model, metadata } = insideOf(segmenter)
  const { formats, scores, threshold, maxSide, overlayRange } = options
  const { architecture, classes, mean, std } = metadata
  const hash = createHash('sha256')
  const shown = {
    formats,
    scores,
    threshold,
    maxSide,
    overlayRange,
    architecture,
    classes,
    mean,
    std,
    palette: segmenter.palette,
  }
  hash.update(JSON.stringify({ ...shown, precision: segmenter.precision, options: metadata.options }))
  const heads = model.tensorNames().filter((name) => /^logits(_ood)?\./.test(name))
  const tensors = await withCancel(undefined, () => model.tensors(heads))
  for (const name of heads) {
    const { data } = tensors[name]
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return hash.digest('hex').slice(0, 16)
}
