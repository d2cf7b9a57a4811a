import type { Calibration, CalibrationTarget } from '../../evaluation/calibrate.ts'
import type { ThresholdConvention } from '../../evaluation/operating-point.ts'
import { type CommandContext, defineCommand } from '../command.ts'
import { choice, integer, number, text, toggle } from '../flags.ts'
import { MEASURING_FLAGS, MODEL_HELP, openTestData, withModel } from '../models.ts'
import { checkNoFolderFlags, SCORE_FOLDER_FLAGS, SCORE_FOLDER_HELP, scoreFolders } from '../score-folders.ts'
import { percent } from '../ui.ts'
import { UsageError } from '../usage-error.ts'

const { predictions: _, ...CALIBRATION_FOLDER_FLAGS } = SCORE_FOLDER_FLAGS

/** The command `calibrate`. */
export const command = defineCommand({
  name: 'calibrate',
  summary: 'Finds the threshold of the hybrid score at a TPR, FPR or best F1.',
  usage: '--model F --data SPEC | --scores DIR --labels DIR',
  examples: [
    'calibrate --model m.safetensors --data "camvid:CamVid?split=val" \\',
    '    --paste-negatives "folder:COCO?labels=masks&half=b" --write',
    'calibrate --scores scores/ --labels gt/ --classes 19 --tpr 0.9',
  ],
  flags: {
    model: text('CKPT'),
    data: text('SPEC'),
    scores: text('DIR'),
    labels: text('DIR'),
    ...CALIBRATION_FOLDER_FLAGS,
    tpr: number(0, 1, { default: 0.95 }),
    convention: choice(['a', 'b', 'c', 'e', 'f'], { default: 'a', placeholder: 'NAME' }),
    fpr: number(0, 1, { placeholder: 'X' }),
    bestF1: toggle(),
    pasteNegatives: text('SPEC'),
    seed: integer(0, 2 ** 31 - 1, { default: 0 }),
    write: toggle(),
    out: text('FILE'),
    ...MEASURING_FLAGS,
  },
  help: [
    ['model,data', 'checkpoint, and data with anomalies: classes that the model does not know, or masks'],
    ['pasteNegatives', 'paste one object into every image'],
    ['seed', 'of the pasted objects ({seed})'],
    ['scores,labels', 'instead: score maps, label maps of the same names'],
    ...SCORE_FOLDER_HELP.filter(([names]) => !names.startsWith('predictions')),
    ['tpr', 'share of anomaly pixels to find ({tpr}, paper)'],
    ['convention', 'where that TPR is read: a, b, c, e, f ({convention}, paper)'],
    ['fpr', 'instead: the lowest threshold with at most this FPR'],
    ['bestF1', 'instead: the threshold of the highest F1'],
    ['write', 'store the threshold in the checkpoint'],
    ['out', 'store it in a copy of the checkpoint'],
    ...MODEL_HELP,
  ],
  async run(options, _inputs, context) {
    const fromModel = checkSources(options)
    const calibration = fromModel
      ? await calibrateCheckpoint(options, context)
      : await calibrateScores(options, context)
    if (options.json) {
      context.ui.json(calibration)
      return
    }
    const { threshold, tpr, fpr, convention } = calibration
    context.ui.result(
      `threshold ${threshold}\nTPR ${percent(tpr, 2)} %  FPR ${percent(fpr, 2)} %  (${ruleOf(convention)})`,
    )
  },
})

/** How a threshold was chosen, in words. */
function ruleOf(convention: Calibration['convention']): string {
  if (convention === 'best-f1') return 'highest F1'
  return convention === 'fpr' ? 'lowest threshold within the FPR' : `convention ${convention}`
}

interface Options {
  model?: string
  data?: string
  scores?: string
  labels?: string
  classes: number | undefined
  ignore: number | undefined
  mapping: string | undefined
  resizeScores: boolean
  partial: boolean
  tpr: number
  convention: ThresholdConvention
  fpr?: number
  bestF1: boolean
  pasteNegatives?: string
  seed: number
  write: boolean
  out?: string
  precision: 'auto' | 'float32' | 'bf16'
  device: string
  threads: number | undefined
}

/** Either model and data, or scores and labels. */
function checkSources(options: Options): boolean {
  const { model, data, scores, labels, write, out, fpr, bestF1 } = options
  const fromModel = model !== undefined && data !== undefined && scores === undefined && labels === undefined
  const fromScores = scores !== undefined && labels !== undefined && data === undefined
  if (!fromModel && !fromScores) {
    throw new UsageError('calibrate needs --model CKPT and --data SPEC, or --scores DIR and --labels DIR')
  }
  if (fpr !== undefined && bestF1) throw new UsageError('--fpr and --best-f1 exclude each other')
  if (fromModel) checkNoFolderFlags({ ...options, predictions: undefined })
  else if (options.pasteNegatives !== undefined) {
    throw new UsageError('--paste-negatives needs --model CKPT and --data SPEC')
  }
  if (write && out !== undefined) throw new UsageError('--write and --out exclude each other')
  if ((write || out !== undefined) && model === undefined) {
    throw new UsageError('--write and --out need --model CKPT, the checkpoint that gets the threshold')
  }
  return fromModel
}

function targetOf({ tpr, convention, fpr, bestF1 }: Options): CalibrationTarget {
  if (bestF1) return 'best-f1'
  return fpr === undefined ? { tpr, convention } : { fpr }
}

async function calibrateCheckpoint(options: Options, context: CommandContext): Promise<Calibration> {
  const { calibrateModel } = await import('../../evaluation/evaluate-model.ts')
  const { ui, signal } = context
  const { pasteNegatives, seed } = options
  return withModel(options.model!, options, async (model) => {
    const data = await openTestData({ spec: options.data!, pasteNegatives, seed }, model, context)
    const progress = ui.progress('calibrate', data.length, 'images')
    const { hybrid } = await calibrateModel(model, data, {
      detectors: ['hybrid'],
      target: targetOf(options),
      signal,
      onProgress: ({ done }) => progress.update(done),
    })
    progress.stop()
    await store(options, hybrid, data.name, context)
    return hybrid
  })
}

async function calibrateScores(options: Options, context: CommandContext): Promise<Calibration> {
  const { calibrateImages } = await import('../../evaluation/calibrate-images.ts')
  const { openScores } = await import('../../evaluation/evaluate-scores.ts')
  const { ui, signal } = context
  const { images, detectors } = await openScores(scoreFolders({ ...options, predictions: undefined }))
  if (!detectors.includes('hybrid')) {
    throw new UsageError(
      `expected hybrid score maps in --scores ${options.scores} but found ${detectors.join(', ')}`,
    )
  }
  const progress = ui.progress('calibrate', images.length, 'images')
  const { hybrid } = await calibrateImages(images, {
    detectors: ['hybrid'],
    target: targetOf(options),
    signal,
    onProgress: ({ done }) => progress.update(done),
  })
  progress.stop()
  await store(options, hybrid, images.name, context)
  return hybrid
}

/** Writes the threshold into the checkpoint or a copy of it. */
async function store(
  { model, write, out }: Options,
  calibration: Calibration,
  data: string,
  { ui }: CommandContext,
): Promise<void> {
  const target = write ? model : out
  if (target === undefined) return
  const { Segmenter } = await import('../../segmenter.ts')
  const segmenter = await Segmenter.load(model!)
  try {
    await segmenter.save(target, { threshold: calibration.threshold, calibration: { ...calibration, data } })
  } finally {
    segmenter.dispose()
  }
  ui.note(`Stored in ${target}. Next: densehybrid score … --model ${target} --out …`)
}
