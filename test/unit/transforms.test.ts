import { expect } from 'chai'
import fc from 'fast-check'
import { IGNORE_LABEL, type Sample } from '../../lib/data/dataset.ts'
import { cropTensor, resampleImage, resampleLabels, wholeRegion } from '../../lib/data/resample.ts'
import { drawWindow, flip, scaleJitterCrop } from '../../lib/data/transforms.ts'
import { random } from '../../lib/random.ts'
import { tensor } from '../../lib/tensor.ts'
import { colourOf, encoded, rejection } from '../support/encoded-pictures.ts'

/** Blocks of 13×13 pixels. */
const blocks = (height: number, width: number) =>
  encoded('blocks', height, width, (y, x) => (Math.floor(y / 13) + 2 * Math.floor(x / 13)) % 6)

/** Pixels whose colour is not that of their label although all pixels within `radius` have the same label. */
function misaligned(sample: Sample, radius: number): number {
  const [height, width] = sample.labels.shape
  const label = (y: number, x: number) => sample.labels.data[y * width + x]
  let count = 0
  for (let y = radius; y < height - radius; y++) {
    for (let x = radius; x < width - radius; x++) {
      const own = label(y, x)
      let uniform = own !== IGNORE_LABEL
      for (let dy = -radius; uniform && dy <= radius; dy++) {
        for (let dx = -radius; uniform && dx <= radius; dx++) uniform = label(y + dy, x + dx) === own
      }
      if (uniform && Math.abs(sample.image.data[(y * width + x) * 3] - colourOf(own)[0]) > 3) count++
    }
  }
  return count
}

describe('scaleJitterCrop', () => {
  it('cuts image and labels alike when it does not resize', async () => {
    const sample = blocks(60, 80)
    for (let seed = 0; seed < 20; seed++) {
      const crop = await scaleJitterCrop(sample, { size: [32, 48], scale: [1, 1] }, random(seed))
      expect(crop.image.shape).to.deep.equal([32, 48, 3])
      expect(crop.labels.shape).to.deep.equal([32, 48])
      expect(misaligned(crop, 0)).to.equal(0)
    }
  })

  it('keeps image and labels aligned at every scale', async () => {
    const sample = blocks(90, 120)
    for (let seed = 0; seed < 30; seed++) {
      const crop = await scaleJitterCrop(sample, { size: [64, 64], scale: [0.5, 2] }, random(seed))
      expect(misaligned(crop, 2), `seed ${seed}`).to.equal(0)
    }
  })

  it('puts the edge between two labels where the colour is half way', async () => {
    const sample = encoded('halves', 64, 64, (_, x) => (x < 32 ? 0 : 4))
    const middle = (colourOf(0)[0] + colourOf(4)[0]) / 2
    for (const [height, width] of [
      [128, 128],
      [96, 150],
      [40, 40],
      [33, 47],
    ]) {
      const region = { top: 3, left: 5, height: 61, width: 57 }
      const image = await resampleImage(sample.image, region, height, width)
      const labels = resampleLabels(sample.labels, region, height, width)
      const byLabel = labels.data.subarray(0, width).indexOf(4)
      const byColour = Array.from({ length: width }, (_, x) => image.data[x * 3]).findIndex(
        (c) => c >= middle,
      )
      expect(Math.abs(byLabel - byColour), `${height}×${width}`).to.be.at.most(1)
    }
  })

  it('pads with IGNORE_LABEL and the mean colour, and keeps the whole picture', async () => {
    const sample = {
      ...encoded('small', 20, 30, () => 2),
      instances: tensor(new Uint8Array(600).fill(7), [20, 30]),
    }
    const corners = new Set<string>()
    for (let seed = 0; seed < 40; seed++) {
      const crop = await scaleJitterCrop(sample, { size: [24, 33], scale: [1, 1] }, random(seed))
      const kept = [...crop.labels.data.keys()].filter((i) => crop.labels.data[i] === 2)
      expect(kept).to.have.length(600)
      expect(crop.labels.data.filter((l) => l === IGNORE_LABEL)).to.have.length(24 * 33 - 600)
      expect([...crop.instances!.data.keys()].filter((i) => crop.instances!.data[i] === 7)).to.deep.equal(
        kept,
      )
      expect(crop.image).to.deep.equal(encoded('', 24, 33, () => 2).image)
      corners.add(`${Math.floor(kept[0] / 33)},${kept[0] % 33}`)
    }
    expect(corners.size).to.be.above(10)
  })

  it('fills with the mean of a picture of two colours', async () => {
    const sample = encoded('two', 10, 10, (y) => (y < 5 ? 0 : 4))
    const crop = await scaleJitterCrop(sample, { size: [10, 12], scale: [1, 1] }, random(1))
    const padded = crop.labels.data.indexOf(IGNORE_LABEL)
    expect([...crop.image.data.subarray(padded * 3, padded * 3 + 3)]).to.deep.equal([100, 155, 20])
  })

  it('has the given size and leaves its input as it is, for any picture, size and scale', async () => {
    const side = fc.integer({ min: 1, max: 40 })
    const scale = fc.double({ min: 0.5, max: 2, noNaN: true })
    await fc.assert(
      fc.asyncProperty(side, side, side, side, scale, fc.nat(), async (height, width, h, w, factor, seed) => {
        const sample = blocks(height, width)
        const before = [sample.image.data.slice(), sample.labels.data.slice()]
        const crop = await scaleJitterCrop(sample, { size: [h, w], scale: [factor, factor] }, random(seed))
        expect(crop.image.shape).to.deep.equal([h, w, 3])
        expect(crop.image.data).to.have.length(h * w * 3)
        expect(crop.labels.data).to.have.length(h * w)
        expect([sample.image.data, sample.labels.data]).to.deep.equal(before)
      }),
      { numRuns: 60 },
    )
  })

  it('draws the factor from the whole range and positions from edge to edge', () => {
    const rng = random(5)
    const tops = new Set<number>()
    for (let i = 0; i < 400; i++) tops.add(drawWindow(10, 10, [6, 6], 1, rng).source.top)
    expect([...tops].sort()).to.deep.equal([0, 1, 2, 3, 4])
    expect(drawWindow(100, 100, [40, 40], 2, rng).source).to.include({ height: 20, width: 20 })
    expect(drawWindow(100, 100, [40, 40], 0.5, rng).source).to.include({ height: 80, width: 80 })
    expect(drawWindow(50, 50, [40, 40], 0.5, rng)).to.include({ height: 25, width: 25 })
  })

  it('names a wrong size or scale', async () => {
    const sample = blocks(8, 8)
    const crop = (options: object) => scaleJitterCrop(sample, options as never, random(0))
    expect((await rejection(crop({ size: 8 }))).message).to.match(/\[height, width\].*size/)
    expect((await rejection(crop({ size: [8, 0] }))).message).to.match(/size\[1\]/)
    expect((await rejection(crop({ size: [8, 8], scale: [2, 1] }))).message).to.match(
      /scale\[1\].*received 1/,
    )
    expect((await rejection(crop({ size: [8, 8], scale: [0, 1] }))).message).to.match(/scale\[0\]/)
  })
})

