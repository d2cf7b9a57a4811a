import { readImage } from '../data/decode.ts'
import { resampleImage, wholeRegion } from '../data/resample.ts'
import { DenseHybridError } from '../errors.ts'
import type { Segmenter } from '../segmenter.ts'
import { type Tensor, tensor } from '../tensor.ts'
import type { ResolvedScorerOptions } from './scorer-options.ts'

/** Maps of one image, H×W each. */
export interface ScoredMaps {
  /** Closed-set labels. */
  readonly closed: Tensor<Uint8Array>
  /** Open-set labels: K where the hybrid score > threshold. */
  readonly labels: Tensor<Uint8Array>
  /** By name; larger = more anomalous. */
  readonly scores: Readonly<Record<string, Tensor>>
}

/** An image that cannot be scored; the run goes on. */
export class Unreadable extends Error {
  override readonly cause: DenseHybridError

  constructor(cause: DenseHybridError) {
    super(cause.message)
    this.cause = cause
  }
}

/** Reads an image and reduces it to at most `maxSide` pixels a side. Throws Unreadable where that is the file's fault. */
export async function readReduced(
  path: string,
  maxSide: number | undefined,
  signal: AbortSignal,
): Promise<Tensor<Uint8Array>> {
  const image = await readImage(path, { signal }).catch((error) => {
    throw asUnreadable(error)
  })
  const [height, width] = image.shape
  if (maxSide === undefined || Math.max(height, width) <= maxSide) return image
  const reduce = (side: number) => Math.max(1, Math.round((side * maxSide) / Math.max(height, width)))
  return resampleImage(image, wholeRegion(image), reduce(height), reduce(width))
}

/** Scores and labels of one image H×W×3. `path` is for messages. */
export async function segmentImage(
  segmenter: Segmenter,
  image: Tensor<Uint8Array>,
  path: string,
  options: Pick<ResolvedScorerOptions, 'scores' | 'threshold' | 'formats'>,
  signal: AbortSignal,
): Promise<ScoredMaps> {
  const { threshold, formats } = options
  const needsHybrid = threshold !== undefined || formats.includes('overlay')
  const scores = needsHybrid ? [...new Set([...options.scores, 'hybrid' as const])] : options.scores
  const result = await segmenter.segment(image, { threshold: null, scores, signal }).catch((error) => {
    // The options were checked before, so that the image is to blame: it is too small for the network.
    throw error?.code === 'INVALID_ARGUMENT' ? asUnreadable(error) : error
  })
  const size = result.labels.shape.slice(1)
  const maps: Record<string, Tensor> = {}
  for (const [name, { data }] of Object.entries(result.scores)) {
    if (!allFinite(data)) {
      throw new DenseHybridError('NON_FINITE', `The ${name} score of ${path} is not finite.`, {
        hint: 'The weights of the model are broken: load an earlier checkpoint.',
      })
    }
    maps[name] = tensor(data, size)
  }
  const closed = tensor(result.labels.data, size)
  if (threshold === undefined) return { closed, labels: closed, scores: maps }
  const unknown = segmenter.classes.length
  const labels = closed.data.map((label, i) => (maps.hybrid.data[i] > threshold ? unknown : label))
  return { closed, labels: tensor(labels, size), scores: maps }
}

/** Wraps the errors that are an image's own fault; returns others as they are. */
export function asUnreadable(error: unknown): unknown {
  const own = ['INVALID_FILE', 'NOT_FOUND', 'IO', 'INVALID_ARGUMENT']
  return error instanceof DenseHybridError && own.includes(error.code) ? new Unreadable(error) : error
}

function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false
  return true
}
