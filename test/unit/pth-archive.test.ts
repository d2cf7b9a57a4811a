import { truncate } from 'node:fs/promises'
import { deflateRawSync } from 'node:zlib'
import { expect } from 'chai'
import { readPth, readPthHeader, readPthTensor } from '../../lib/weights/pth/read-pth.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { dictOf, pickleOf, pthFile, tensorOf, zipFile } from '../support/pth-files.ts'

/** The storage of {@link tensorOf}. */
const STORAGES = { 0: new Uint8Array(8) }

describe('archives of .pth files', () => {
  let folder: TempFolder
  let good: Buffer
  /** Bytes at which its headers begin. */
  let local: number
  let central: number
  before(async () => {
    folder = await tempFolder()
    good = await pthFile(pickleOf(dictOf({ w: tensorOf() })), STORAGES)
    local = good.indexOf('PK\x03\x04')
    central = good.indexOf('PK\x01\x02')
  })
  after(() => folder.remove())

  /** Reads bytes that must be refused, naming the file and the reason. */
  const refuses = async (bytes: Uint8Array, message: RegExp) => {
    const path = await folder.write('w.pth', bytes)
    const error = await rejection(readPth(path), 'INVALID_FILE')
    expect(error.message).to.match(message).and.to.include(path)
  }

  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(good)
    change(bytes)
    return bytes
  }

  it('are refused by their damage', async () => {
    const end = good.length - 22
    const zip64 = end - 20 - 56
    await refuses(
      changed((bytes) => bytes.writeUInt16LE(8, central + 10)),
      /"a\/data\.pkl" is compressed/,
    )
    await refuses(
      changed((bytes) => bytes.writeUInt16LE(1, central + 8)),
      /compressed or encrypted/,
    )
    await refuses(
      changed((bytes) => bytes.writeUInt16LE(8, local + 8)),
      /header of its entry "a\/data\.pkl"/,
    )
    await refuses(
      changed((bytes) => bytes.writeUInt16LE(3, local + 26)),
      /header of its entry "a\/data\.pkl"/,
    )
    await refuses(
      changed((bytes) => bytes.writeUInt16LE(0xffff, local + 28)),
      /header of its entry/,
    )
    await refuses(
      changed((bytes) => bytes.writeUInt32LE(2 ** 30, central + 20)),
      /lies outside|directory/,
    )
    await refuses(
      changed((bytes) => bytes.writeUInt32LE(2 ** 30, central + 42)),
      /lies outside of its archive/,
    )
    await refuses(
      changed((bytes) => bytes.writeUInt16LE(0xffff, central + 28)),
      /directory of its archive is damaged/,
    )
    await refuses(
      changed((bytes) => bytes.write('PKxx', central)),
      /directory of its archive is damaged/,
    )
    await refuses(
      changed((bytes) => bytes.writeBigUInt64LE(2n ** 63n, zip64 + 32)),
      /lists .* entries/,
    )
    await refuses(
      changed((bytes) => bytes.writeBigUInt64LE(2n ** 63n, zip64 + 40)),
      /lies outside of the file/,
    )
    await refuses(
      changed((bytes) => bytes.writeBigUInt64LE(2n ** 63n, zip64 + 48)),
      /lies outside of the file/,
    )
    await refuses(
      changed((bytes) => bytes.writeBigUInt64LE(2n ** 63n, end - 12)),
      /the end of its archive is damaged/,
    )
    await refuses(
      changed((bytes) => bytes.write('PKxx', end)),
      /truncated/,
    )
  })

  it('are refused with two entries of one name', async () => {
    const twice = await zipFile({ 'a/data.pkl': 'x', 'b/data.pkl': 'y' })
    for (let at = twice.indexOf('b/data'); at >= 0; at = twice.indexOf('b/data')) twice.write('a', at)
    await refuses(twice, /two entries named "a\/data\.pkl"/)
  })

  it('may have numbers of 64 bits, a comment, and no zip64 record', async () => {
    // The last entry, with its numbers moved to a zip64 field.
    const at = good.lastIndexOf('PK\x01\x02')
    const entry = Buffer.from(good.subarray(at, at + 46 + good.readUInt16LE(at + 28)))
    const field = Buffer.alloc(28)
    field.writeUInt16LE(1, 0)
    field.writeUInt16LE(24, 2)
    for (const [i, from] of [24, 20, 42].entries()) {
      field.writeBigUInt64LE(BigInt(entry.readUInt32LE(from)), 4 + 8 * i)
      entry.writeUInt32LE(0xffff_ffff, from)
    }
    entry.writeUInt16LE(field.length, 30)
    const end = Buffer.from(good.subarray(-22))
    end.writeUInt32LE(end.readUInt32LE(12) + field.length, 12)
    end.writeUInt16LE(5, 20)
    const wide = Buffer.concat([good.subarray(0, at), entry, field, end, Buffer.from('hello')])
    const path = await folder.write('wide.pth', wide)
    expect(await readPth(path)).to.deep.equal({ w: { data: new Float32Array(2), shape: [2] } })
  })

  it('are refused where the pickle is compressed', async () => {
    const packed = deflateRawSync(pickleOf(dictOf({ w: tensorOf() })))
    const bytes = await pthFile(packed, STORAGES)
    bytes.writeUInt16LE(8, bytes.indexOf('PK\x01\x02') + 10)
    await refuses(bytes, /"a\/data\.pkl" is compressed/)
  })

  it('say so where a file becomes shorter after its tensors were listed', async () => {
    const path = await folder.write('shrinks.pth', good)
    const [listed] = await readPthHeader(path)
    await truncate(path, listed.position + 4)
    const error = await rejection(readPthTensor(path, listed), 'INVALID_FILE')
    expect(error.message).to.include('it is truncated')
  })
})
