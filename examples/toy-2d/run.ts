import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import writeFileAtomic from 'write-file-atomic'
import { toyData } from './data.ts'
import { DETECTORS, measure, type PerDetector, type Quality, scoreMaps } from './detectors.ts'
import { drawFigure, toPng } from './figure.ts'
import { train } from './train.ts'

const HELP = `Trains the hybrid model on points of the plane and draws its three scores.

  npx tsx examples/toy-2d/run.ts --out toy-2d

  --out FOLDER   toy-2d.svg and toy-2d.png are written there (required)
  --seed N       of points, weights and batches; default 1
  --seeds N      measure N seeds, from --seed on; the figure shows the first; default 1
  --steps N      of training; default 300
  --help`

/** Samples of a score map along each axis. */
const SIDE = 180

class UsageError extends Error {}

try {
  await main()
} catch (error) {
  const misuse = error instanceof UsageError
  console.error(`toy-2d: ${error instanceof Error ? error.message : error}${misuse ? ' See --help.' : ''}`)
  process.exitCode = misuse ? 2 : 1
}

async function main(): Promise<void> {
  const options = readOptions()
  if (options.help) return console.log(HELP)
  const { out, seed, seeds, steps } = options
  await mkdir(out, { recursive: true })
  const rows: { seed: number; quality: PerDetector<Quality> }[] = []
  for (let i = 0; i < seeds; i++) {
    const data = toyData(seed + i)
    const model = await train(data, { seed: seed + i, steps, onStep: progress(seed + i, steps) })
    const quality = await measure(model, data)
    rows.push({ seed: seed + i, quality })
    if (i > 0) continue
    const svg = await drawFigure(data, await scoreMaps(model, SIDE), quality)
    await writeFileAtomic(join(out, 'toy-2d.svg'), svg)
    await writeFileAtomic(join(out, 'toy-2d.png'), await toPng(svg))
  }
  console.log(report(rows))
  console.log(`Written: ${join(out, 'toy-2d.svg')}, ${join(out, 'toy-2d.png')}`)
}

function readOptions() {
  const text = { type: 'string' } as const
  const { values } = rejectUnknown(() =>
    parseArgs({
      options: { out: text, seed: text, seeds: text, steps: text, help: { type: 'boolean', short: 'h' } },
    }),
  )
  const whole = (name: 'seed' | 'seeds' | 'steps', standard: number, min: number) => {
    const value = values[name] === undefined ? standard : Number(values[name] || Number.NaN)
    if (Number.isSafeInteger(value) && value >= min) return value
    throw new UsageError(`Expected a whole number from ${min} for --${name} but received "${values[name]}".`)
  }
  if (!values.help && !values.out) throw new UsageError('--out FOLDER is needed.')
  return {
    help: values.help ?? false,
    out: values.out ?? '',
    seed: whole('seed', 1, 0),
    seeds: whole('seeds', 1, 1),
    steps: whole('steps', 300, 1),
  }
}

function rejectUnknown<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\.?$/, '.'))
  }
}

/** A line that is overwritten on a terminal, and one line per seed elsewhere. */
function progress(seed: number, steps: number) {
  return (step: number, loss: number) => {
    const line = `seed ${seed}  step ${step}/${steps}  loss ${loss.toFixed(3)}`
    if (process.stderr.isTTY && (step % 10 === 0 || step === steps)) {
      process.stderr.write(`\r${line}\x1b[K${step === steps ? '\n' : ''}`)
    } else if (!process.stderr.isTTY && step === steps) process.stderr.write(`${line}\n`)
  }
}

/** AP, AUROC and FPR95 of every seed, and their means. */
function report(rows: readonly { seed: number; quality: PerDetector<Quality> }[]): string {
  const mean = (name: (typeof DETECTORS)[number], key: keyof Quality) =>
    rows.reduce((sum, { quality }) => sum + quality[name][key], 0) / rows.length
  const cell = (value: number) => (100 * value).toFixed(1).padStart(8)
  const line = (label: string, of: (name: (typeof DETECTORS)[number], key: keyof Quality) => number) =>
    DETECTORS.map(
      (name) =>
        `${label.padEnd(8)}${name.padEnd(16)}${cell(of(name, 'ap'))}${cell(of(name, 'auroc'))}${cell(of(name, 'fpr'))}`,
    )
  const head = `${'seed'.padEnd(8)}${'detector'.padEnd(16)}${['AP', 'AUROC', 'FPR95'].map((name) => name.padStart(8)).join('')}`
  const each = rows.flatMap(({ seed, quality }) => line(String(seed), (name, key) => quality[name][key]))
  return [head, ...each, ...(rows.length > 1 ? line('mean', mean) : [])].join('\n')
}
