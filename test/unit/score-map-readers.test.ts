import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { encode } from 'fast-png'
import { DenseHybridError } from '../../lib/errors.ts'
import { readClassMap } from '../../lib/evaluation/readers/class-map.ts'
import { readScoreMap, readStoredScoreMap } from '../../lib/evaluation/readers/score-map.ts'
import { writeHdf5 } from '../../lib/scoring/writers/hdf5.ts'
import { tensor } from '../../lib/tensor.ts'
import { bytesOf, npyFile, safetensorsFile } from '../support/score-files.ts'

const SHAPE = [2, 3]
const SCORES = Float32Array.from([3, -1, 2.5, 0, -2, 1])
/** The same as float16 and bfloat16. */
const HALF = Uint16Array.from([0x4200, 0xbc00, 0x4100, 0, 0xc000, 0x3c00])
const BRAIN = Uint16Array.from([0x4040, 0xbf80, 0x4020, 0, 0xc000, 0x3f80])

describe('readers of score maps', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'densehybrid-readers-'))
  })
  after(() => rm(root, { recursive: true }))

  const place = async (name: string, bytes: Uint8Array | string) => {
    await writeFile(join(root, name), bytes)
    return join(root, name)
  }
  const failure = async (promise: Promise<unknown>): Promise<DenseHybridError> => {
    const error = await promise.then(
      () => undefined,
      (reason) => reason,
    )
    expect(error).to.be.instanceOf(DenseHybridError)
    return error
  }
  /** Reads bytes that must be refused: INVALID_FILE with the name of the file and the reason. */
  const refuses = async (name: string, bytes: Uint8Array | string, reason: RegExp) => {
    const error = await failure(readScoreMap(await place(name, bytes)))
    expect(error.code, error.message).to.equal('INVALID_FILE')
    expect(error.message).to.match(reason).and.to.include(name)
  }
  const swapped = (array: Float32Array | Float64Array | Uint16Array) => {
    const bytes = Buffer.from(bytesOf(array))
    return array.BYTES_PER_ELEMENT === 2
      ? bytes.swap16()
      : array.BYTES_PER_ELEMENT === 4
        ? bytes.swap32()
        : bytes.swap64()
  }

  describe('.npy', () => {
    it('reads float16, float32 and float64 of either byte order', async () => {
      const files = {
        '<f2': npyFile('<f2', SHAPE, bytesOf(HALF)),
        '>f2': npyFile('>f2', SHAPE, swapped(HALF)),
        '<f4': npyFile('<f4', SHAPE, bytesOf(SCORES)),
        '>f4': npyFile('>f4', SHAPE, swapped(SCORES)),
        '<f8': npyFile('<f8', SHAPE, bytesOf(Float64Array.from(SCORES))),
        '>f8': npyFile('>f8', SHAPE, swapped(Float64Array.from(SCORES))),
      }
      for (const [type, bytes] of Object.entries(files)) {
        const { map, type: stored } = await readStoredScoreMap(await place('a.npy', bytes))
        expect(map, type).to.deep.equal({ data: SCORES, shape: SHAPE })
        expect(stored).to.equal(`float${8 * Number(type[2])}`)
      }
    })

    it('reads 1×H×W, H×W×1 and Fortran order', async () => {
      for (const shape of [
        [1, 2, 3],
        [2, 3, 1],
      ]) {
        const path = await place('a.npy', npyFile('<f4', shape, bytesOf(SCORES)))
        expect(await readScoreMap(path)).to.deep.equal({ data: SCORES, shape: SHAPE })
      }
      const columns = Float32Array.from([3, 0, -1, -2, 2.5, 1])
      for (const shape of [SHAPE, [1, 2, 3]]) {
        const path = await place('a.npy', npyFile('<f4', shape, bytesOf(columns), true))
        expect(await readScoreMap(path)).to.deep.equal({ data: SCORES, shape: SHAPE })
      }
    })

    it('lets NaN and infinities pass', async () => {
      const values = Float32Array.from([Number.NaN, Infinity, -Infinity, 0, 0, 0])
      const path = await place('a.npy', npyFile('<f4', SHAPE, bytesOf(values)))
      expect((await readScoreMap(path)).data).to.deep.equal(values)
    })

    it('refuses what is no score map, by name', async () => {
      const bytes = bytesOf(SCORES)
      await refuses('int.npy', npyFile('<i4', SHAPE, bytes), /its type is i4; scores are floating-point/)
      await refuses('complex.npy', npyFile('<c8', [1, 3], bytes), /its type is <c8/)
      await refuses('line.npy', npyFile('<f4', [6], bytes), /its shape is 6/)
      await refuses('colour.npy', npyFile('<f4', [1, 2, 3, 1], bytes), /its shape is 1×2×3×1/)
      await refuses('none.npy', npyFile('<f4', [0, 3], new Uint8Array(0)), /its shape is 0×3/)
      await refuses('cut.npy', npyFile('<f4', SHAPE, bytes.subarray(1)), /truncated/)
      await refuses('long.npy', npyFile('<f4', [1, 3], bytes), /take 12 bytes but 24 follow/)
      await refuses('huge.npy', npyFile('<f8', [9e9, 9e9], bytes), /truncated/)
      await refuses('empty.npy', '', /empty/)
      const structured = npyFile('<f4', SHAPE, bytes).toString('latin1').replace("'<f4'", '[(x)]')
      await refuses('structured.npy', Buffer.from(structured, 'latin1'), /not plain numbers|truncated/)
    })

    it('refuses float64 beyond float32', async () => {
      const values = Float64Array.from([0, 1, 2, 3, 1e39, 5])
      await refuses('a.npy', npyFile('<f8', SHAPE, bytesOf(values)), /1e\+39 at row 1, column 1 does not fit/)
    })
  })

  describe('.safetensors', () => {
    const entry = (dtype: string, content: ArrayBufferView, shape = SHAPE) => ({
      dtype,
      shape,
      content: bytesOf(content),
    })

    it('reads F16, BF16, F32 and F64', async () => {
      for (const only of [
        entry('F16', HALF),
        entry('BF16', BRAIN),
        entry('F32', SCORES, [1, 2, 3]),
        entry('F64', Float64Array.from(SCORES)),
      ]) {
        const path = await place('a.safetensors', safetensorsFile({ any: only }))
        expect(await readScoreMap(path), only.dtype).to.deep.equal({ data: SCORES, shape: SHAPE })
      }
    })

    it('takes the tensor named score or value among others', async () => {
      const other = entry('U8', new Uint8Array(5), [5])
      for (const name of ['score', 'value']) {
        const path = await place('a.safetensors', safetensorsFile({ other, [name]: entry('F32', SCORES) }))
        expect((await readScoreMap(path)).data).to.deep.equal(SCORES)
      }
      const two = { first: other, second: entry('F32', SCORES) }
      await refuses('two.safetensors', safetensorsFile(two), /2 tensors \(first, second\)/)
    })

    it('refuses a header that is wrong, naming the tensor', async () => {
      const file = (change: object) => safetensorsFile({ t: { ...entry('F32', SCORES), ...change } })
      await refuses('a.safetensors', file({ dtype: 'F12' }), /"t" has the unknown type "F12"/)
      await refuses('a.safetensors', file({ dtype: 'I32' }), /its type is I32/)
      await refuses('a.safetensors', file({ shape: [2, 2] }), /"t" is 2×2 F32 but has 24 bytes/)
      await refuses('a.safetensors', file({ shape: [-2, -3] }), /"t" has no shape/)
      await refuses('a.safetensors', file({ offsets: [0, 48] }), /"t" lies outside of the file/)
      await refuses('a.safetensors', file({ offsets: [24, 0] }), /"t" lies outside of the file/)
      const overlap = {
        t: entry('F32', SCORES),
        u: { ...entry('U8', new Uint8Array(4), [4]), offsets: [20, 24] },
      }
      await refuses('a.safetensors', safetensorsFile(overlap), /"u" overlaps/)
      await refuses(
        'a.safetensors',
        Buffer.concat([file({}), Buffer.alloc(3)]),
        /3 bytes after its last tensor/,
      )
      await refuses('a.safetensors', file({}).subarray(0, 30), /length of a header/)
      await refuses('a.safetensors', 'short', /length of a header/)
      const list = Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('[]')])
      await refuses('a.safetensors', list, /not a JSON object/)
    })
  })

  describe('.png', () => {
    it('reads grey of 8 and 16 bit, with and without a range', async () => {
      const grey = encode({ width: 3, height: 1, data: Uint8Array.from([0, 51, 255]), channels: 1, depth: 8 })
      const path = await place('a.png', grey)
      expect([...(await readScoreMap(path)).data]).to.deep.equal([0, 51, 255])
      expect([...(await readScoreMap(path, { range: { min: -1, max: 4 } })).data]).to.deep.equal([-1, 0, 4])
      const wide = encode({
        width: 2,
        height: 1,
        data: Uint16Array.from([1, 65_535]),
        channels: 1,
        depth: 16,
      })
      expect([...(await readScoreMap(await place('a.png', wide))).data]).to.deep.equal([1, 65_535])
    })

    it('refuses colour, cut files and a range without extent', async () => {
      const colour = encode({ width: 1, height: 1, data: Uint8Array.from([1, 2, 3]), channels: 3, depth: 8 })
      await refuses('colour.png', colour, /3 channels/)
      const noise = Uint8Array.from({ length: 4096 }, (_, i) => (i * 2_654_435_761) >>> 24)
      const grey = encode({ width: 64, height: 64, data: noise, channels: 1, depth: 8 })
      await refuses('cut.png', grey.subarray(0, 1500), /no score map/)
      const error = await failure(readScoreMap('any.png', { range: { min: 1, max: 1 } }))
      expect(error).to.have.property('code', 'INVALID_ARGUMENT')
    })
  })

  describe('.hdf5', () => {
    it('reads what writeHdf5 wrote, as .h5 too', async () => {
      for (const name of ['a.hdf5', 'a.h5']) {
        expect(await writeHdf5(join(root, name), tensor(SCORES, SHAPE))).to.equal(0)
        const { map, type } = await readStoredScoreMap(join(root, name))
        expect(map).to.deep.equal({ data: SCORES, shape: SHAPE })
        expect(type).to.equal('float16')
      }
    })

    it('reads maps of many chunks, several at once (property)', async () => {
      const sizes = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }))
      await fc.assert(
        fc.asyncProperty(sizes, async ([height, width]) => {
          const data = Float32Array.from({ length: height * width }, (_, i) => (i % 2048) - 1024)
          const paths = ['p.hdf5', 'q.hdf5'].map((name) => join(root, name))
          for (const path of paths) await writeHdf5(path, tensor(data, [height, width]))
          for (const map of await Promise.all(paths.map((path) => readScoreMap(path)))) {
            expect(map.shape).to.deep.equal([height, width])
            expect(Buffer.from(map.data.buffer).equals(Buffer.from(data.buffer))).to.equal(true)
          }
        }),
        { numRuns: 15 },
      )
    })

    it('refuses another dataset, damage and cut files, and goes on reading', async () => {
      const path = join(root, 'good.hdf5')
      const noise = Float32Array.from({ length: 6400 }, (_, i) => Math.sin(i * i))
      await writeHdf5(path, tensor(noise, [80, 80]))
      const bytes = await readFile(path)
      const renamed = Buffer.from(bytes)
      renamed.write('score', bytes.indexOf('value\0'))
      await refuses('renamed.hdf5', renamed, /holds score, no dataset named value/)
      await refuses('cut.hdf5', bytes.subarray(0, bytes.length - 50), /truncated/)
      const damaged = Buffer.from(bytes)
      damaged.fill(7, bytes.length - 300, bytes.length - 200)
      await refuses('damaged.hdf5', damaged, /filter returned failure/)
      const brain = Buffer.from(bytes)
      const properties = bytes.indexOf(Buffer.from([0, 0, 16, 0, 10, 5, 0, 10, 15]))
      brain.set([0, 0, 16, 0, 7, 8, 0, 7, 127], properties)
      await refuses('brain.hdf5', brain, /not IEEE float16/)
      expect((await readScoreMap(path)).shape).to.deep.equal([80, 80])
    })

    it('is abandoned when the signal fires', async () => {
      const path = join(root, 'aborted.hdf5')
      await writeHdf5(path, tensor(SCORES, SHAPE))
      const controller = new AbortController()
      const reading = failure(readScoreMap(path, { signal: controller.signal }))
      controller.abort()
      expect(await reading).to.have.property('code', 'ABORTED')
      expect((await readScoreMap(path)).shape).to.deep.equal(SHAPE)
    })
  })

  it('say what a file is that has the wrong extension', async () => {
    const png = encode({ width: 1, height: 1, data: Uint8Array.from([1]), channels: 1, depth: 8 })
    const npy = npyFile('<f4', SHAPE, bytesOf(SCORES))
    await refuses('x.npy', png, /x\.npy is a PNG file\./)
    await refuses('x.png', npy, /x\.png is an \.npy file\./)
    await refuses('x.hdf5', npy, /x\.hdf5 is an \.npy file\./)
    await refuses('x.safetensors', png, /x\.safetensors is a PNG file\./)
    await refuses('x.npy', 'PK\x03\x04 and so on', /ZIP archive/)
    await refuses('x.npy', 'version https://git-lfs.github.com/spec/v1\n', /Git LFS pointer/)
    await refuses('x.h5', 'hello', /is not an HDF5 file: it does not begin like one/)
    await refuses('x.txt', 'hello', /no extension of a score map/)
  })

  it('refuse unknown options and missing files', async () => {
    const misspelt = { rnage: { min: 0, max: 1 } } as object
    expect(await failure(readScoreMap('a.npy', misspelt))).to.have.property('code', 'INVALID_ARGUMENT')
    expect(await failure(readScoreMap(join(root, 'nowhere.npy')))).to.have.property('code', 'NOT_FOUND')
  })

  it('never fail but with INVALID_FILE, whatever the bytes (property)', async () => {
    const noise = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * i))
    const hdf5 = join(root, 'seed.hdf5')
    await writeHdf5(hdf5, tensor(noise, [8, 8]))
    const seeds: Record<string, Uint8Array> = {
      npy: npyFile('<f4', [8, 8], bytesOf(noise)),
      safetensors: safetensorsFile({ score: { dtype: 'F32', shape: [8, 8], content: bytesOf(noise) } }),
      png: encode({ width: 8, height: 8, data: bytesOf(noise).slice(0, 64), channels: 1, depth: 8 }),
    }
    const read = async (extension: string, bytes: Uint8Array) => {
      if (bytes.length === 0) return
      const error = await readScoreMap(await place(`fuzz.${extension}`, bytes)).then(
        () => undefined,
        (reason) => reason,
      )
      if (error !== undefined) expect(error).to.have.property('code', 'INVALID_FILE')
    }
    const changes = fc.record({
      cut: fc.double({ min: 0, max: 1, noNaN: true }),
      edits: fc.array(fc.tuple(fc.nat(2 ** 20), fc.nat(255)), { maxLength: 4 }),
      isCut: fc.boolean(),
    })
    const changed = (
      seed: Uint8Array,
      { cut, edits, isCut }: { cut: number; edits: number[][]; isCut: boolean },
    ) => {
      const bytes = Buffer.from(seed)
      for (const [at, value] of edits) bytes[at % bytes.length] = value
      return isCut ? bytes.subarray(0, Math.floor(cut * bytes.length)) : bytes
    }
    for (const [extension, seed] of Object.entries(seeds)) {
      await fc.assert(
        fc.asyncProperty(changes, (change) => read(extension, changed(seed, change))),
        { numRuns: 150 },
      )
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), (bytes) => read(extension, bytes)),
        { numRuns: 30 },
      )
    }
    // Few runs, because every damaged file costs a new thread.
    const seed = await readFile(hdf5)
    await fc.assert(
      fc.asyncProperty(changes, (change) => read('hdf5', changed(seed, change))),
      { numRuns: 20 },
    )
  })
})

