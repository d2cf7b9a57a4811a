import type { Dataset } from '../data/dataset.ts'
import { throwIfAborted } from '../errors.ts'
import type { Evaluation } from '../evaluation/evaluate-images.ts'
import { scoreRange } from '../report/colormap.ts'
import { type ReportPicture, writeReport } from '../report/html.ts'
import { renderOverlay } from '../report/overlay.ts'
import type { Segmenter } from '../segmenter.ts'
import { type Tensor, tensor } from '../tensor.ts'
import type { DemoSettings } from './settings.ts'

/** Scenes that are shown. */
const SHOWN = 8

const DETECTORS: Readonly<Record<string, string>> = {
  hybrid: 'hybrid s_H',
  discriminative: 's_D = ln P(d_out|x)',
  generative: 's_G = −ln p̂(x)',
  maxSoftmax: 'max-softmax',
  maxLogit: 'max-logit',
  entropy: 'entropy',
}

/** What the report of a demo is made of. */
export interface DemoReport {
  readonly segmenter: Segmenter
  readonly test: Dataset
  readonly evaluation: Evaluation
  readonly seed: number
  readonly settings: DemoSettings
  readonly signal?: AbortSignal
}

/** Writes index.html with the pictures of the first test scenes; returns its path. */
export async function writeDemoReport(
  dir: string,
  { segmenter, test, evaluation, seed, settings, signal }: DemoReport,
): Promise<string> {
  const { detectors, openSet, convention, tpr } = evaluation
  const at = Math.round(100 * tpr)
  return writeReport(
    dir,
    {
      title: 'densehybrid demo',
      explanation:
        'A small network was trained on generated street scenes, then taught with pasted objects what is unknown. ' +
        'The test scenes hold objects that it has never seen; neither did the scenes that set the threshold.',
      metrics: [
        {
          title: 'Detectors',
          columns: ['AP', 'AUROC', `FPR${at}`, `open-mIoU@${at}`],
          rows: detectors.map(({ detector, ap, auroc, fpr, openSet: own }) => ({
            name: DETECTORS[detector],
            values: [ap, auroc, fpr, own?.openMIoU ?? null],
            emphasis: detector === 'hybrid',
          })),
          note:
            `Per cent, over all pixels of ${evaluation.images} scenes. FPR by convention ${convention}. ` +
            `open-mIoU@${at}: each detector at the threshold that gives it a TPR of ${at} % on the validation scenes.`,
        },
      ],
      ...(openSet && { perClass: openSet.perClass }),
      classes: [...segmenter.classes],
      pictureNote: 'The colour scale of the score is the same in all pictures.',
      pictures: await renderPictures(segmenter, test, signal),
      settings: {
        architecture: segmenter.architecture,
        parameters: segmenter.parameterCount,
        seed,
        'training scenes': settings.scenes.train,
        epochs: `${settings.closedEpochs} closed-set, ${settings.hybridEpochs} hybrid`,
        'β_x, β_d': `${settings.betaX}, ${settings.betaD}`,
        threshold: segmenter.threshold?.toFixed(3) ?? 'none',
      },
    },
    { signal },
  )
}

async function renderPictures(
  segmenter: Segmenter,
  test: Dataset,
  signal?: AbortSignal,
): Promise<ReportPicture[]> {
  const { threshold = Number.POSITIVE_INFINITY, classes } = segmenter
  const scenes = []
  for (let index = 0; index < Math.min(SHOWN, test.length); index++) {
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
