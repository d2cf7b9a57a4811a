import { join } from 'node:path'
import type { DemoStage } from '../../demo/demo.ts'
import type { Losses } from '../../training/progress.ts'
import { defineCommand } from '../command.ts'
import { formatEvaluation } from '../evaluation-table.ts'
import { choice, integer, text, toggle } from '../flags.ts'
import type { Progress } from '../ui.ts'

const TITLES: Readonly<Record<DemoStage, string>> = {
  'closed-set': 'closed-set training',
  flow: 'flow of the scenes',
  hybrid: 'hybrid fine-tuning',
  calibration: 'calibration',
  evaluation: 'evaluation',
  report: 'report',
}
const UNITS: Partial<Record<DemoStage, string>> = { 'closed-set': 'epochs', flow: 'steps', hybrid: 'epochs' }
const TITLE_WIDTH = 24

/** The command `demo`. */
export const command = defineCommand({
  name: 'demo',
  summary: 'The whole method on embedded street scenes, in a few CPU minutes.',
  usage: '[--out DIR]',
  examples: ['demo', 'demo --out demo-1 --seed 1', 'demo --fast'],
  flags: {
    out: text('DIR', { default: 'demo-out' }),
    overwrite: toggle(),
    seed: integer(0, 2 ** 31 - 2, { default: 0 }),
    fast: toggle(),
    negatives: choice(['real', 'synthetic', 'mixed'], { default: 'real', placeholder: 'KIND' }),
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
    ['negatives', 'real, synthetic (from a flow), mixed ({negatives})'],
    ['fast', 'under a minute; the numbers mean little'],
    ['threads', 'CPU threads ({threads}: the network is too small for more)'],
  ],
  async run(options, _inputs, { ui, signal }) {
    const { loadNative } = await import('../../binding/load.ts')
    const { runDemo } = await import('../../demo/demo.ts')
    loadNative().setThreads(options.threads)
    let progress: Progress | undefined
    const { out, seed, fast, negatives, overwrite } = options
    const stages = Object.keys(TITLES).filter((stage) => stage !== 'flow' || negatives !== 'real')
    const result = await runDemo({
      out,
      seed,
      fast,
      negatives,
      overwrite,
      signal,
      onStage: (stage, total) => {
        const title = ` ${stages.indexOf(stage) + 1}/${stages.length} ${TITLES[stage]}`
        progress = ui.progress(title.padEnd(TITLE_WIDTH), total, UNITS[stage] ?? '')
      },
      onProgress: (stage, done, training) => {
        const terms =
          training === undefined
            ? ''
            : 'bitsPerDim' in training
              ? `${training.bitsPerDim.toFixed(2)} bits/dim`
              : lossTerms(stage, training.losses)
        progress?.update(done, terms)
      },
      onStageEnd: (_stage, summary) => progress?.stop(summary),
    })
    if (options.json) {
      ui.json(result)
      return undefined
    }
    ui.result(`\n${formatEvaluation(result.evaluation)}`)
    ui.note(`\n ${join(out, 'index.html')} shows the scenes, closed-set and open-set, with the score.`)
    ui.note(` Next: densehybrid score photos/ --model ${result.model} --out scores/`)
    return undefined
  },
})

function lossTerms(stage: DemoStage, { total, cls, x, d, mle, jsd }: Losses): string {
  if (stage !== 'hybrid') return `loss ${total.toFixed(2)}`
  const flow = mle === undefined ? '' : `  mle ${mle.toFixed(2)}  jsd ${jsd?.toFixed(2)}`
  return `cls ${cls.toFixed(2)}  x ${x.toFixed(2)}  d ${d.toFixed(2)}${flow}`
}
