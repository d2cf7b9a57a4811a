import { expect } from 'chai'
import fc from 'fast-check'
import { batchItem } from '../../lib/data/batch.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import type { Batch } from '../../lib/data/loader.ts'
import { pasteNegatives, pastePatch } from '../../lib/negatives/pasting.ts'
import type { NegativeSource } from '../../lib/negatives/types.ts'
import { random } from '../../lib/random.ts'
import { type Tensor, tensor } from '../../lib/tensor.ts'
import { rejection, whiteRectangles } from '../support/encoded-pictures.ts'

function noise(shape: number[], seed: number, max = 200): Tensor<Uint8Array> {
  const rng = random(seed)
  const length = shape.reduce((a, b) => a * b, 1)
  return tensor(
    Uint8Array.from({ length }, () => rng.integer(0, max)),
    shape,
  )
}

/** An image, a patch with a mask, and a place where it fits. */
const scene = fc
  .record({ h: fc.integer({ min: 1, max: 9 }), w: fc.integer({ min: 1, max: 9 }), seed: fc.nat() })
  .chain(({ h, w, seed }) =>
    fc.record({
      seed: fc.constant(seed),
      patchSize: fc.constant([h, w]),
      image: fc.record({
        above: fc.integer({ min: 0, max: 5 }),
        below: fc.integer({ min: 0, max: 5 }),
        before: fc.integer({ min: 0, max: 5 }),
        after: fc.integer({ min: 0, max: 5 }),
      }),
    }),
  )
  .map(({ seed, patchSize: [h, w], image: { above, below, before, after } }) => {
    const [height, width] = [above + h + below, before + w + after]
    return {
      image: noise([height, width, 3], seed),
      labels: noise([height, width], seed + 1, 5),
      patch: noise([h, w, 3], seed + 2),
      mask: noise([h, w], seed + 3, 1),
      top: above,
      left: before,
    }
  })

describe('pastePatch', () => {
  it('changes image and labels under the mask and nowhere else', () => {
    fc.assert(
      fc.property(scene, ({ image, labels, patch, mask, top, left }) => {
        const before = [image.data.slice(), labels.data.slice()]
        const out = pastePatch(image, labels, patch, mask, top, left)
        expect([image.data, labels.data]).to.deep.equal(before)
        for (let y = 0; y < image.shape[0]; y++) {
          for (let x = 0; x < image.shape[1]; x++) {
            const [py, px] = [y - top, x - left]
            const inside = py >= 0 && px >= 0 && py < patch.shape[0] && px < patch.shape[1]
            const from = py * patch.shape[1] + px
            const to = y * image.shape[1] + x
            const pasted = inside && mask.data[from] === 1
            expect(out.labels.data[to]).to.equal(pasted ? UNKNOWN_LABEL : labels.data[to])
            const colour = pasted
              ? patch.data.slice(from * 3, from * 3 + 3)
              : image.data.slice(to * 3, to * 3 + 3)
            expect(out.image.data.slice(to * 3, to * 3 + 3)).to.deep.equal(colour)
          }
        }
      }),
    )
  })

  it('returns what it replaced: pasted back, the image is as before', () => {
    fc.assert(
      fc.property(scene, fc.boolean(), ({ image, labels, patch, mask, top, left }, masked) => {
        const used = masked ? mask : null
        const out = pastePatch(image, labels, patch, used, top, left)
        expect(pastePatch(out.image, out.labels, out.replaced, used, top, left).image).to.deep.equal(image)
        expect(pastePatch(out.image, out.labels, out.replaced, null, top, left).image).to.deep.equal(image)
      }),
    )
  })

  it('pastes the whole window without a mask, over ignored pixels too, with the label that is given', () => {
    const image = tensor(new Float32Array(4 * 4).fill(0.25), [4, 4, 1])
    const labels = tensor(new Int32Array(16).fill(IGNORE_LABEL), [4, 4])
    const patch = tensor(Float32Array.of(0.1, 0.2, 0.3, 0.4), [2, 2, 1])
    const out = pastePatch(image, labels, patch, null, 2, 2, { negativeLabel: 1000 })
    expect([...out.labels.data.subarray(8)]).to.deep.equal([255, 255, 1000, 1000, 255, 255, 1000, 1000])
    expect(out.image.data.slice(10, 12)).to.deep.equal(Float32Array.of(0.1, 0.2))
    expect(out.replaced).to.deep.equal(tensor(new Float32Array(4).fill(0.25), [2, 2, 1]))
  })

  it('does not write into the memory of a Node buffer', () => {
    const image = tensor<Uint8Array>(Buffer.alloc(12), [2, 2, 3])
    const labels = tensor<Uint8Array>(Buffer.alloc(4), [2, 2])
    pastePatch(image, labels, noise([1, 1, 3], 1), null, 0, 0)
    expect([...image.data, ...labels.data].every((value) => value === 0)).to.equal(true)
  })

  it('names what does not fit', () => {
    const [image, labels] = [noise([4, 5, 3], 1), noise([4, 5], 1)]
    const patch = noise([2, 2, 3], 1)
    const at = (top: number, left: number) => () => pastePatch(image, labels, patch, null, top, left)
    expect(at(3, 0)).to.throw(/top.*received 3/)
    expect(at(0, 4)).to.throw(/left.*received 4/)
    expect(at(-1, 0)).to.throw(/top/)
    expect(at(0.5, 0)).to.throw(/top/)
    expect(at(2, 3)).not.to.throw()
    expect(() => pastePatch(image, noise([5, 4], 1), patch, null, 0, 0)).to.throw(/labels\.shape/)
    expect(() => pastePatch(image, labels, noise([2, 2, 1], 1), null, 0, 0)).to.throw(/patch\.shape/)
    expect(() => pastePatch(image, labels, patch, noise([2, 3], 1), 0, 0)).to.throw(/mask\.shape/)
  })
})

