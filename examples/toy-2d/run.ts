/**
 * The toy problem in the plane: trains, draws and measures.
 *
 *   node --import=tsx examples/toy-2d/run.ts --out toy-2d
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import writeFileAtomic from 'write-file-atomic'
import { toyData } from './data.ts'
import { drawFigure, rasterise } from './figure.ts'
import { DETECTORS, type Detector, type Measured, measure, scoreMaps, train } from './train.ts'

const HELP = `Usage: node --import=tsx examples/toy-2d/run.ts --out FOLDER [options]

  --out FOLDER   folder of toy-2d.svg and toy-2d.png
  --seed N       seed of data and training, the first one with --seeds (default 0)
  --seeds N      train with this many seeds, draw the first, print the mean of all (default 1)
  --steps N      training steps (default 500)
  --help         show this text`

const MAP_SIDE = 160

function parse() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      seed: { type: 'string', default: '0' },
      seeds: { type: 'string', default: '1' },
      steps: { type: 'string', default: '500' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  if (!values.out) throw new Error('--out FOLDER is needed.')
  return {
    out: values.out,
    seed: wholeNumber('seed', values.seed, 0),
    seeds: wholeNumber('seeds', values.seeds, 1),
    steps: wholeNumber('steps', values.steps, 1),
  }
}

function wholeNumber(name: string, text: string, min: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && Number.isSafeInteger(value)) return value
  throw new Error(`--${name} must be a whole number from ${min}, not "${text}".`)
}

function printMean(all: readonly Record<Detector, Measured>[]): void {
  const percent = (name: Detector, metric: keyof Measured) => {
    const mean = all.reduce((sum, measured) => sum + measured[name][metric], 0) / all.length
    return (100 * mean).toFixed(1).padStart(7)
  }
  console.log(`mean of ${all.length} seed(s), %     AP  AUROC  FPR95`)
  for (const name of DETECTORS) {
    console.log(`${name.padEnd(20)}${percent(name, 'ap')}${percent(name, 'auroc')}${percent(name, 'fpr')}`)
  }
}

async function run({ out, seed, seeds, steps }: NonNullable<ReturnType<typeof parse>>): Promise<void> {
  await mkdir(out, { recursive: true })
  const all: Record<Detector, Measured>[] = []
  for (let current = seed; current < seed + seeds; current++) {
    const data = toyData(current)
    const onStep = (step: number, loss: number) => {
      if (step % 100 === 0 || step === steps)
        console.error(`seed ${current}: step ${step}/${steps}, loss ${loss.toFixed(3)}`)
    }
    const model = await train(data, { seed: current, steps, onStep })
    const measured = await measure(model, data)
    all.push(measured)
    if (current > seed) continue
    const svg = await drawFigure({ data, maps: await scoreMaps(model, MAP_SIDE), measured })
    await writeFileAtomic(join(out, 'toy-2d.svg'), svg)
    await writeFileAtomic(join(out, 'toy-2d.png'), await rasterise(svg))
  }
  printMean(all)
}

try {
  const options = parse()
  if (options === undefined) console.log(HELP)
  else await run(options)
} catch (error) {
  console.error(`${(error as Error).message.replace(/\.?$/, '.')} See --help.`)
  process.exitCode = 1
}