describe('flip', () => {
  it('mirrors image, labels and instances, and twice is the identity', () => {
    const plain = encoded('ramp', 3, 5, (y, x) => (y + x) % 6)
    const sample = {
      ...plain,
      instances: tensor(
        Uint8Array.from({ length: 15 }, (_, i) => i),
        [3, 5],
      ),
    }
    const flipped = flip(sample)
    expect([...flipped.labels.data.subarray(0, 5)]).to.deep.equal([4, 3, 2, 1, 0])
    expect([...flipped.instances!.data.subarray(5, 10)]).to.deep.equal([9, 8, 7, 6, 5])
    expect(misaligned(flipped, 0)).to.equal(0)
    expect(flip(flipped)).to.deep.equal(sample)
  })
})

describe('resampling', () => {
  it('takes the nearest pixel centre for labels', () => {
    const row = (length: number) =>
      tensor(
        Uint8Array.from({ length }, (_, i) => i),
        [1, length],
      )
    expect([...resampleLabels(row(4), wholeRegion(row(4)), 1, 8).data]).to.deep.equal([
      0, 0, 1, 1, 2, 2, 3, 3,
    ])
    expect([...resampleLabels(row(9), wholeRegion(row(9)), 1, 3).data]).to.deep.equal([1, 4, 7])
    expect([...resampleLabels(row(9), { top: 0, left: 3, height: 1, width: 6 }, 1, 2).data]).to.deep.equal([
      4, 7,
    ])
  })

  it('reads views into larger memory, and copies out of Node buffers', async () => {
    const memory = new Uint8Array(1000).fill(9)
    const view = tensor(memory.subarray(100, 100 + 48).fill(50), [4, 4, 3])
    const resized = await resampleImage(view, wholeRegion(view), 8, 8)
    expect(new Set(resized.data)).to.deep.equal(new Set([50]))
    const buffer = tensor<Uint8Array>(Buffer.alloc(12, 3), [2, 2, 3])
    const cropped = cropTensor(buffer, { top: 0, left: 0, height: 1, width: 2 })
    expect(Buffer.isBuffer(cropped.data)).to.equal(false)
    expect([...cropped.data]).to.deep.equal([3, 3, 3, 3, 3, 3])
  })
})