function batchOf(count: number, height: number, width: number): Batch {
  return {
    images: noise([count, height, width, 3], 1),
    labels: noise([count, height, width], 2, 5),
    ids: Array.from({ length: count }, (_, i) => `i${i}`),
  }
}

/** Top left corner and size of the pasted window of one image. */
function pastedWindow(batch: Batch, index: number) {
  const { labels } = batchItem(batch.images, batch.labels, index)
  const width = labels.shape[1]
  const pasted = [...labels.data.keys()].filter((i) => labels.data[i] === UNKNOWN_LABEL)
  const rows = pasted.map((i) => Math.floor(i / width))
  const columns = pasted.map((i) => i % width)
  return {
    top: Math.min(...rows),
    left: Math.min(...columns),
    bottom: Math.max(...rows),
    right: Math.max(...columns),
  }
}

describe('pasteNegatives', () => {
  it('gives a new batch whose pixels differ only where its labels are UNKNOWN_LABEL', async () => {
    const batch = batchOf(6, 12, 14)
    const before = [batch.images.data.slice(), batch.labels.data.slice()]
    const pasted = await pasteNegatives(batch, whiteRectangles(8), { seed: 3 })
    expect([batch.images.data, batch.labels.data]).to.deep.equal(before)
    expect(pasted.ids).to.deep.equal(batch.ids)
    for (let i = 0; i < batch.labels.data.length; i++) {
      const unknown = pasted.labels.data[i] === UNKNOWN_LABEL
      if (!unknown) expect(pasted.labels.data[i]).to.equal(batch.labels.data[i])
      const colour = unknown ? [255, 255, 255] : [...batch.images.data.subarray(i * 3, i * 3 + 3)]
      expect([...pasted.images.data.subarray(i * 3, i * 3 + 3)]).to.deep.equal(colour)
    }
    for (let i = 0; i < 6; i++) expect(pastedWindow(pasted, i).top).to.be.finite
  })

  it('depends on seed, keys and index only', async () => {
    const batch = batchOf(3, 20, 20)
    const paste = (options: object) => pasteNegatives(batch, whiteRectangles(8), options)
    const one = await paste({ seed: 1, keys: [4, 2] })
    expect(await paste({ seed: 1, keys: [4, 2] })).to.deep.equal(one)
    expect((await paste({ seed: 2, keys: [4, 2] })).labels.data).not.to.deep.equal(one.labels.data)
    expect((await paste({ seed: 1, keys: [4, 3] })).labels.data).not.to.deep.equal(one.labels.data)
    const windows = [0, 1, 2].map((i) => JSON.stringify(pastedWindow(one, i)))
    expect(new Set(windows).size).to.equal(3)
  })

  it('reaches every position, both ends included, and no other', async () => {
    const source: NegativeSource = {
      name: 'two by three',
      sample: async () => ({ image: noise([2, 3, 3], 1), mask: tensor(new Uint8Array(6).fill(1), [2, 3]) }),
    }
    const pasted = await pasteNegatives(batchOf(300, 4, 5), source)
    const corners = Array.from({ length: 300 }, (_, i) => pastedWindow(pasted, i))
    const places = new Set(corners.map(({ top, left }) => `${top},${left}`))
    expect([...places].sort()).to.deep.equal(['0,0', '0,1', '0,2', '1,0', '1,1', '1,2', '2,0', '2,1', '2,2'])
    for (const { top, left, bottom, right } of corners)
      expect([bottom - top, right - left]).to.deep.equal([1, 2])
  })

  it('pastes several an image, with another label', async () => {
    const source = whiteRectangles(1)
    const pasted = await pasteNegatives(batchOf(1, 50, 50), source, { perImage: 8, negativeLabel: 77 })
    expect(pasted.labels.data.filter((label) => label === 77).length).to.be.within(6, 8)
  })

  it('makes a negative that is larger than the image smaller', async () => {
    const source: NegativeSource = {
      name: 'huge',
      sample: async () => ({
        image: tensor(new Uint8Array(60 * 90 * 3).fill(255), [60, 90, 3]),
        mask: tensor(
          Uint8Array.from({ length: 60 * 90 }, (_, i) => (i % 90 < 45 ? 1 : 0)),
          [60, 90],
        ),
      }),
    }
    const pasted = await pasteNegatives(batchOf(2, 20, 18), source)
    for (let i = 0; i < 2; i++) {
      const { top, left, bottom, right } = pastedWindow(pasted, i)
      expect([bottom - top + 1, right - left + 1, left]).to.deep.equal([12, 9, 0])
    }
  })

  it('says which source has no negative large enough', async () => {
    const source: NegativeSource = {
      name: 'a hair',
      sample: async () => {
        const mask = tensor(new Uint8Array(100 * 100), [100, 100])
        mask.data[5050] = 1
        return { image: noise([100, 100, 3], 1), mask }
      },
    }
    const error = await rejection(pasteNegatives(batchOf(1, 8, 8), source))
    expect(error.code).to.equal('EMPTY')
    expect(error.message).to.match(/a hair.*8×8/)
  })

  it('names a source whose image and mask disagree, and wrong options', async () => {
    const source = {
      name: 'odd',
      sample: async () => ({ image: noise([2, 2, 3], 1), mask: noise([2, 3], 1) }),
    }
    expect((await rejection(pasteNegatives(batchOf(1, 8, 8), source))).message).to.match(/odd/)
    const paste = (options: object) =>
      rejection(pasteNegatives(batchOf(1, 8, 8), whiteRectangles(2), options))
    expect((await paste({ perimage: 2 })).hint).to.match(/perImage/)
    expect((await paste({ perImage: 0 })).message).to.match(/perImage/)
    expect((await paste({ signal: AbortSignal.abort() })).code).to.equal('ABORTED')
    const labels = noise([1, 8, 7], 1)
    const mismatched = { ...batchOf(1, 8, 8), labels }
    expect((await rejection(pasteNegatives(mismatched, whiteRectangles(2)))).message).to.match(
      /batch\.labels/,
    )
  })
})
