import { expect } from 'chai'
import fc from 'fast-check'
import { IGNORE_LABEL, type Sample, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { mirrored, type Placement, placeImage, placeLabels } from '../../lib/data/place.ts'
import { type Region, resampleImage, resampleLabels } from '../../lib/data/resample.ts'
import { flip, scaleJitterCrop } from '../../lib/data/transforms.ts'
import { drawSegments, presentLabels } from '../../lib/negatives/mask.ts'
import { pastePatch } from '../../lib/negatives/pasting.ts'
import { random } from '../../lib/random.ts'
import { type Tensor, tensor } from '../../lib/tensor.ts'

type Map = Tensor<Uint8Array>

/** Random values; `run` of them in a row are equal. */
function noise(shape: readonly number[], seed: number, run = 1, most = 255): Map {
  const stream = random(seed)
  const data = new Uint8Array(shape.reduce((a, b) => a * b))
  for (let i = 0; i < data.length; i++)
    data[i] = i % run > 0 && stream.uniform() < 0.8 ? data[i - 1] : stream.integer(0, most)
  return tensor(data, shape)
}

/** Every pixel of `map` by itself: to (top, left) of a map of `size`, from the other end where `mirror` is set. */
function placedPixels(map: Map, { size, top, left, mirror }: Placement, fill: readonly number[]): Map {
  const channels = fill.length
  const [height, width] = map.shape
  const result = tensor(new Uint8Array(size[0] * size[1] * channels), [...size, ...map.shape.slice(2)])
  for (let y = 0; y < size[0]; y++) {
    for (let x = 0; x < size[1]; x++) {
      const inside = y >= top && y < top + height && x >= left && x < left + width
      const column = mirror ? left + width - 1 - x : x - left
      for (let c = 0; c < channels; c++) {
        const from = ((y - top) * width + column) * channels + c
        result.data[(y * size[1] + x) * channels + c] = inside ? map.data[from] : fill[c]
      }
    }
  }
  return result
}

const side = fc.integer({ min: 1, max: 24 })
/** A picture's size, a region of it, and where it goes: resized or not, on a larger map or not. */
const cases = fc
  .record({
    seed: fc.nat(),
    region: fc.record({ top: fc.nat(9), left: fc.nat(9), height: side, width: side }),
    rest: fc.tuple(fc.nat(9), fc.nat(9)),
    resized: fc.option(fc.tuple(side, side), { freq: 3 }),
    margins: fc.option(fc.tuple(fc.nat(5), fc.nat(5), fc.nat(5), fc.nat(5)), { nil: [0, 0, 0, 0] as const }),
    mirror: fc.boolean(),
  })
  .map(({ seed, region, rest, resized, margins, mirror }) => {
    const [height, width] = resized ?? [region.height, region.width]
    const [top, left, bottom, right] = margins
    const size = [top + height + bottom, left + width + right] as const
    const picture = [region.top + region.height + rest[0], region.left + region.width + rest[1]]
    return { seed, region: region as Region, picture, placement: { size, top, left, height, width, mirror } }
  })

describe('placeImage and placeLabels', () => {
  it('equal resizing, mirroring and placing one after another', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, region, picture, placement }) => {
        const image = noise([...picture, 3], seed)
        const labels = noise(picture, seed, 3)
        const { height, width } = placement
        const [fill, ignored] = [[200, 7, 90], 255]
        const pixels = placedPixels(await resampleImage(image, region, height, width), placement, fill)
        expect(await placeImage(image, region, placement, fill)).to.deep.equal(pixels)
        const values = placedPixels(resampleLabels(labels, region, height, width), placement, [ignored])
        expect(placeLabels(labels, region, placement, ignored)).to.deep.equal(values)
      }),
      { numRuns: 300 },
    )
  })

  it('mirrors a map of one or three channels, and twice is not at all', () => {
    const map = noise([5, 7, 3], 1)
    const size = [5, 7] as const
    const whole = { size, top: 0, left: 0, height: 5, width: 7, mirror: true }
    expect(mirrored(map)).to.deep.equal(placedPixels(map, whole, [0, 0, 0]))
    expect(mirrored(mirrored(map))).to.deep.equal(map)
    const labels = noise(size, 2)
    expect(mirrored(labels)).to.deep.equal(placedPixels(labels, whole, [0]))
  })
})

