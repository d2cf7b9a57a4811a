import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import fc from 'fast-check'
import { DenseHybridError } from '../../lib/errors.ts'
import { elementCount } from '../../lib/tensor.ts'
import { readPth } from '../../lib/weights/pth/read-pth.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import {
  dictOf,
  numberOf,
  pickleOf,
  pthFile,
  type TensorChange,
  tensorOf,
  textOf,
  zipFile,
} from '../support/pth-files.ts'

const CHECKPOINT = fileURLToPath(new URL('../fixtures/weights/checkpoint.pth', import.meta.url))
/** The storage of {@link tensorOf}. */
const STORAGES = { 0: new Uint8Array(8) }

describe('.pth files that are damaged or hostile', () => {
  let folder: TempFolder
  before(async () => {
    folder = await tempFolder()
  })
  after(() => folder.remove())

  /** Reads bytes that must be refused, naming the file and the reason. */
  const refuses = async (bytes: Uint8Array, message: RegExp): Promise<DenseHybridError> => {
    const path = await folder.write('w.pth', bytes)
    const error = await rejection(readPth(path), 'INVALID_FILE')
    expect(error.message).to.match(message).and.to.include(path)
    expect(error.hint).to.be.a('string')
    return error
  }
  const refusesPickle = async (opcodes: string, message: RegExp) =>
    refuses(await pthFile(pickleOf(opcodes), STORAGES), message)

  it('name functions and classes that they ask for', async () => {
    const call = (name: string, argument: string) =>
      `c${name.replace(/\.(\w+)$/, '\n$1')}\n(${textOf(argument)}tR`
    for (const name of [
      'os.system',
      'posix.system',
      'builtins.eval',
      '__builtin__.eval',
      'builtins.getattr',
      'torch.load',
      'torch.hub.load',
      'torch._utils._rebuild_sparse_tensor',
      'numpy.load',
    ]) {
      const error = await refusesPickle(call(name, 'echo'), /which is not allowed in a file of weights/)
      expect(error.message).to.include(`asks to call ${name},`)
      expect(error.hint).to.match(/^Nothing was executed/)
    }
    for (const name of ['torch.nn.modules.linear.Linear', '__main__.Net', 'subprocess.Popen']) {
      const error = await refusesPickle(call(name, 'echo'), /, not only weights/)
      expect(error.message).to.include(`an object of the class ${name}`)
      expect(error.hint).to.include('model.state_dict()')
    }
    // Names are shown without what a terminal would obey, and not at any length.
    const long = await refusesPickle(`c\x1b[2Jos\n${'x'.repeat(5000)}\n`, /asks to call \ufffd\[2Jos\.xxx/)
    expect(long.message.length).to.be.lessThan(1200)
    // As protocols 4 and 5 name them; beside good weights, too.
    const stacked = `\x8c\x02os\x8c\x06system\x93(${textOf('echo')}tR`
    await refusesPickle(dictOf({ w: tensorOf(), x: stacked }), /asks to call os\.system,/)
  })

  it('name opcodes that they use', async () => {
    await refusesPickle('(ios\nsystem\n', /the pickle opcode INST \(0x69\)/)
    await refusesPickle(`(cos\nsystem\no`, /os\.system/)
    await refusesPickle('(o', /the pickle opcode OBJ \(0x6f\)/)
    await refusesPickle('\x82\x01', /the pickle opcode EXT1 \(0x82\)/)
    await refusesPickle('N2', /the pickle opcode DUP \(0x32\)/)
    await refusesPickle('Pname\n', /the pickle opcode PERSID \(0x50\)/)
    await refusesPickle('\x8b\xff\xff\xff\x7f', /the pickle opcode LONG4 \(0x8b\)/)
    await refusesPickle('\xff', /unknown opcode 0xff/)
  })

  it('refuse calls of allowed functions with arguments of others', async () => {
    const rebuild = 'ctorch._utils\n_rebuild_tensor_v2\n'
    const wrong: Record<string, RegExp> = {
      [`${rebuild})R`]: /_rebuild_tensor_v2 is called with arguments/,
      [`${rebuild}(NNNNNNtR`]: /_rebuild_tensor_v2 is called with arguments/,
      [tensorOf({ metadata: dictOf({ neg: '\x88' }) })]: /_rebuild_tensor_v2 is called with arguments/,
      [tensorOf({ shape: [2, 1] })]: /_rebuild_tensor_v2 is called with arguments/,
      [tensorOf({ shape: [-1], strides: [-1] })]: /_rebuild_tensor_v2 is called with arguments/,
      [tensorOf({ offset: -1 })]: /_rebuild_tensor_v2 is called with arguments/,
      [tensorOf({ shape: Array(65).fill(1), strides: Array(65).fill(1) })]:
        /_rebuild_tensor_v2 is called with/,
      [tensorOf({ count: -1 })]: /refers to a storage in an unknown way/,
      [tensorOf({ count: 2n ** 60n })]: /refers to a storage in an unknown way/,
      NQ: /refers to a storage in an unknown way/,
      'ctorch._utils\n_rebuild_parameter\n(NNNtR': /_rebuild_parameter is called with arguments/,
      'ctorch\nSize\n(K\x01tR': /torch\.Size is called with arguments/,
      'ccollections\nOrderedDict\n(K\x01tR': /OrderedDict is called with arguments/,
      'ctorch\nFloatStorage\n(K\x01tR': /torch\.FloatStorage is called with arguments/,
      'ctorch\nfloat32\n)R': /torch\.float32 is called with arguments/,
      'N)R': /calls what is no function/,
      [`${tensorOf()}}b`]: /sets attributes of what has none/,
      '}]Ns': /a dict or list is a key/,
      '](Nu': /sets items of what is no dict/,
      '}(Nu': /sets items of what is no dict/,
      '}Na': /appends to what is no list/,
      'NK\x01\x93': /the name of a global is no text/,
    }
    for (const [opcodes, message] of Object.entries(wrong)) await refusesPickle(opcodes, message)
  })

  it('refuse damaged pickles', async () => {
    await refusesPickle('', /takes a value|values left over/)
    await refusesPickle('NN', /values left over/)
    await refusesPickle('(N', /values left over/)
    await refusesPickle('N(a', /takes a value where there is none/)
    await refusesPickle('N(\x85', /takes a value where there is none/)
    await refusesPickle('t', /closes what it did not open/)
    await refusesPickle('h\x07', /place 7 of its memo, which is empty/)
    await refusesPickle('X\xff\xff\xff\xffab', /its pickle is truncated/)
    await refusesPickle('\x8d\xff\xff\xff\xff\xff\xff\xff\xffab', /its pickle is truncated/)
    await refusesPickle('X\x01\0\0\0\xff', /not UTF-8/)
    await refusesPickle('cos', /its pickle is truncated/)
    await refuses(await pthFile(Buffer.from('\x80\x02}', 'latin1')), /its pickle is truncated/)
  })

  it('limit depth, memo and number of values', async function () {
    this.timeout(60_000)
    await refusesPickle('('.repeat(1001), /nests deeper than 1000 levels/)
    await refusesPickle(')'.repeat(1_000_001), /more than 1000000 values/)
    await refusesPickle(`N${'q\x01'.repeat(1_000_000)}`, /more than 1000000 values/)
    await refusesPickle(`Nr\xff\xff\xff\xff${'h\x01'.repeat(3)}`, /place 1 of its memo/)
    await refusesPickle(`)${'\x85'.repeat(300_000)}`, /holds a tuple/)
    await refusesPickle(`${']'.repeat(300_000)}${'a'.repeat(299_999)}`, /holds a list/)
    await refusesPickle('}q\x01(X\x01\0\0\0ah\x01u', /holds no tensors by their names: a is a dict/)
  })

  it('name a tensor that does not fit into its storage', async () => {
    const wrong = async (change: TensorChange, message: RegExp) =>
      refusesPickle(dictOf({ 'layer.w': tensorOf(change) }), message)
    await wrong({ count: 3 }, /"layer\.w" lies in a storage of 12 bytes, of which 8 are there/)
    await wrong({ key: '1' }, /"layer\.w" lies in the storage "1", which is missing/)
    await wrong({ key: '../../a/version' }, /which is missing/)
    await wrong(
      { offset: 1 },
      /"layer\.w" reaches beyond its storage of 8 bytes \(shape 2, strides 1, offset 1\)/,
    )
    await wrong({ shape: [3] }, /"layer\.w" reaches beyond/)
    await wrong({ strides: [2] }, /"layer\.w" reaches beyond/)
    await wrong({ offset: Number.MAX_SAFE_INTEGER }, /"layer\.w" reaches beyond/)
    await wrong({ strides: [Number.MAX_SAFE_INTEGER] }, /"layer\.w" reaches beyond/)
    await wrong({ shape: [2 ** 27, 2 ** 27], strides: [0, 0] }, /"layer\.w" has the shape/)
    await wrong({ shape: [0, 2 ** 50, 2 ** 50], strides: [0, 0, 0] }, /"layer\.w" has the shape/)
    await wrong({ shape: [0], strides: [1], offset: 3 }, /"layer\.w" reaches beyond/)
    await wrong({ type: 'ComplexFloatStorage' }, /"layer\.w" of type torch\.complex64, which is not read/)
  })

  it('do not make a small file take a large memory', async () => {
    await refusesPickle(dictOf({ w: tensorOf({ shape: [2 ** 50], strides: [0] }) }), /tensors up to "w" take/)
    const many = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`w${i}`, tensorOf({ shape: [2 ** 18], strides: [0] })]),
    )
    await refusesPickle(dictOf(many), /tensors up to "w16" take/)
    // Few elements, but the whole storage is read for each.
    const wide = tensorOf({ count: 2 ** 18, strides: [2 ** 18 - 1] })
    const sparse = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`w${i}`, wide]))
    await refuses(
      await pthFile(pickleOf(dictOf(sparse)), { 0: new Uint8Array(2 ** 20) }),
      /tensors up to "w20" take/,
    )
  })

  it('are refused by what they are', async () => {
    const weights = pickleOf(dictOf({ w: tensorOf() }))
    const legacy = Buffer.from('80028a0a6cfc9c46f9206aa850192e8002', 'hex')
    expect((await refuses(legacy, /is in the format of PyTorch before 1\.6/)).hint).to.include(
      'torch.save(torch.load(',
    )
    const tar = Buffer.concat([Buffer.alloc(257), Buffer.from('ustar\0'), Buffer.alloc(249)])
    expect((await refuses(tar, /is a tar archive/)).hint).to.include('torch.save(torch.load(')
    await refuses(await pthFile(weights, STORAGES, { byteorder: 'big' }), /big-endian/)
    await refuses(await pthFile(weights, STORAGES, { byteorder: 'middle' }), /its byte order is "middle"/)
    await refuses(
      await pthFile(weights, STORAGES, { byteorder: 'x'.repeat(99) }),
      /"a\/byteorder" has 99 bytes/,
    )
    const script = /is a TorchScript module; use Segmenter\.fromTorchScript/
    await refuses(await pthFile(weights, STORAGES, { 'constants.pkl': '' }), script)
    await refuses(await pthFile(weights, STORAGES, { 'code/__torch__.py': '' }), script)
    await refuses(await zipFile({ 'x/a.npy': '' }), /did not write: it has no data\.pkl/)
    await refuses(await zipFile({ 'data.pkl': '' }), /did not write: it has no data\.pkl/)
    await refuses(await zipFile({}), /does not begin like one/)
    await refuses(pickleOf('}'), /is a pickle, not an archive/)
    await refuses(Buffer.from('\x02\0\0\0\0\0\0\0{}', 'latin1'), /is a \.safetensors file/)
    await refuses(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), /is a PNG file/)
    expect(
      (await refuses(Buffer.from('version https://git-lfs.github.com/spec/v1'), /Git LFS/)).hint,
    ).to.include('git lfs')
    await refuses(Buffer.from('hello'), /does not begin like one/)
    await refuses(Buffer.alloc(0), /is empty/)
    // Without the entry byteorder, as PyTorch before 2.1 writes them.
    const path = await folder.write('old.pth', await pthFile(weights, STORAGES, {}))
    expect(Object.keys(await readPth(path))).to.deep.equal(['w'])
  })

  it('are INVALID_FILE where they are cut, at every length (property)', async function () {
    this.timeout(120_000)
    const isRefused = async (bytes: Buffer, length: number) => {
      const path = await folder.write('cut.pth', bytes.subarray(0, length))
      const error = await rejection(readPth(path), 'INVALID_FILE')
      expect(error.message, `${length} bytes`).to.include(path)
    }
    const small = await pthFile(pickleOf(dictOf({ w: tensorOf() })), STORAGES)
    for (let length = 0; length < small.length; length++) await isRefused(small, length)
    const large = await readFile(CHECKPOINT)
    await fc.assert(
      fc.asyncProperty(fc.nat(large.length - 1), (length) => isRefused(large, length)),
      { numRuns: 300 },
    )
  })

  it('give good tensors or INVALID_FILE, whatever is changed in them (property)', async function () {
    this.timeout(120_000)
    const whole = await readFile(CHECKPOINT)
    const { length } = whole
    const pickleEnd = whole.indexOf('PK\x03\x04', 4)
    const directory = whole.indexOf('PK\x01\x02')
    // Half of the changes in what describes the tensors.
    const places = fc.oneof(
      fc.nat(length - 1),
      fc.nat(pickleEnd),
      fc.integer({ min: directory, max: length - 1 }),
    )
    const edits = fc.array(fc.tuple(places, fc.nat(7)), { minLength: 1, maxLength: 5 })
    let read = 0
    let refused = 0
    await fc.assert(
      fc.asyncProperty(edits, async (flips) => {
        const bytes = Buffer.from(whole)
        for (const [place, bit] of flips) bytes[place] ^= 1 << bit
        const path = await folder.write('flipped.pth', bytes)
        try {
          for (const { data, shape } of Object.values(await readPth(path))) {
            expect(data.length).to.equal(elementCount(shape))
          }
          read++
        } catch (error) {
          expect(error).to.be.instanceOf(DenseHybridError).and.to.have.property('code', 'INVALID_FILE')
          refused++
        }
      }),
      { numRuns: 1000 },
    )
    expect(Math.min(read, refused)).to.be.greaterThan(30)
  })

  it('never fail but with INVALID_FILE, whatever the opcodes (property)', async function () {
    this.timeout(120_000)
    const pieces = fc.constantFrom(
      ...[
        '(',
        ')',
        't',
        '}',
        ']',
        'N',
        'u',
        's',
        'a',
        'e',
        'b',
        'R',
        'Q',
        '\x81',
        '\x85',
        '\x86',
        '\x93',
        '\x94',
      ],
      ...[
        'q\x01',
        'h\x01',
        'h\x00',
        'K\x02',
        textOf('w'),
        tensorOf(),
        dictOf({ w: tensorOf() }),
        numberOf(-5),
      ],
      ...['ctorch\nFloatStorage\n', 'ccollections\nOrderedDict\n', 'ctorch._utils\n_rebuild_parameter\n'],
    )
    const opcodes = fc.array(pieces, { maxLength: 12 })
    const values = fc.oneof(
      opcodes.map((parts) => pickleOf(...parts)),
      opcodes.map((parts) => pickleOf(`}(${textOf('w')}${parts.join('')}u`)),
      fc.uint8Array({ maxLength: 60 }),
    )
    await fc.assert(
      fc.asyncProperty(values, async (pickle) => {
        const path = await folder.write('random.pth', await pthFile(pickle, STORAGES))
        const error = await readPth(path).then(
          () => undefined,
          (reason) => reason,
        )
        if (error !== undefined) expect(error).to.have.property('code', 'INVALID_FILE')
      }),
      { numRuns: 500 },
    )
  })
})
