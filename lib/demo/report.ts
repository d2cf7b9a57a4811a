import type { Dataset } from '../data/dataset.ts'
import { readImage } from '../data/decode.ts'
import type { DetectorResult, Evaluation } from '../evaluation/evaluation.ts'
import { renderExamples } from '../report/examples.ts'
import { type ReportPicture, type ReportTable, writeReport } from '../report/html.ts'
import type { Segmenter } from '../segmenter.ts'
import type { DemoVariant } from './demo.ts'
import type { DemoNegatives, DemoSettings } from './settings.ts'

/** Scenes that are shown, of all models together. */
const SHOWN = 8

const DETECTORS: Readonly<Record<string, string>> = {
  hybrid: 'hybrid s_H',
  discriminative: 's_D = ln P(d_out|x)',
  generative: 's_G = −ln p̂(x)',
  maxSoftmax: 'max-softmax',
  maxLogit: 'max-logit',
  entropy: 'entropy',
}

/** What a model was fine-tuned with, for tables. */
export const NEGATIVES_TITLES: Readonly<Record<DemoNegatives, string>> = {
  real: 'real negatives',
  synthetic: 'synthetic negatives',
  mixed: 'mixed negatives',
}

/** What the report of a demo is made of. */
export interface DemoReport {
  /** Before any fine-tuning. */
  readonly closedSet: Evaluation
  readonly results: readonly { readonly variant: DemoVariant; readonly segmenter: Segmenter }[]
  readonly test: Dataset
  readonly seed: number
  readonly settings: DemoSettings
  readonly signal?: AbortSignal
}

/** Writes index.html with the pictures of the first test scenes; returns its path. */
export async function writeDemoReport(
  dir: string,
  { closedSet, results, test, seed, settings, signal }: DemoReport,
): Promise<string> {
  const [{ variant, segmenter }] = results
  const several = results.length > 1
  const pictures: ReportPicture[] = []
  for (const one of results) {
    const shown = await renderExamples(one.segmenter, test, {
      count: Math.ceil(SHOWN / results.length),
      ...(signal && { signal }),
    })
    const suffix = several ? ` · ${NEGATIVES_TITLES[one.variant.negatives]}` : ''
    pictures.push(...shown.map(({ caption, image }) => ({ caption: `${caption}${suffix}`, image })))
  }
  for (const { negatives, flow } of results.map((one) => one.variant)) {
    if (flow === undefined) continue
    const caption = `samples of the flow, ${NEGATIVES_TITLES[negatives]}: by likelihood (left) and after joint training (right), from the same noise`
    pictures.push({ caption, image: await readImage(flow.samples) })
  }
  return writeReport(
    dir,
    {
      title: 'densehybrid demo',
      explanation:
        'A small network was trained on generated street scenes, then taught with pasted negatives what is unknown. ' +
        'The test scenes hold objects that it has never seen; neither did the scenes that set the threshold.',
      metrics: [detectorTable(closedSet, results)],
      ...(!several && variant.evaluation.openSet && { perClass: variant.evaluation.openSet.perClass }),
      classes: [...segmenter.classes],
      pictureNote: 'The colour scale of the score is the same in all pictures of a model.',
      pictures,
      settings: {
        architecture: segmenter.architecture,
        parameters: segmenter.parameterCount,
        seed,
        'training scenes': settings.scenes.train,
        'closed-set epochs': settings.closedEpochs,
        ...Object.fromEntries(
          results.map(({ variant: { negatives, calibration } }) => {
            const { epochs, betaX, betaD } = settings.hybrid[negatives]
            const values = `${epochs} epochs, β_x ${betaX}, β_d ${betaD}, threshold ${calibration.threshold.toFixed(3)}`
            return [NEGATIVES_TITLES[negatives], values]
          }),
        ),
      },
    },
    { signal },
  )
}

/** The detectors before fine-tuning, and after it with every kind of negatives. */
function detectorTable(closedSet: Evaluation, results: DemoReport['results']): ReportTable {
  const { images, convention, tpr } = closedSet
  const at = Math.round(100 * tpr)
  const several = results.length > 1
  const rows = (title: string, detectors: readonly DetectorResult[]) =>
    detectors.map(({ detector, ap, auroc, fpr, openSet }) => ({
      name: `${title}: ${DETECTORS[detector]}`,
      values: [ap, auroc, fpr, openSet?.openMIoU ?? null, openSet?.closedMIoU ?? null],
      emphasis: detector === 'hybrid',
    }))
  return {
    title: 'Detectors',
    columns: ['AP', 'AUROC', `FPR${at}`, `open-mIoU@${at}`, 'closed mIoU'],
    rows: [
      ...rows('closed-set', closedSet.detectors),
      ...results.flatMap(({ variant: { negatives, evaluation } }) =>
        rows(NEGATIVES_TITLES[negatives], several ? evaluation.detectors.slice(0, 3) : evaluation.detectors),
      ),
    ],
    note:
      `Per cent, over all pixels of ${images} scenes. FPR by convention ${convention}. ` +
      `open-mIoU@${at}: each detector at the threshold that gives it a TPR of ${at} % on the validation scenes.`,
  }
}
