import { ZipWriter } from '../../lib/weights/pth/zip-writer.ts'

/** The bytes of an archive of stored entries, in their order. */
export async function zipFile(entries: Readonly<Record<string, Uint8Array | string>>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  const archive = new ZipWriter(async (bytes) => {
    parts.push(Buffer.from(bytes))
  })
  for (const [name, content] of Object.entries(entries))
    await archive.add(name, Buffer.from(content as Uint8Array))
  await archive.finish()
  return Buffer.concat(parts)
}

/** The bytes of a .pth file around a pickle, with the storages that it refers to. */
export function pthFile(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
  more: Readonly<Record<string, string>> = { byteorder: 'little' },
): Promise<Buffer> {
  const named = (folder: string, entries: Readonly<Record<string, Uint8Array | string>>) =>
    Object.fromEntries(Object.entries(entries).map(([name, content]) => [`${folder}/${name}`, content]))
  return zipFile({
    'a/data.pkl': pickle,
    ...named('a', more),
    ...named('a/data', storages),
    'a/version': '3\n',
  })
}

/** A pickle of protocol 2 from opcodes in Latin-1. */
export function pickleOf(...opcodes: string[]): Buffer {
  return Buffer.from(`\x80\x02${opcodes.join('')}.`, 'latin1')
}

/** The opcodes of a text in ASCII. */
export function textOf(content: string): string {
  return `X${String.fromCharCode(content.length)}\0\0\0${content}`
}

/** The opcodes of a whole number. */
export function numberOf(value: number | bigint): string {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(value))
  return `\x8a\x08${bytes.toString('latin1')}`
}

/** The opcodes of a tuple of whole numbers. */
export function tupleOf(values: readonly (number | bigint)[]): string {
  return `(${values.map(numberOf).join('')}t`
}

/** The opcodes of a dict of named values. */
export function dictOf(entries: Readonly<Record<string, string>>): string {
  return `}(${Object.entries(entries)
    .map(([name, value]) => textOf(name) + value)
    .join('')}u`
}

/** How the tensor of {@link tensorOf} differs from two float32 of the storage "0". */
export interface TensorChange {
  readonly type?: string
  readonly key?: string
  readonly count?: number | bigint
  readonly offset?: number | bigint
  readonly shape?: readonly (number | bigint)[]
  readonly strides?: readonly (number | bigint)[]
  readonly metadata?: string
}

/** The opcodes of a tensor. */
export function tensorOf(change: TensorChange = {}): string {
  const { type = 'FloatStorage', key = '0', count = 2, offset = 0, shape = [2], strides = [1] } = change
  const storage = `(${textOf('storage')}ctorch\n${type}\n${textOf(key)}${textOf('cpu')}${numberOf(count)}tQ`
  const layout = `${numberOf(offset)}${tupleOf(shape)}${tupleOf(strides)}`
  const hooks = '\x89ccollections\nOrderedDict\n)R'
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}${layout}${hooks}${change.metadata ?? ''}tR`
}
