import type { Dataset } from '../data/dataset.ts'
import { throwIfAborted } from '../errors.ts'
import type { Segmenter } from '../segmenter.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { scoreRange } from './colormap.ts'
import type { ReportPicture } from './html.ts'
import { renderOverlay } from './overlay.ts'

/** How {@link renderExamples} draws. */
export interface ExampleOptions {
  /** Number of images, the first ones. */
  readonly count: number
  /** s_H above which a pixel is unknown. Default: the model's; without any, nothing is. */
  readonly threshold?: number
  readonly signal?: AbortSignal
}

/**
 * Images of a data set, each with its closed-set and open-set labels, its score and its truth. The colour scale of the
 * score is the same in all of them.
 */
export async function renderExamples(
  segmenter: Segmenter,
  test: Dataset,
  { count, signal, threshold = segmenter.threshold ?? Number.POSITIVE_INFINITY }: ExampleOptions,
): Promise<ReportPicture[]> {
  const { classes } = segmenter
  const scenes = []
  for (let index = 0; index < Math.min(count, test.length); index++) {
    throwIfAborted(signal)
    const sample = await test.item(index)
    const size = sample.labels.shape
    const { labels, scores } = await segmenter.segment(sample.image, { threshold: null, signal })
    scenes.push({ sample, closed: tensor(labels.data, size), score: tensor(scores.hybrid.data, size) })
  }
  const range = scoreRange(scenes.map(({ score }) => score))
  return scenes.map(({ sample, closed, score }) => ({
    caption: sample.id,
    image: renderOverlay({
      image: sample.image,
      closed,
      open: rejected(closed, score, threshold, classes.length),
      score,
      scoreRange: range,
      truth: sample.labels,
      classes,
    }),
  }))
}

/** Closed-set labels with K where the score exceeds the threshold. */
function rejected(
  closed: Tensor<Uint8Array>,
  score: Tensor,
  threshold: number,
  unknown: number,
): Tensor<Uint8Array> {
  return tensor(
    closed.data.map((label, i) => (score.data[i] > threshold ? unknown : label)),
    closed.shape,
  )
}
