import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { tensor } from '../../lib/tensor.ts'
import { upsampleBilinear } from './bilinear.ts'
import { readReference, writeReference } from './safetensors.ts'
import { floatBits, fnv1a64, ruleTensor, ruleWeights, splitmix64, uniformStream } from './weight-rule.ts'

describe('weights by rule', () => {
  it('give the published test vectors', () => {
    const salt = 'ldn121:'
    const vectors = [
      [
        'backbone.features.conv0.weight',
        'matrix',
        [64, 3, 7, 7],
        9407,
        0x0a9a13735d4246c5n,
        'be56e649',
        '3df11d96',
      ],
      [
        'backbone.features.norm0.weight',
        'vector_weight',
        [64],
        63,
        0x1a62362611db0ebdn,
        '3f78694c',
        '3f71ea94',
      ],
      ['backbone.features.norm0.bias', 'bias', [64], 63, 0x5621d92439eda128n, '3c9bc2a7', '3d0c45aa'],
      [
        'backbone.features.norm0.running_mean',
        'bn_running_mean',
        [64],
        63,
        0x41e48b7eafa9c81cn,
        'bc035a8d',
        '3d1842c0',
      ],
      [
        'backbone.features.norm0.running_var',
        'bn_running_var',
        [64],
        63,
        0xc4b48892292fbbb6n,
        '3fabad00',
        '3f8e327e',
      ],
    ] as const
    for (const [name, kind, shape, last, hash, firstBits, lastBits] of vectors) {
      expect(fnv1a64(salt + name), name).to.equal(hash)
      const values = ruleTensor({ name, kind, shape: [...shape] }, salt, 2.75)?.data as Float32Array
      expect([floatBits(values[0]), floatBits(values[last])], name).to.deep.equal([firstBits, lastBits])
    }
    expect(splitmix64(0x0a9a13735d4246c5n, 9407)).to.equal(0xc270b4a3ac801538n)
  })

  it('agree between 32-bit halves and BigInt for any hash, also where the low half overflows', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (hash) => {
        const expected = [0, 1, 2, 3].map((i) => Number(splitmix64(hash, i) >> 40n) * 2 ** -23 - 1)
        expect([...uniformStream(hash, 4)]).to.deep.equal(expected)
      }),
    )
    const atOverflow = (2n ** 64n + 0xfffffffen - 0x9e3779b97f4a7c15n) % 2n ** 64n
    const expected = [0, 1, 2, 3].map((i) => Number(splitmix64(atOverflow, i) >> 40n) * 2 ** -23 - 1)
    expect([...uniformStream(atOverflow, 4)]).to.deep.equal(expected)
  })

  it('are refused when a checksum does not match or a stored tensor is missing', () => {
    const entry = { name: 'a.bias', shape: [3], kind: 'bias', sha256_16: '0000000000000000' }
    expect(() => ruleWeights([entry], '', 1, {})).to.throw('a.bias differs from its checksum')
    const stored = { name: 'b.weight', shape: [1], kind: 'override (stored in file)' }
    expect(() => ruleWeights([stored], '', 1, {})).to.throw('b.weight is stored in no file')
  })
})

describe('bilinear reference', () => {
  const ramp = tensor(Float32Array.of(0, 1, 2, 3), [1, 1, 2, 2])

  it('places pixel centres when corners are not aligned', () => {
    expect([...upsampleBilinear(ramp, 2, 4).data]).to.deep.equal([0, 0.25, 0.75, 1, 2, 2.25, 2.75, 3])
  })

  it('places corners when they are aligned', () => {
    expect([...upsampleBilinear(ramp, 3, 2, true).data]).to.deep.equal([0, 1, 1, 2, 2, 3])
  })

  it('returns the input at its own size', () => {
    for (const aligned of [false, true]) {
      expect([...upsampleBilinear(ramp, 2, 2, aligned).data]).to.deep.equal([0, 1, 2, 3])
    }
  })
})

describe('safetensors of reference values', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reference-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('come back as written', async () => {
    const path = join(folder, 'all.safetensors')
    const tensors = {
      a: tensor(Uint8Array.of(1, 2, 3), [3]),
      b: tensor(Float64Array.of(0.1, Number.NaN), [2, 1]),
      c: tensor(BigInt64Array.of(-5n), []),
      d: tensor(Int32Array.of(7), [1]),
      e: tensor(Float32Array.of(0.5), [1]),
    }
    await writeReference(path, tensors)
    expect(await readReference(path)).to.deep.equal(tensors)
  })

  it('widen F16, with denormals and infinities', async () => {
    const header = JSON.stringify({ h: { dtype: 'F16', shape: [6], data_offsets: [0, 12] } })
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(header.length))
    const halves = new Uint16Array([0x3c00, 0xc000, 0x0001, 0x83ff, 0x7c00, 0x3555])
    const path = join(folder, 'half.safetensors')
    await writeFile(path, Buffer.concat([length, Buffer.from(header), new Uint8Array(halves.buffer)]))
    const { h } = await readReference(path)
    expect([...h.data]).to.deep.equal([1, -2, 2 ** -24, -1023 * 2 ** -24, Infinity, 0.333251953125])
  })

  it('are refused when cut short', async () => {
    const path = join(folder, 'short.safetensors')
    await writeFile(path, Buffer.from('abc'))
    let message = ''
    await readReference(path).catch((error: Error) => {
      message = error.message
    })
    expect(message).to.include('not a .safetensors file')
  })
})
