import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { folder } from '../../lib/data/datasets/folder.ts'
import { writeImage, writeLabelMap } from '../../lib/data/encode.ts'
import { DataLoader } from '../../lib/data/loader.ts'
import { real } from '../../lib/negatives/real.ts'
import { encoded } from '../support/encoded-pictures.ts'

const SAMPLES = 10_000
const PICTURES = 40
const BATCH = 20
/** The memory at the end may be this many times that after a fifth of the samples, and these megabytes more. */
const ALLOWED_RATIO = 1.1
const ALLOWED_GROWTH = 8

describe('memory of the data loader', function () {
  this.timeout(600_000)
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'densehybrid-loader-'))
    for (const name of ['images', 'labels']) await mkdir(join(root, name))
    for (let k = 0; k < PICTURES; k++) {
      const { image, labels } = encoded('', 72 + (k % 5), 96, (y, x) => ((y >> 4) + (x >> 3) + k) % 6)
      await writeImage(join(root, 'images', `${k}.png`), image)
      await writeLabelMap(join(root, 'labels', `${k}.png`), labels)
    }
  })
  after(() => rm(root, { recursive: true }))

  it(`stays flat over ${SAMPLES} samples that are read, cropped, mirrored and pasted into`, async () => {
    const mapping = { 0: 'a', 1: 'b', 2: 'c', 3: 'd', 4: 'e', 5: 'f' }
    const dataset = await folder({ root, labels: 'labels', mapping })
    const negatives = real(dataset)
    const loader = new DataLoader(dataset, { batchSize: BATCH, crop: [64, 64] })
    let samples = 0
    let pasted = 0
    let settled = 0
    for (let epoch = 0; samples < SAMPLES; epoch++) {
      for await (const { ids, labels } of loader.epoch(epoch, { negatives })) {
        samples += ids.length
        if (labels.data.includes(UNKNOWN_LABEL)) pasted++
        if (samples === SAMPLES / 5) settled = await resident()
      }
    }
    const end = await resident()
    console.log(
      `      resident memory: ${settled.toFixed(1)} MB after ${SAMPLES / 5} samples, ${end.toFixed(1)} MB after ${samples}`,
    )
    expect(samples).to.equal(SAMPLES)
    expect(pasted).to.equal(SAMPLES / BATCH)
    expect(end).to.be.below(ALLOWED_RATIO * settled + ALLOWED_GROWTH)
  })
})

/** Megabytes after everything that is not used has been freed. */
async function resident(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // Buffers are freed by finalisers, which run in later turns of the event loop.
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return process.memoryUsage().rss / 2 ** 20
}
