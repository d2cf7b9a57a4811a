/**
 * Exact pixel metrics and confusion matrices of many generated pixels, against scikit-learn and NumPy on the same values.
 *
 *   node --import=tsx bench/pixel-metrics.ts --python PYTHON [--pixels 50000000] [--rounds 3] [--json FILE]
 *
 * PYTHON is an interpreter with bench/competitors/requirements.txt. Every side is a process of its own; they run in turn,
 * once a round. For the metrics ours reads the files image by image, and its time includes the reading; everything else
 * holds all pixels in memory before its time begins. The results are compared before anything is timed.
 */
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { describeCommit, describeMachine } from '../lib/benchmark/machine.ts'
import { formatTable } from '../lib/cli/ui.ts'
import { binaryPixels, classPixels } from '../test/support/large-case.ts'
import { compareSides, type Side } from './sides.ts'

/** What every side is told. */
export interface PixelTask {
  work: 'metrics' | 'confusion'
  /** Raw files in pixel order. */
  scores: string
  labels: string
  target: string
  prediction: string
  pixels: number
  engine?: string
}

/** The works with the engines of the other side. */
const WORKS = [
  {
    title: 'AP + AUROC + FPR95, few equal scores',
    work: 'metrics',
    scores: 'fine',
    engines: ['scikit-learn'],
  },
  {
    title: 'AP + AUROC + FPR95, many equal scores',
    work: 'metrics',
    scores: 'ties',
    engines: ['scikit-learn'],
  },
  {
    title: 'confusion matrix, 20 classes',
    work: 'confusion',
    scores: 'fine',
    engines: ['bincount', 'bincount-pieces'],
  },
] as const

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: 'python3' },
      pixels: { type: 'string', default: '50000000' },
      rounds: { type: 'string', default: '3' },
      json: { type: 'string' },
    },
  })
  const pixels = Number(values.pixels)
  const folder = await mkdtemp(join(tmpdir(), 'densehybrid-bench-'))
  const reports: unknown[] = []
  try {
    await generate(folder, pixels)
    for (const { title, work, scores, engines } of WORKS) {
      const file = (name: string) => join(folder, name)
      const task: PixelTask = {
        work,
        scores: file(`${scores}.f32`),
        labels: file('labels.u8'),
        target: file('target.u8'),
        prediction: file('prediction.u8'),
        pixels,
      }
      const tasks = [task, ...engines.map((engine) => ({ ...task, engine }))]
      const results = await compareSides(
        'pixel-metrics-ours.ts',
        'pixel_metrics.py',
        tasks,
        values.python,
        Number(values.rounds),
        1e-12,
      )
      print(`${title}, ${pixels} pixels`, results)
      reports.push({ title, pixels, results })
    }
    const machine = describeMachine()
    console.log(
      `${machine.cpu}, ${machine.cores} cores, ${machine.os}, Node ${machine.node}, ${describeCommit()}`,
    )
    if (values.json !== undefined) {
      const text = JSON.stringify(
        { reports, rounds: Number(values.rounds), commit: describeCommit(), machine },
        null,
        2,
      )
      await writeFile(values.json, `${text}\n`)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Writes the pixels of both generated cases as raw files. */
async function generate(folder: string, pixels: number): Promise<void> {
  console.error(`generating ${pixels} pixels`)
  const open = (name: string) => createWriteStream(join(folder, name))
  const [fine, ties, labels] = ['fine.f32', 'ties.f32', 'labels.u8'].map(open)
  for (const piece of binaryPixels(20250101, pixels, 2 ** 21)) {
    await Promise.all([write(fine, piece.fine), write(ties, piece.ties), write(labels, piece.labels)])
  }
  const [target, prediction] = ['target.u8', 'prediction.u8'].map(open)
  for (const piece of classPixels(20250102, pixels, 2 ** 21)) {
    await Promise.all([write(target, piece.target), write(prediction, piece.prediction)])
  }
  await Promise.all([fine, ties, labels, target, prediction].map((file) => finished(file.end())))
}

function write(file: ReturnType<typeof createWriteStream>, data: Uint8Array | Float32Array): Promise<void> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return new Promise((resolve, reject) => file.write(bytes, (error) => (error ? reject(error) : resolve())))
}

function print(title: string, sides: readonly Side[]): void {
  const [ours] = sides
  const rows = sides.map(({ who, medianMs, minMs, peakMemoryBytes }) => [
    who,
    medianMs.toFixed(0),
    minMs.toFixed(0),
    (medianMs / ours.medianMs).toFixed(2),
    (peakMemoryBytes / 2 ** 20).toFixed(0),
    (peakMemoryBytes / ours.peakMemoryBytes).toFixed(2),
  ])
  console.log(title)
  console.log(formatTable(['who', 'median ms', 'min ms', '× ours', 'peak MiB', '× ours'], rows))
}

await main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
