import { createHash } from 'node:crypto'
import { withCancel } from '../binding/cancel.ts'
import { insideOf, type Segmenter } from '../segmenter.ts'
import type { ResolvedScorerOptions } from './scorer-options.ts'

/** Tensors that are read at a time, so that large models are not held twice. */
const AT_ONCE = 64

/** A hash of everything that the results depend on beside the image: options, model and all of its weights. */
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
  const names = model.tensorNames()
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const some = names.slice(at, at + AT_ONCE)
    const tensors = await withCancel(undefined, () => model.tensors(some))
    for (const name of some) {
      const { data } = tensors[name]
      hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    }
  }
  return hash.digest('hex').slice(0, 16)
}
