import { join } from 'node:path'
import { SCORE_FORMATS } from '../../scoring/scorer-options.ts'
import { defineCommand } from '../command.ts'
import { integer, scoreNames, text, threshold, toggle, words } from '../flags.ts'
import { MODEL_FLAGS, MODEL_HELP, withModel } from '../models.ts'
import { ScoreTally } from '../score-tally.ts'
import { EXIT } from '../usage-error.ts'

/** The command `score`. */
export const command = defineCommand({
  name: 'score',
  summary: 'Scores image files: anomaly maps, open-set labels, overlays.',
  usage: 'INPUT… --model CKPT --out DIR [options]',
  examples: [
    'score photos/ --model model.safetensors --out scores/',
    'score "frames/*.png" more.txt --model model.safetensors \\',
    '    --out scores/ --format npy,overlay --scores hybrid,max-logit',
    'find . -name "*.jpg" | densehybrid score - --model m.safetensors --out out/',
  ],
  inputs: {
    min: 1,
    max: Number.POSITIVE_INFINITY,
    name: 'an INPUT: files, folders, patterns or lists of images',
  },
  flags: {
    model: text('CKPT', { required: true }),
    out: text('DIR', { required: true }),
    format: words('NAMES', { valid: SCORE_FORMATS, default: ['png16', 'labels'] }),
    scores: scoreNames(['hybrid']),
    threshold: threshold(),
    maxSide: integer(32, 65_535),
    overwrite: toggle(),
    ...MODEL_FLAGS,
  },
  details: [
    'INPUT is an image, a folder, a pattern, a .txt or .jsonl list, or - (stdin).',
    'A run that was interrupted goes on where it stopped. Inputs that cannot be',
    'read are listed in DIR/skipped.jsonl and the exit code is 3.',
  ],
  help: [
    ['model', 'checkpoint'],
    ['out', 'folder of the results'],
    ['format', 'of png16, npy, hdf5, labels, overlay ({format})'],
    ['scores', 'of hybrid, discriminative, generative, max-softmax, max-logit, entropy ({scores})'],
    ['threshold', "of s_H in labels: a number, none (the checkpoint's)"],
    ['maxSide', 'reduce larger images to this many pixels a side'],
    ['overwrite', 'also score what an earlier run finished'],
    ...MODEL_HELP,
  ],
  async run(options, inputs, { ui, signal }) {
    const { collectInputs } = await import('../../scoring/collect-inputs.ts')
    const { SKIPPED_FILE } = await import('../../scoring/manifest.ts')
    const { Scorer } = await import('../../scoring/scorer.ts')
    const paths = await collectInputs(inputs, { signal })
    const { out, scores, maxSide, overwrite } = options
    const tally = await withModel(options.model, options, async (model) => {
      const scorer = new Scorer(model, {
        out,
        scores,
        overwrite,
        formats: options.format,
        ...(options.threshold === undefined ? {} : { threshold: options.threshold }),
        ...(maxSide === undefined ? {} : { maxSide }),
      })
      const progress = ui.progress('score', paths.length, 'images')
      const results = new ScoreTally()
      for await (const result of scorer.score(paths, { signal })) {
        results.add(result)
        progress.update(results.done + results.skipped, `${results.rates()}  ${results.bottleneck()}`)
      }
      progress.stop(results.rates())
      return results
    })
    const { done, resumed, skipped, clamped } = tally
    if (options.json) ui.json({ out, ...tally.toJSON() })
    else ui.result(`${done} images scored${resumed > 0 ? ` (${resumed} of them before)` : ''}: ${out}`)
    const formats = options.format.filter((format) => format === 'png16' || format === 'hdf5').join(' or ')
    if (clamped > 0) ui.warn(`${clamped} pixels were outside of the range of ${formats}; npy is exact`)
    if (skipped === 0) return EXIT.done
    const verb = skipped === 1 ? 'input was' : 'inputs were'
    ui.note(`${skipped} ${verb} skipped, see ${join(out, SKIPPED_FILE)}`, { always: true })
    return EXIT.skipped
  },
})