describe('scaleJitterCrop', () => {
  it('mirrors as flip does, with the mean colour, IGNORE_LABEL and no instance around', async () => {
    const parameters = fc.record({
      seed: fc.nat(),
      picture: fc.tuple(side, side),
      size: fc.tuple(side, side),
    })
    await fc.assert(
      fc.asyncProperty(parameters, async ({ seed, picture, size }) => {
        const image = noise([...picture, 3], seed)
        const sample = {
          id: 'noise',
          image,
          labels: noise(picture, seed, 4),
          instances: noise(picture, seed, 2),
        }
        const crop = (mirror: boolean): Promise<Sample> =>
          scaleJitterCrop(sample, { size, scale: [0.3, 3], mirror }, random(seed))
        const straight = await crop(false)
        expect(straight.image.shape).to.deep.equal([...size, 3])
        expect(await crop(true)).to.deep.equal(flip(straight))
      }),
      { numRuns: 200 },
    )
  })

  it('fills what is left with the mean of all pixels', async () => {
    const image = noise([9, 11, 3], 4)
    const sample = { id: 'noise', image, labels: noise([9, 11], 4), instances: noise([9, 11], 5) }
    const crop = await scaleJitterCrop(sample, { size: [10, 40], scale: [1, 1] }, random(1))
    const mean = [0, 1, 2].map((c) => {
      const values = [...image.data].filter((_, i) => i % 3 === c)
      return Math.round(values.reduce((sum, value) => sum + value) / values.length)
    })
    const outside = [0, 39].find((x) => crop.labels.data[x] === IGNORE_LABEL)!
    expect([...crop.image.data.slice(outside * 3, outside * 3 + 3)]).to.deep.equal(mean)
    expect(crop.instances!.data[outside]).to.equal(0)
  })
})

describe('pasting and masks', () => {
  it('equal the definition pixel by pixel', () => {
    const parameters = fc.record({
      seed: fc.nat(),
      patch: fc.tuple(side, side),
      run: fc.integer({ min: 1, max: 9 }),
    })
    fc.assert(
      fc.property(parameters, ({ seed, patch, run }) => {
        const [height, width] = [patch[0] + 3, patch[1] + 4]
        const image = noise([height, width, 3], seed)
        const labels = noise([height, width], seed, run, 5)
        const negative = noise([...patch, 3], seed + 1)
        const mask = noise(patch, seed + 2, run, 1)
        const pasted = pastePatch(image, labels, negative, mask, 2, 3)
        for (let i = 0; i < labels.data.length; i++) {
          const [y, x] = [Math.floor(i / width) - 2, (i % width) - 3]
          const from = y * patch[1] + x
          const inside = y >= 0 && x >= 0 && y < patch[0] && x < patch[1] && mask.data[from] === 1
          expect(pasted.labels.data[i]).to.equal(inside ? UNKNOWN_LABEL : labels.data[i])
          const colour = inside
            ? negative.data.slice(from * 3, from * 3 + 3)
            : image.data.slice(i * 3, i * 3 + 3)
          expect(pasted.image.data.slice(i * 3, i * 3 + 3)).to.deep.equal(colour)
        }
        const present = [...new Set(labels.data)].sort((a, b) => a - b)
        expect(presentLabels(labels)).to.deep.equal(present)
        const chosen: number[] = []
        const stream = random(seed)
        const segments = drawSegments(labels, present, 2, {
          classId: (options) => chosen[chosen.push(stream.pick(options)) - 1],
        })
        expect([...segments.data]).to.deep.equal(
          [...labels.data].map((value) => (chosen.includes(value) ? 1 : 0)),
        )
      }),
      { numRuns: 100 },
    )
  })
})