describe('readers of class maps', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'densehybrid-classes-'))
  })
  after(() => rm(root, { recursive: true }))

  it('read .npy of whole numbers of any size', async () => {
    const path = join(root, 'a.npy')
    const values = [0, 19, 255, 3, 4, 5]
    const arrays = {
      '|u1': Uint8Array,
      '<u2': Uint16Array,
      '<i4': Int32Array,
      '<i8': BigInt64Array,
    }
    for (const [type, arrayType] of Object.entries(arrays)) {
      const content =
        arrayType === BigInt64Array
          ? BigInt64Array.from(values.map(BigInt))
          : (arrayType as typeof Int32Array).from(values)
      await writeFile(path, npyFile(type, [1, 2, 3], bytesOf(content)))
      expect(await readClassMap(path), type).to.deep.equal({ data: Uint8Array.from(values), shape: [2, 3] })
    }
  })

  it('refuse floating-point numbers and values that are no label', async () => {
    const path = join(root, 'a.npy')
    const failure = () =>
      readClassMap(path).then(
        () => undefined,
        (error) => error,
      )
    await writeFile(path, npyFile('<f4', [2, 3], bytesOf(SCORES)))
    expect((await failure()).message).to.match(/a\.npy is no label map: its type is f4/)
    await writeFile(path, npyFile('<i2', [2, 2], bytesOf(Int16Array.from([0, 1, 2, -1]))))
    expect((await failure()).message).to.match(/the value -1, first at row 1, column 1/)
    await writeFile(path, npyFile('<i2', [2, 2], bytesOf(Int16Array.from([0, 256, 2, 1]))))
    expect(await failure()).to.have.property('code', 'INVALID_FILE')
  })
})
