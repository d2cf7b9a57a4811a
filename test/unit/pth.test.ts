import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32 as systemCrc32 } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import { elementCount, type Tensor, type TypedArray } from '../../lib/tensor.ts'
import { crc32, crc32ByTable } from '../../lib/weights/pth/crc32.ts'
import { readPth, readPthHeader, readPthTensor } from '../../lib/weights/pth/read-pth.ts'
import { writePth } from '../../lib/weights/pth/write-pth.ts'
import { noise, rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { dictOf, pickleOf, pthFile, tensorOf } from '../support/pth-files.ts'

/**
 * Written by PyTorch 2.13:
 *
 *     base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
 *     weights = OrderedDict([
 *         ('module.conv.weight', torch.nn.Parameter(
 *             torch.arange(24, dtype=torch.float32).reshape(2, 3, 2, 2).to(memory_format=torch.channels_last) / 8)),
 *         ('module.conv.bias', torch.tensor([1.5, -2.25, 3e38], dtype=torch.bfloat16)),
 *         ('module.half', torch.tensor([[0.5, -65504.0, 2.0 ** -24]], dtype=torch.float16)),
 *         ('module.bn.num_batches_tracked', torch.tensor(2 ** 53 + 1)),
 *         ('module.transposed', base.t()), ('module.column', base[:, 1]), ('module.whole', base),
 *         ('module.expanded', torch.tensor([7, -8], dtype=torch.int16)[:, None].expand(2, 3)),
 *         ('module.double', torch.tensor([0.1], dtype=torch.float64)),
 *         ('module.int32', torch.tensor([-2 ** 31], dtype=torch.int32)),
 *         ('module.int8', torch.tensor([-128, 127], dtype=torch.int8)),
 *         ('module.uint8', torch.tensor([255], dtype=torch.uint8)),
 *         ('module.uint16', torch.tensor([65535], dtype=torch.uint16)),
 *         ('module.mask', torch.tensor([True, False, True])), ('module.none', torch.zeros(0, 3))])
 *     torch.save({'epoch': 3, 'args': argparse.Namespace(lr=0.1), 'best': numpy.float64(0.5), 'state_dict': weights,
 *                 'optimizer': {'state': {0: {'exp_avg': torch.zeros(3)}},
 *                               'param_groups': [{'betas': (0.9, 0.999)}]}}, 'checkpoint.pth')
 */
const CHECKPOINT = fileURLToPath(new URL('../fixtures/weights/checkpoint.pth', import.meta.url))

const range = (length: number) => Float32Array.from({ length }, (_, i) => i)
const EXPECTED: readonly (readonly [name: string, dtype: string, data: TypedArray, shape: number[]])[] = [
  ['module.conv.weight', 'F32', range(24).map((value) => value / 8), [2, 3, 2, 2]],
  // The bfloat16 nearest to 3e38.
  ['module.conv.bias', 'BF16', Float32Array.of(1.5, -2.25, 226 * 2 ** 120), [3]],
  ['module.half', 'F16', Float32Array.of(0.5, -65504, 2 ** -24), [1, 3]],
  ['module.bn.num_batches_tracked', 'I64', BigInt64Array.of(2n ** 53n + 1n), []],
  ['module.transposed', 'F32', Float32Array.of(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11), [4, 3]],
  ['module.column', 'F32', Float32Array.of(1, 5, 9), [3]],
  ['module.whole', 'F32', range(12), [3, 4]],
  ['module.expanded', 'I16', Int16Array.of(7, 7, 7, -8, -8, -8), [2, 3]],
  ['module.double', 'F64', Float64Array.of(0.1), [1]],
  ['module.int32', 'I32', Int32Array.of(-(2 ** 31)), [1]],
  ['module.int8', 'I8', Int8Array.of(-128, 127), [2]],
  ['module.uint8', 'U8', Uint8Array.of(255), [1]],
  ['module.uint16', 'U16', Uint16Array.of(65_535), [1]],
  ['module.mask', 'BOOL', Uint8Array.of(1, 0, 1), [3]],
  ['module.none', 'F32', new Float32Array(0), [0, 3]],
]

describe('.pth files', () => {
  let folder: TempFolder
  before(async () => {
    folder = await tempFolder()
  })
  after(() => folder.remove())
  const at = (name: string) => join(folder.path, name)

  describe('readPth', () => {
    it('reads a checkpoint of PyTorch: all types, strides, shared storages, parameters', async () => {
      const tensors = await readPth(CHECKPOINT)
      expect(Object.keys(tensors)).to.deep.equal(EXPECTED.map(([name]) => name))
      for (const [name, , data, shape] of EXPECTED) {
        expect(tensors[name], name).to.deep.equal({ data, shape })
        expect(tensors[name].data.constructor, name).to.equal(data.constructor)
      }
    })

    it('lists the tensors first and reads each later', async () => {
      const header = await readPthHeader(CHECKPOINT)
      expect(header.map(({ name, dtype, shape }) => [name, dtype, shape])).to.deep.equal(
        EXPECTED.map(([name, dtype, , shape]) => [name, dtype, shape]),
      )
      for (const [i, stored] of header.entries()) {
        const [name, , data, shape] = EXPECTED[i]
        expect(await readPthTensor(CHECKPOINT, stored), name).to.deep.equal({ data, shape })
      }
    })

    it('finds the weights under a usual key, or the only one that holds tensors', async () => {
      const weights = dictOf({ w: tensorOf() })
      const storages = { 0: new Uint8Array(8) }
      const contents: Record<string, string> = {
        plain: dictOf({ w: tensorOf(), epoch: 'K\x03' }),
        usual: dictOf({ params: weights, criterion: weights, epoch: 'K\x03', best: tensorOf() }),
        only: dictOf({ generator: weights, epoch: 'K\x03', lists: '](N\x88e' }),
        extra: dictOf({ w: tensorOf(), 'layer._extra_state': dictOf({ scale: tensorOf() }) }),
      }
      for (const [name, content] of Object.entries(contents)) {
        const path = await folder.write(`${name}.pth`, await pthFile(pickleOf(content), storages))
        expect(Object.keys(await readPth(path)), name).to.deep.equal(['w'])
      }
    })

    it('refuses to choose between networks, and takes the one that key names', async () => {
      const content = dictOf({
        state_dict: dictOf({ w: tensorOf() }),
        ema: dictOf({ w: tensorOf({ offset: 1, shape: [1] }) }),
        teacher: dictOf({ v: tensorOf() }),
      })
      const values = new Uint8Array(Float32Array.of(1, 2).buffer)
      const path = await folder.write('two.pth', await pthFile(pickleOf(content), { 0: values }))
      const error = await rejection(readPth(path), 'INVALID_FILE')
      expect(error.message).to.equal(`${path} holds the weights of 2 networks: state_dict, ema.`)
      expect(error.hint).to.include('key: "state_dict"')
      expect(await readPth(path, { key: 'ema' })).to.deep.equal({
        w: { data: Float32Array.of(2), shape: [1] },
      })
      expect(Object.keys(await readPth(path, { key: 'teacher' }))).to.deep.equal(['v'])
      const missing = await rejection(readPth(path, { key: 'modle' }), 'INVALID_FILE')
      expect(missing.message).to.include('has no weights under the key "modle"')
      expect(missing.hint).to.equal('Keys with weights: state_dict, ema, teacher.')
    })

    it('refuses files whose tensors would be missed', async () => {
      const weights = dictOf({ w: tensorOf() })
      const contents: Record<string, [content: string, message: RegExp]> = {
        mixed: [
          dictOf({ w: tensorOf(), encoder: weights }),
          /holds tensors and dicts of tensors \(encoder\)/,
        ],
        deep: [
          dictOf({ model: dictOf({ w: tensorOf(), encoder: weights }) }),
          /its entry "model" holds tensors and/,
        ],
        several: [dictOf({ netG: weights, netD: weights }), /the weights of 2 networks: netG, netD\./],
        none: [
          dictOf({ epoch: 'K\x03', a: dictOf({ b: weights }) }),
          /no tensors by their names: epoch is the number 3, a is a dict/,
        ],
        empty: ['}', /it is empty/],
        tensor: [tensorOf(), /holds a tensor, not the weights/],
        list: [`](${tensorOf()}e`, /holds a list, not the weights/],
        numbered: [`}(K\x05${tensorOf()}u`, /a tensor whose name is the number 5/],
      }
      for (const [name, [content, message]] of Object.entries(contents)) {
        const path = await folder.write(
          `${name}.pth`,
          await pthFile(pickleOf(content), { 0: new Uint8Array(8) }),
        )
        const error = await rejection(readPth(path), 'INVALID_FILE')
        expect(error.message).to.match(message).and.to.include(path)
        expect(error.hint).to.be.a('string')
      }
    })

    it('says what is missing, misspelt or aborted', async () => {
      await rejection(readPth(at('nowhere.pth')), 'NOT_FOUND')
      await rejection(readPth(folder.path), 'INVALID_FILE')
      await rejection(readPth(''), 'INVALID_ARGUMENT')
      await rejection(readPth(CHECKPOINT, { kye: 'x' } as object), 'INVALID_ARGUMENT')
      await rejection(readPth(CHECKPOINT, { key: 5 as unknown as string }), 'INVALID_ARGUMENT')
      await rejection(readPth(CHECKPOINT, { signal: AbortSignal.abort() }), 'ABORTED')
      await rejection(readPthHeader(CHECKPOINT, { signal: AbortSignal.abort() }), 'ABORTED')
    })
  })

  describe('writePth', () => {
    const arrays = {
      F32: Float32Array,
      F64: Float64Array,
      I32: Int32Array,
      I16: Int16Array,
      U16: Uint16Array,
      I8: Int8Array,
      U8: Uint8Array,
    }
    const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 })
    const tensors = fc
      .tuple(
        shapes,
        fc.constantFrom('I64' as const, ...(Object.keys(arrays) as (keyof typeof arrays)[])),
        fc.nat(255),
      )
      .map(([shape, dtype, start]): Tensor<TypedArray> => {
        const values = noise(elementCount(shape) + start).subarray(start)
        const data =
          dtype === 'I64' ? BigInt64Array.from(values, (v) => BigInt(v) << 55n) : arrays[dtype].from(values)
        return { data, shape }
      })
    const names = fc.string({ unit: 'grapheme', maxLength: 12 })

    it('gives back the same tensors, names and order (property)', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.tuple(names, tensors), {
            selector: ([name]) => name,
            minLength: 1,
            maxLength: 8,
          }),
          async (entries) => {
            await writePth(at('property.pth'), new Map(entries))
            const read = await readPth(at('property.pth'))
            expect(Object.keys(read).length).to.equal(entries.length)
            for (const [name, tensor] of entries) expect(read[name]).to.deep.equal(tensor)
            const header = await readPthHeader(at('property.pth'))
            expect(header.map(({ name }) => name)).to.deep.equal(entries.map(([name]) => name))
            for (const { position } of header) expect(position % 64).to.equal(0)
          },
        ),
        { numRuns: 60 },
      )
    })

    it('takes views, names like __proto__, and reads strides of its own (property)', async () => {
      const whole = Float32Array.of(9, 1, 2, 9)
      const entries = new Map([['__proto__', { data: whole.subarray(1, 3), shape: [2] }]])
      await writePth(at('view.pth'), entries)
      const read = await readPth(at('view.pth'))
      expect(Object.entries(read)).to.deep.equal([['__proto__', { data: Float32Array.of(1, 2), shape: [2] }]])

      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 9 })), {
            maxLength: 4,
          }),
          fc.nat(5),
          async (axes, offset) => {
            const [shape, strides] = [axes.map(([extent]) => extent), axes.map(([, stride]) => stride)]
            const content = tensorOf({ count: 200, offset, shape, strides })
            const bytes = new Uint8Array(range(200).buffer)
            await folder.write('strides.pth', await pthFile(pickleOf(dictOf({ w: content })), { 0: bytes }))
            const { w } = await readPth(at('strides.pth'))
            const expected = Array.from({ length: elementCount(shape) }, (_, element) => {
              let rest = element
              return shape.reduceRight((index, extent, axis) => {
                const step = rest % extent
                rest = (rest - step) / extent
                return index + step * strides[axis]
              }, offset)
            })
            expect([...w.data].map(Number)).to.deep.equal(expected)
          },
        ),
        { numRuns: 60 },
      )
    })

    it('replaces a file at once, through a link, and makes folders', async () => {
      const one = { w: { data: Float32Array.of(1), shape: [1] } }
      await writePth(at('deep/er/w.pth'), one)
      await symlink('w.pth', at('deep/er/link.pth'))
      await writePth(at('deep/er/link.pth'), { w: { data: Float32Array.of(2), shape: [1] } })
      expect((await readPth(at('deep/er/w.pth'))).w.data).to.deep.equal(Float32Array.of(2))
      expect(await readdir(at('deep/er'))).to.deep.equal(['link.pth', 'w.pth'])
      const before = await readFile(at('deep/er/w.pth'))
      await writePth(at('again.pth'), await readPth(at('deep/er/w.pth')))
      expect((await readFile(at('again.pth'))).equals(before)).to.equal(true)
    })

    it('leaves nothing behind where it fails', async () => {
      await mkdir(at('occupied/w.pth/x'), { recursive: true })
      const one = { w: { data: Float32Array.of(1), shape: [1] } }
      const error = await writePth(at('occupied/w.pth'), one).then(
        () => undefined,
        (reason) => reason,
      )
      expect(error).to.be.instanceOf(Error).and.to.have.property('name', 'DenseHybridError')
      expect(await readdir(at('occupied'))).to.deep.equal(['w.pth'])
      await writeFile(at('file'), '')
      await rejection(writePth(at('file/w.pth'), one), 'IO')
    })

    it('refuses what is no tensor, naming it', async () => {
      const refused = async (tensors: unknown, message: RegExp) =>
        expect(
          (await rejection(writePth(at('x.pth'), tensors as never), 'INVALID_ARGUMENT')).message,
        ).to.match(message)
      await refused({}, /at least one tensor/)
      await refused(null, /tensors by their names/)
      await refused({ w: 5 }, /for tensors\["w"\] but received 5/)
      await refused({ w: { data: [1], shape: [1] } }, /Float32Array, Float64Array.*tensors\["w"\]/)
      await refused({ w: { data: Float32Array.of(1), shape: [2] } }, /tensors\["w"\]\.shape/)
      await refused({ w: { data: Float32Array.of(1), shape: [-1, -1] } }, /tensors\["w"\]\.shape/)
      await refused({ '\ud800': { data: Float32Array.of(1), shape: [1] } }, /well-formed/)
      await rejection(writePth('', { w: { data: Float32Array.of(1), shape: [1] } }), 'INVALID_ARGUMENT')
      expect(await readdir(folder.path)).not.to.include('x.pth')
    })
  })

  it('have the checksums of ZIP, with and without the help of Node (property)', async () => {
    expect(await crc32(Buffer.from('123456789'))).to.equal(0xcbf4_3926)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.uint8Array(), async (first, second) => {
        const both = Buffer.concat([first, second])
        expect(await crc32(both)).to.equal(systemCrc32(both))
        expect(crc32ByTable(second, crc32ByTable(first))).to.equal(systemCrc32(both))
      }),
    )
    const large = new Uint8Array(2 ** 23 + 5).fill(7)
    expect(await crc32(large)).to.equal(systemCrc32(large))
  })
})
