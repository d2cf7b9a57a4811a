import type { Evaluation, EvaluationOptions } from '../../evaluation/evaluation.ts'
import type { EvaluationFigures } from '../../report/evaluation-figures.ts'
import { SCORE_NAMES, type ScoreName } from '../../scores.ts'
import { breakdownsOf } from '../breakdowns.ts'
import { type CommandContext, defineCommand } from '../command.ts'
import { formatEvaluation, formatFolds } from '../evaluation-table.ts'
import { choice, integer, number, scoreNames, text, toggle, type Values, words } from '../flags.ts'
import { MEASURING_FLAGS, MODEL_HELP, openTestData, withModel } from '../models.ts'
import { checkNoFolderFlags, SCORE_FOLDER_FLAGS, SCORE_FOLDER_HELP, scoreFolders } from '../score-folders.ts'
import { UsageError } from '../usage-error.ts'

const FLAGS = {
  model: text('CKPT'),
  data: text('SPEC'),
  scores: text('DIR'),
  labels: text('DIR'),
  ...SCORE_FOLDER_FLAGS,
  detectors: scoreNames(SCORE_NAMES),
  threshold: number(-Infinity, Infinity, { placeholder: 'T' }),
  calibrateOn: text('SPEC'),
  calibrateOnSelf: toggle(),
  pasteNegatives: text('SPEC'),
  seed: integer(0, 2 ** 31 - 1, { default: 0 }),
  tpr: number(0, 1, { default: 0.95 }),
  convention: choice(['a', 'b', 'c', 'e', 'f'], { default: 'a', placeholder: 'NAME' }),
  absent: choice(['skip', 'zero'], { default: 'skip' }),
  perClass: toggle(),
  sweep: toggle(),
  smiyc: choice(['anomaly', 'obstacle'], { placeholder: 'TRACK' }),
  bootstrap: integer(2, 1_000_000),
  secondFold: text('SPEC'),
  scale: number(0.5, 1),
  by: words('NAMES'),
  table: text('FILE'),
  curves: text('DIR'),
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
    'evaluate --model m.safetensors --data "camvid:CamVid?split=test"',
    'evaluate --scores scores/ --labels gt/ --classes 19',
  ],
  flags: FLAGS,
  help: [
    ['model,data', 'anomalies are classes it does not know, or masks'],
    ['scores,labels', 'instead: score maps, label maps of the same names'],
    ...SCORE_FOLDER_HELP,
    ['detectors', 'some of the six scores, e.g. hybrid,entropy (all)'],
    ['threshold', 'of s_H for open-mIoU; or:'],
    ['calibrateOn', 'all thresholds at --tpr on other images'],
    ['calibrateOnSelf', 'on the same images (where no threshold is known)'],
    ['secondFold,scale', 'two folds: τ from the other, at scale 0.5 or 1'],
    ['tpr,convention', 'of FPR and thresholds ({tpr}); a, b, c, e, f ({convention})'],
    ['absent', 'classes that do not occur: left out, or 0 ({absent})'],
    ['pasteNegatives', 'paste an object into every image'],
    ['seed', 'of pasted objects and resamples ({seed})'],
    ['perClass,sweep', 'also a table of the classes; open-mIoU over TPR'],
    ['smiyc', 'also SegmentMeIfYouCan: anomaly or obstacle'],
    ['bootstrap', '95 % intervals by image from N resamples'],
    ['by,table', 'also by scene, size, class, or columns of a CSV'],
    ['json,csv', 'results ("-" = stdout); a line per image, detector'],
    ['curves', 'PR, ROC and other figures: CSV, SVG, PNG'],
    ...MODEL_HELP,
  ],
  async run(options, _inputs, context) {
    const fromModel = checkSources(options)
    if (options.secondFold !== undefined) return evaluateFolds(options, context)
    const { EvaluationFigures } = await import('../../report/evaluation-figures.ts')
    const figures = new EvaluationFigures()
    const evaluation = fromModel
      ? await evaluateCheckpoint(options, context, figures)
      : await evaluateFolders(options, context, figures)
    const { evaluationJson, writeEvaluation } = await import('../../evaluation/export.ts')
    const { ui } = context
    const { csv } = options
    const json = options.json === '-' ? undefined : options.json
    await writeEvaluation(evaluation, { ...(json && { json }), ...(csv && { csv }) })
    if (options.json === '-') ui.result(evaluationJson(evaluation))
    else ui.result(formatEvaluation(evaluation, { perClass: options.perClass, sweep: options.sweep }))
    if (options.curves !== undefined) await figures.write(options.curves, evaluation, context.signal)
    const written = [json, csv, options.curves].filter((path) => path !== undefined)
    if (written.length > 0) ui.note(`Written: ${written.join(', ')}`)
    return undefined
  },
})

type Options = Values<typeof FLAGS>

/** The two-fold protocol of StreetHazards. */
async function evaluateFolds(options: Options, context: CommandContext): Promise<undefined> {
  const { scoredByModel } = await import('../../evaluation/scored-image.ts')
  const { twoFoldOpenSet } = await import('../../evaluation/two-fold.ts')
  const { jsonText, writeText } = await import('../../evaluation/export.ts')
  const { pasteNegatives, seed, tpr, convention, absent, scale = 0.5, json } = options
  if (scale !== 0.5 && scale !== 1) throw new UsageError(`--scale takes 0.5 or 1, not ${scale}`)
  const result = await withModel(options.model!, options, async (model) => {
    const open = async (spec: string) =>
      scoredByModel(model, await openTestData({ spec, pasteNegatives, seed }, model, context))
    const folds = [await open(options.data!), await open(options.secondFold!)] as const
    return withProgress('two folds', context, (onProgress) =>
      twoFoldOpenSet(...folds, { tpr, convention, absent, scale, signal: context.signal, onProgress }),
    )
  })
  if (json !== undefined && json !== '-') await writeText(json, `${jsonText(result)}\n`)
  context.ui.result(json === '-' ? jsonText(result) : formatFolds(result))
  return undefined
}

