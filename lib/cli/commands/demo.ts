import { join } from 'node:path'
import type { DemoStage } from '../../demo/demo.ts'
import { defineCommand } from '../command.ts'
import { formatEvaluation } from '../evaluation-table.ts'
import { integer, text, toggle } from '../flags.ts'
import type { Progress } from '../ui.ts'

const TITLES: Readonly<Record<DemoStage, string>> = {
  'closed-set': '1/5 closed-set training',
  hybrid: '2/5 hybrid fine-tuning',
  calibration: '3/5 calibration',
  evaluation: '4/5 evaluation',
  report: '5/5 report',
}
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
    ['fast', 'under a minute; the numbers mean little'],
    ['threads', 'CPU threads ({threads}: the network is too small for more)'],
  ],
  async run(options, _inputs, { ui, signal }) {
    const { loadNative } = await import('../../binding/load.ts')
    const { runDemo } = await import('../../demo/demo.ts')
    loadNative().setThreads(options.threads)
    let progress: Progress | undefined
    const { out, seed, fast, overwrite } = options
    const result = await runDemo({
      out,
      seed,
      fast,
      overwrite,
      signal,
      onStage: (stage, total) => {
        const unit = stage === 'closed-set' || stage === 'hybrid' ? 'epochs' : ''
        progress = ui.progress(` ${TITLES[stage]}`.padEnd(TITLE_WIDTH), total, unit)
      },
      onProgress: (stage, done, training) => {
        const losses = training?.losses
        const terms =
          losses === undefined
            ? ''
            : stage === 'hybrid'
              ? `cls ${losses.cls.toFixed(2)}  x ${losses.x.toFixed(2)}  d ${losses.d.toFixed(2)}`
              : `loss ${losses.total.toFixed(2)}`
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
