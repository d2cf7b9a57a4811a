/**
 * One training step of ladder-mobilenetv2 on a batch of 8 crops of 256², against the same network and step in PyTorch.
 *
 *   node --import=tsx bench/train-step.ts --python PYTHON [--threads 1] [--precision float32] [--rounds 6]
 *
 * PYTHON is an interpreter that can import torch. Both run alternately in one run; medians, their ratio and the peak
 * memory are reported.
 */
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median, timed } from '../lib/benchmark/measure.ts'
import { peakMemory } from '../lib/benchmark/peak-memory.ts'
import { loadNative } from '../lib/binding/load.ts'
import type { NativeTrainer, Precision } from '../lib/binding/native.ts'
import { random } from '../lib/random.ts'
import { Worker } from './worker.ts'

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    threads: { type: 'string', default: '1' },
    precision: { type: 'string', default: 'float32' },
    rounds: { type: 'string', default: '6' },
  },
})
const threads = Number(values.threads)
const precision = values.precision as Precision
const STEPS = 4
const SIZE = 256
const BATCH = 8

async function createTrainer(objective: 'closed-set' | 'hybrid'): Promise<NativeTrainer> {
  const native = loadNative()
  native.setThreads(threads)
  const model = await native.createModel({
    architecture: 'ladder-mobilenetv2',
    classes: 10,
    options: { padding: 'same', batchNorm: false },
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
    seed: 0,
    device: 'cpu',
  })
  return native.createTrainer(model, {
    objective,
    loss: {
      betaX: 0.03,
      betaD: 0.3,
      ignore: 255,
      negative: 254,
      ignoreInDatasetPosterior: 'inlier',
      meanLogitShift: false,
    },
    betas: [0.9, 0.999],
    eps: 1e-7,
    weightDecay: 0,
    clipNorm: 0,
    backboneFactor: 0.25,
    batchNormMomentum: 0.01,
    precision,
  })
}

function noise(objective: string) {
  const stream = random(1)
  const images = Uint8Array.from({ length: BATCH * SIZE * SIZE * 3 }, () => stream.integer(0, 255))
  const labels = Uint8Array.from({ length: BATCH * SIZE * SIZE }, (_, i) => {
    const inCorner = (i % (SIZE * SIZE)) / SIZE < 64 && i % SIZE < 64
    return objective === 'hybrid' && inCorner ? 254 : stream.integer(0, 9)
  })
  return {
    images: { data: images, shape: [BATCH, SIZE, SIZE, 3] },
    labels: { data: labels, shape: [BATCH, SIZE, SIZE] },
  }
}

async function compare(objective: 'closed-set' | 'hybrid'): Promise<void> {
  const script = fileURLToPath(new URL('pytorch/train_step.py', import.meta.url))
  const peer = new Worker(values.python, [script, objective, precision, String(threads)])
  const trainer = await createTrainer(objective)
  const { images, labels } = noise(objective)
  const ours: number[] = []
  const theirs: number[] = []
  let answer = { ms: [] as number[], rss: 0, torch: '' }
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (let i = 0; i < STEPS; i++) {
      const milliseconds = await timed(() => trainer.step(images, labels, { learningRate: 1e-4 }))()
      if (round > 0) ours.push(milliseconds) // round 0 warms up
    }
    answer = await peer.ask(`steps ${STEPS}`)
    if (round > 0) theirs.push(...answer.ms)
  }
  peer.stop()
  trainer.dispose()
  console.log(
    `${objective.padEnd(10)} ${precision} ${threads} thread(s): ours ${median(ours).toFixed(0)} ms, ` +
      `PyTorch ${answer.torch} ${median(theirs).toFixed(0)} ms, ratio ${(median(theirs) / median(ours)).toFixed(2)}; ` +
      `peak memory ${(peakMemory() / 2 ** 20).toFixed(0)} / ${(answer.rss / 2 ** 20).toFixed(0)} MiB`,
  )
}

console.log(
  `${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, libtorch ${loadNative().info().libtorch}`,
)
await compare('closed-set')
await compare('hybrid')
