import type { Evaluation, EvaluationOptions } from '../../evaluation/evaluation.ts'
import { SCORE_NAMES, type ScoreName } from '../../scores.ts'
import { type CommandContext, defineCommand } from '../command.ts'
import { formatEvaluation } from '../evaluation-table.ts'
import { choice, integer, number, scoreNames, text, toggle, type Values } from '../flags.ts'
import { MEASURING_FLAGS, MODEL_HELP, openTestData, withModel } from '../models.ts'
import { UsageError } from '../usage-error.ts'

const FLAGS = {
  model: text('CKPT'),
  data: text('SPEC'),
  scores: text('DIR'),
  labels: text('DIR'),
  classes: integer(1, 253),
  ignore: integer(0, 255, { default: 255 }),
  detectors: scoreNames(SCORE_NAMES),
  threshold: number(-Infinity, Infinity, { placeholder: 'T' }),
  calibrateOn: text('SPEC'),
  calibrateOnSelf: toggle(),
  pasteNegatives: text('SPEC'),
  seed: integer(0, 2 ** 31 - 1, { default: 0 }),
  tpr: number(0, 1, { default: 0.95 }),
  convention: choice(['a', 'b', 'c', 'e'], { default: 'a', placeholder: 'NAME' }),
  absent: choice(['skip', 'zero'], { default: 'skip' }),
  perClass: toggle(),
  json: text('FILE'),
  csv: text('FILE'),
  ...MEASURING_FLAGS,
}

/** The command `evaluate`. */
export const command = defineCommand({
  name: 'evaluate',
  summary: 'All metrics: AP, AUROC, FPR of every detector; mIoU, open-mIoU.',
  usage: '--model CKPT --data SPEC | --scores DIR --labels DIR',
  examples: [
    'evaluate --model m.safetensors --data "camvid:CamVid?split=test" \\',
    '    --calibrate-on "camvid:CamVid?split=val" --json metrics.json',
    'evaluate --scores scores/ --labels gt/ --classes 19',
  ],
  flags: FLAGS,
  help: [
    ['model,data', 'anomalies are classes it does not know, or masks'],
    ['scores,labels', 'instead: score maps, label maps of the same names'],
    ['classes,ignore', 'in --labels: known classes (masks), to ignore ({ignore})'],
    ['detectors', 'of hybrid, discriminative, generative, max-softmax, max-logit, entropy (all)'],
    ['threshold', 'of s_H for open-mIoU; or:'],
    ['calibrateOn', 'all thresholds at --tpr on other images'],
    ['calibrateOnSelf', 'on the same images (where no threshold is known)'],
    ['tpr', 'TPR of FPR and of thresholds ({tpr}, paper)'],
    ['convention', 'where FPR is read: a, b, c, e ({convention}, paper)'],
    ['absent', 'classes that do not occur: left out, or 0 ({absent})'],
    ['pasteNegatives', 'paste one object into every image'],
    ['seed', 'of the pasted objects ({seed})'],
    ['perClass', 'also a table of the classes'],
    ['json,csv', 'results ("-" = stdout); a line per image, detector'],
    ...MODEL_HELP,
  ],
  async run(options, _inputs, context) {
    const evaluation = checkSources(options)
      ? await evaluateCheckpoint(options, context)
      : await evaluateFolders(options, context)
    const { evaluationJson, writeEvaluation } = await import('../../evaluation/export.ts')
    const { ui } = context
    const { csv } = options
    const json = options.json === '-' ? undefined : options.json
    await writeEvaluation(evaluation, { ...(json && { json }), ...(csv && { csv }) })
    if (options.json === '-') ui.result(evaluationJson(evaluation))
    else ui.result(formatEvaluation(evaluation, { perClass: options.perClass }))
    const written = [json, csv].filter((path) => path !== undefined)
    if (written.length > 0) ui.note(`Written: ${written.join(', ')}`)
    return undefined
  },
})