/** Either model and data, or scores and labels; at most one source of thresholds. */
function checkSources(options: Options): boolean {
  const { model, data, scores, labels, threshold, calibrateOn, calibrateOnSelf } = options
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
  if (fromModel) checkNoFolderFlags(options)
  else checkNoModelFlags(options)
  if (options.scale !== undefined && options.secondFold === undefined)
    throw new UsageError('--scale goes with --second-fold SPEC')
  if (options.secondFold !== undefined) checkFolds(options, fromModel)
  const given = Object.entries(chosen).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (given.length > 1) throw new UsageError(`${given.join(' and ')} exclude each other`)
  if (fromScores && (calibrateOn !== undefined || (given.length > 0 && options.predictions === undefined))) {
    throw new UsageError(`${given[0]} needs --model: score maps hold no classes to compute an open-mIoU of`)
  }
  return fromModel
}

/** Without a model there are no pictures to paste into, and without predictions no classes. */
function checkNoModelFlags({ pasteNegatives, sweep, perClass, predictions }: Options): void {
  if (pasteNegatives !== undefined)
    throw new UsageError('--paste-negatives needs --model CKPT and --data SPEC')
  if (predictions !== undefined) return
  if (sweep) throw new UsageError('--sweep needs --predictions DIR, or --model CKPT and --data SPEC')
  if (perClass) throw new UsageError('--per-class needs --predictions DIR, or --model CKPT and --data SPEC')
}

/** Two folds give an open-mIoU of the hybrid score and nothing else. */
function checkFolds(options: Options, fromModel: boolean): void {
  if (!fromModel) throw new UsageError('--second-fold needs --model CKPT and --data SPEC, the first fold')
  const { threshold, calibrateOn, calibrateOnSelf, sweep, smiyc, bootstrap, by, curves, csv, perClass } =
    options
  const others = {
    '--threshold': threshold !== undefined,
    '--calibrate-on': calibrateOn !== undefined,
    '--calibrate-on-self': calibrateOnSelf,
    '--sweep': sweep,
    '--smiyc': smiyc !== undefined,
    '--bootstrap': bootstrap !== undefined,
    '--by': by.length > 0,
    '--curves': curves !== undefined,
    '--csv': csv !== undefined,
    '--per-class': perClass,
  }
  const first = Object.entries(others).find(([, isGiven]) => isGiven)
  if (first !== undefined) throw new UsageError(`--second-fold and ${first[0]} exclude each other`)
}

async function evaluateCheckpoint(
  options: Options,
  context: CommandContext,
  figures: EvaluationFigures,
): Promise<Evaluation> {
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
    const measured = await measuredOptions(options, data.classes, figures)
    return withProgress('evaluate', context, (onProgress) =>
      evaluateModel(model, data, {
        ...measured,
        ...(thresholds && { thresholds }),
        ...(options.threshold === undefined ? {} : { threshold: options.threshold }),
        signal,
        onProgress,
      }),
    )
  })
}

async function evaluateFolders(
  options: Options,
  context: CommandContext,
  figures: EvaluationFigures,
): Promise<Evaluation> {
  const { evaluateImages } = await import('../../evaluation/evaluate-images.ts')
  const { openScores } = await import('../../evaluation/evaluate-scores.ts')
  const found = await openScores(scoreFolders(options))
  const measured = await measuredOptions(options, found.images.classes, figures)
  return withProgress('evaluate', context, (onProgress) =>
    evaluateImages(found.images, {
      ...measured,
      ...(options.threshold === undefined ? {} : { threshold: options.threshold }),
      detectors: heldDetectors(options, found.detectors),
      signal: context.signal,
      onProgress,
    }),
  )
}

/** The detectors that were asked for; by default all that the folder holds. */
function heldDetectors({ detectors, scores }: Options, held: readonly ScoreName[]): ScoreName[] {
  if (detectors.length === SCORE_NAMES.length) return [...held]
  const missing = detectors.filter((name) => !held.includes(name))
  if (missing.length === 0) return detectors
  throw new UsageError(`--scores ${scores} holds no ${missing.join(', ')}; it holds ${held.join(', ')}`)
}

/** TPRs of a sweep: where published curves have their points, and the one that thresholds are calibrated at. */
function sweepRates(tpr: number): number[] {
  const rates = Array.from({ length: 19 }, (_, i) => (i + 1) / 20)
  return [...new Set([...rates, 0.99, ...(tpr < 1 ? [tpr] : [])])].sort((a, b) => a - b)
}

/** What is measured beside the metrics of every detector. */
async function measuredOptions(
  options: Options,
  classes: readonly string[],
  figures: EvaluationFigures,
): Promise<EvaluationOptions> {
  const { absent, csv, smiyc, sweep, tpr, by, table, curves, bootstrap, seed } = options
  const breakdowns = await breakdownsOf({ by, table }, classes)
  return {
    ...passOptions(options),
    absent,
    perImage: csv !== undefined,
    ...(smiyc && { smiyc }),
    ...(bootstrap !== undefined && { bootstrap: { resamples: bootstrap, seed } }),
    ...((sweep || (curves !== undefined && classes.length > 0)) && { sweep: sweepRates(tpr) }),
    ...(breakdowns.length > 0 && { breakdowns }),
    ...(curves !== undefined && { onCurve: (...found) => figures.add(...found) }),
  }
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
