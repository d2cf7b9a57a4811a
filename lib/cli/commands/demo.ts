import { join } from 'node:path'
import type { DemoResult, DemoStage } from '../../demo/demo.ts'
import { DEMO_NEGATIVES } from '../../demo/settings.ts'
import type { StageKind } from '../../demo/stages.ts'
import type { Losses } from '../../training/progress.ts'
import { defineCommand } from '../command.ts'
import { DETECTOR_TITLES, formatComparison, formatEvaluation } from '../evaluation-table.ts'
import { choice, integer, text, toggle } from '../flags.ts'
import { type Progress, percent } from '../ui.ts'

const TITLES: Readonly<Record<StageKind, string>> = {
  'closed-set': 'closed-set training',
  flow: 'flow of the scenes',
  hybrid: 'hybrid fine-tuning',
  calibration: 'calibration',
  evaluation: 'evaluation',
  report: 'report',
}
const UNITS: Partial<Record<StageKind, string>> = { 'closed-set': 'epochs', flow: 'steps', hybrid: 'epochs' }

/** The command `demo`. */
export const command = defineCommand({
  name: 'demo',
  summary: 'The whole method on embedded street scenes, in a few CPU minutes.',
  usage: '[--out DIR]',
  examples: ['demo', 'demo --out demo-1 --seed 1', 'demo --negatives all', 'demo --fast'],
  flags: {
    out: text('DIR', { default: 'demo-out' }),
    overwrite: toggle(),
    seed: integer(0, 2 ** 31 - 2, { default: 0 }),
    fast: toggle(),
    negatives: choice([...DEMO_NEGATIVES, 'all'], { default: 'real', placeholder: 'KIND' }),
    threads: integer(1, 1024, { default: 1 }),
  },
  details: [
    'Trains a small network on generated scenes, fine-tunes it with pasted',
    'objects, sets the threshold, and measures it on objects it has never seen.',
  ],
  help: [
    ['out', 'folder of model, metrics and report ({out})'],
    ['overwrite', 'replace the results of an earlier demo'],
    ['seed', 'of scenes, weights and batches ({seed})'],
    ['negatives', 'real, synthetic (from a flow), mixed, or all three ({negatives})'],
    ['fast', 'under a minute; the numbers mean little'],
    ['threads', 'CPU threads ({threads}: the network is too small for more)'],
  ],
  async run(options, _inputs, { ui, signal }) {
    const { loadNative } = await import('../../binding/load.ts')
    const { runDemo } = await import('../../demo/demo.ts')
    loadNative().setThreads(options.threads)
    let progress: Progress | undefined
    const { out, seed, fast, negatives, overwrite } = options
    const result = await runDemo({
      out,
      seed,
      fast,
      negatives: negatives === 'all' ? DEMO_NEGATIVES : [negatives],
      overwrite,
      signal,
      onStage: (stage, total) => {
        progress = ui.progress(titleOf(stage), total, UNITS[stage.kind] ?? '')
      },
      onProgress: (stage, done, training) => {
        const terms =
          training === undefined
            ? ''
            : 'bitsPerDim' in training
              ? `${training.bitsPerDim.toFixed(2)} bits/dim`
              : lossTerms(stage.kind, training.losses)
        progress?.update(done, terms)
      },
      onStageEnd: (_stage, summary) => progress?.stop(summary),
    })
    if (options.json) {
      ui.json(result)
      return undefined
    }
    const [{ model, evaluation }] = result.variants
    if (result.variants.length > 1) ui.result(`\n${formatComparison(comparisonOf(result))}`)
    else ui.result(`\n${formatEvaluation(evaluation)}\n${beforeFineTuning(result)}`)
    ui.note(`\n ${join(out, 'index.html')} shows the scenes, closed-set and open-set, with the score.`)
    ui.note(` Next: densehybrid score photos/ --model ${model} --out scores/`)
    return undefined
  },
})

function titleOf({ kind, number, count, negatives }: DemoStage): string {
  const step = ` ${number}/${count} `
  if (negatives === undefined) return `${step}${TITLES[kind]}`.padEnd(24)
  return `${step}${kind}, ${negatives}`.padEnd(30)
}

/** What the closed-set model knew of the unknown. */
function beforeFineTuning({ closedSet }: DemoResult): string {
  const of = closedSet.evaluation.detectors.map(
    ({ detector, ap }) => `${DETECTOR_TITLES[detector]} ${percent(ap)}`,
  )
  return ` AP before fine-tuning: ${of.join(', ')}.`
}

/** Every detector that needs no fine-tuning, and the three that it gives, of every variant. */
function comparisonOf({ closedSet, variants }: DemoResult) {
  return [
    { title: 'closed-set', evaluation: closedSet.evaluation },
    ...variants.map(({ negatives, evaluation }) => ({
      title: negatives,
      evaluation: { ...evaluation, detectors: evaluation.detectors.slice(0, 3) },
    })),
  ]
}

function lossTerms(stage: StageKind, { total, cls, x, d, mle, jsd }: Losses): string {
  if (stage !== 'hybrid') return `loss ${total.toFixed(2)}`
  const flow = mle === undefined ? '' : `  mle ${mle.toFixed(2)}  jsd ${jsd?.toFixed(2)}`
  return `cls ${cls.toFixed(2)}  x ${x.toFixed(2)}  d ${d.toFixed(2)}${flow}`
}
