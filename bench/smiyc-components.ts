/**
 * Component metrics of one generated frame against the benchmark's way: a mask of the whole image for every component.
 *
 *   node --import=tsx bench/smiyc-components.ts --python PYTHON [--rounds 5] [--json FILE]
 *
 * PYTHON is an interpreter with bench/competitors/requirements.txt. Both sides are processes of their own, read the same
 * files and run in turn, once a round. The results are compared before anything is timed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeCommit, describeMachine } from '../lib/benchmark/machine.ts'
import { formatTable } from '../lib/cli/ui.ts'
import { random } from '../lib/random.ts'
import { compareSides } from './sides.ts'

const HEIGHT = 1080
const WIDTH = 1920
/** Noise smoothed over so many pixels has about 9 000 components above the threshold. */
const SMOOTHING = 18

/** What both sides are told. */
export interface ComponentTask {
  scores: string
  target: string
  height: number
  width: number
  threshold: number
  minimumPredicted: number
  minimumTruth: number
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: 'python3' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'string' },
    },
  })
  const folder = await mkdtemp(join(tmpdir(), 'densehybrid-bench-'))
  try {
    const task: ComponentTask = {
      scores: join(folder, 'scores.f32'),
      target: join(folder, 'target.u8'),
      height: HEIGHT,
      width: WIDTH,
      threshold: 0.075,
      minimumPredicted: 1,
      minimumTruth: 10,
    }
    const { scores, target } = frame()
    await writeFile(task.scores, new Uint8Array(scores.buffer))
    await writeFile(task.target, target)
    const results = await compareSides(
      'smiyc-components-ours.ts',
      'smiyc_components.py',
      [task],
      values.python,
      Number(values.rounds),
      1e-9,
    )
    const rows = results.map(({ who, medianMs, minMs, peakMemoryBytes }) => [
      who,
      medianMs.toFixed(1),
      minMs.toFixed(1),
      (medianMs / results[0].medianMs).toFixed(1),
      (peakMemoryBytes / 2 ** 20).toFixed(0),
    ])
    console.log(`components of one frame, ${WIDTH}×${HEIGHT}`)
    console.log(formatTable(['who', 'median ms', 'min ms', '× ours', 'peak MiB'], rows))
    const machine = describeMachine()
    console.log(
      `${machine.cpu}, ${machine.cores} cores, ${machine.os}, Node ${machine.node}, ${describeCommit()}`,
    )
    if (values.json !== undefined) {
      const text = JSON.stringify(
        { results, rounds: Number(values.rounds), commit: describeCommit(), machine },
        null,
        2,
      )
      await writeFile(values.json, `${text}\n`)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Smooth noise as scores; forty rectangles of the truth, in which the scores are higher. */
function frame(): { scores: Float32Array; target: Uint8Array } {
  const rng = random(1, 0)
  const noise = Float32Array.from({ length: HEIGHT * WIDTH }, () => rng.normal())
  const scores = smooth(smooth(noise, 1, WIDTH), WIDTH, HEIGHT)
  const target = new Uint8Array(HEIGHT * WIDTH)
  for (let k = 0; k < 40; k++) {
    const [height, width] = [rng.integer(5, 60), rng.integer(5, 90)]
    const [top, left] = [rng.integer(0, HEIGHT - height - 1), rng.integer(0, WIDTH - width - 1)]
    for (let y = top; y < top + height; y++) target.fill(1, y * WIDTH + left, y * WIDTH + left + width)
  }
  for (let i = 0; i < target.length; i++) if (target[i] === 1) scores[i] += 0.08
  target.fill(255, 0, 20 * WIDTH)
  return { scores, target }
}

/** Running mean along lines of `length` values that lie `step` apart. */
function smooth(values: Float32Array, step: number, length: number): Float32Array {
  return values.map((_, i) => {
    const place = Math.floor(i / step) % length
    let sum = 0
    for (let d = 0; d < SMOOTHING; d++) sum += values[i + Math.min(d, length - 1 - place) * step]
    return sum / SMOOTHING
  })
}

await main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