type Options = Values<typeof FLAGS>

/** Either model and data, or scores and labels; at most one source of thresholds. */
function checkSources({
  model,
  data,
  scores,
  labels,
  threshold,
  calibrateOn,
  calibrateOnSelf,
}: Options): boolean {
  const fromModel = model !== undefined && data !== undefined && scores === undefined && labels === undefined
  const fromScores = scores !== undefined && labels !== undefined && data === undefined && model === undefined
  if (!fromModel && !fromScores) {
    throw new UsageError('evaluate needs --model CKPT and --data SPEC, or --scores DIR and --labels DIR')
  }
  const chosen = {
    '--threshold': threshold,
    '--calibrate-on': calibrateOn,
    '--calibrate-on-self': calibrateOnSelf || undefined,
  }
  const given = Object.entries(chosen).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (given.length > 1) throw new UsageError(`${given.join(' and ')} exclude each other`)
  if (fromScores && given.length > 0) {
    throw new UsageError(`${given[0]} needs --model: score maps hold no classes to compute an open-mIoU of`)
  }
  return fromModel
}

async function evaluateCheckpoint(options: Options, context: CommandContext): Promise<Evaluation> {
  const { calibrateModel, evaluateModel } = await import('../../evaluation/evaluate-model.ts')
  const { signal } = context
  const { pasteNegatives, seed, calibrateOn } = options
  return withModel(options.model!, options, async (model) => {
    const open = (spec: string) => openTestData({ spec, pasteNegatives, seed }, model, context)
    const data = await open(options.data!)
    let thresholds: Partial<Record<ScoreName, number>> | undefined
    if (calibrateOn !== undefined) {
      const calibrationData = await open(calibrateOn)
      const found = await withProgress('calibrate', context, (onProgress) =>
        calibrateModel(model, calibrationData, { ...passOptions(options), signal, onProgress }),
      )
      thresholds = Object.fromEntries(Object.entries(found).map(([name, { threshold }]) => [name, threshold]))
    }
    // The checkpoint's own threshold counts only where nothing else was asked for.
    if (calibrateOn !== undefined || options.calibrateOnSelf) model.threshold = null
    return withProgress('evaluate', context, (onProgress) =>
      evaluateModel(model, data, {
        ...passOptions(options),
        ...(thresholds && { thresholds }),
        ...(options.threshold === undefined ? {} : { threshold: options.threshold }),
        absent: options.absent,
        perImage: options.csv !== undefined,
        signal,
        onProgress,
      }),
    )
  })
}

async function evaluateFolders(options: Options, context: CommandContext): Promise<Evaluation> {
  const { evaluateImages } = await import('../../evaluation/evaluate-images.ts')
  const { openScores } = await import('../../evaluation/evaluate-scores.ts')
  const { scores, labels, classes, ignore } = options
  const found = await openScores({ scores: scores!, labels: labels!, ignore, ...(classes && { classes }) })
  return withProgress('evaluate', context, (onProgress) =>
    evaluateImages(found.images, {
      ...passOptions(options),
      detectors: found.detectors.filter((name) => options.detectors.includes(name)),
      perImage: options.csv !== undefined,
      signal: context.signal,
      onProgress,
    }),
  )
}

function passOptions({ detectors, tpr, convention }: Options) {
  return { detectors, tpr, convention }
}

/** Runs work over images with a progress line. */
async function withProgress<T>(
  title: string,
  { ui }: CommandContext,
  work: (onProgress: NonNullable<EvaluationOptions['onProgress']>) => Promise<T>,
): Promise<T> {
  let progress: ReturnType<typeof ui.progress> | undefined
  const result = await work(({ done, total, pass, passes }) => {
    progress ??= ui.progress(title, total, 'images')
    progress.update(done, passes > 1 ? `pass ${pass}/${passes}` : '')
  })
  progress?.stop('')
  return result
}
