/** Bytes of score map files, made without the package's own writers. */

/** An .npy file of version 1.0. `descriptor` is numpy's, e.g. "<f4". */
export function npyFile(
  descriptor: string,
  shape: readonly number[],
  content: Uint8Array,
  fortranOrder = false,
): Buffer {
  const order = fortranOrder ? 'True' : 'False'
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const header = `{'descr': '${descriptor}', 'fortran_order': ${order}, 'shape': (${extents}), }`
  const text = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n'
  const start = Buffer.from('\x93NUMPY\x01\x00\0\0', 'latin1')
  start.writeUInt16LE(text.length, 8)
  return Buffer.concat([start, Buffer.from(text), content])
}

/** A .safetensors file. Offsets follow from the contents unless an entry gives its own. */
export function safetensorsFile(
  tensors: Readonly<
    Record<string, { dtype: string; shape: readonly number[]; content: Uint8Array; offsets?: number[] }>
  >,
): Buffer {
  let at = 0
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, content, offsets }]) => {
      const own = [at, (at += content.length)]
      return [name, { dtype, shape, data_offsets: offsets ?? own }]
    }),
  )
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, ...Object.values(tensors).map(({ content }) => content)])
}

/** The memory of a typed array. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
