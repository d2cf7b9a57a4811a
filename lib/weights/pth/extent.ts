/** Where the elements of a tensor lie in its storage. */
export interface Layout {
  readonly shape: readonly number[]
  /** Elements between neighbours along each dimension. */
  readonly strides: readonly number[]
}

/** Number of elements; `undefined` where it, or that of a part, is not exact as a number. */
export function countElements(shape: readonly number[]): number | undefined {
  let count = 1
  for (const extent of shape) if (extent !== 0) count *= extent
  if (!Number.isSafeInteger(count)) return undefined
  return shape.includes(0) ? 0 : count
}

/** Number of elements of the storage from the first of a tensor to its last; may be beyond the exact numbers. */
export function spanOf({ shape, strides }: Layout): number {
  if (shape.includes(0)) return 0
  return shape.reduce((span, extent, i) => span + (extent - 1) * strides[i], 1)
}

/** Strides of a tensor whose elements lie in row-major order without gaps. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1)
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1] * Math.max(1, shape[i + 1])
  return strides
}

/** Dimensions of one element may have any stride. */
export function isRowMajor({ shape, strides }: Layout): boolean {
  const expected = rowMajor(shape)
  return shape.includes(0) || shape.every((extent, i) => extent === 1 || strides[i] === expected[i])
}

/**
 * The elements of a tensor in row-major order.
 *
 * @param bytes those from its first element to its last
 * @param size bytes of one element
 */
export function gather(
  bytes: Uint8Array<ArrayBuffer>,
  layout: Layout,
  size: number,
): Uint8Array<ArrayBuffer> {
  const { shape, strides } = layout
  const count = countElements(shape) ?? 0
  const gathered = new Uint8Array(count * size)
  const index = shape.map(() => 0)
  const elements = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[size as 1 | 2 | 4 | 8]
  const [from, to] = [new elements(bytes.buffer), new elements(gathered.buffer)]
  for (let i = 0, at = 0; i < count; i++) {
    to[i] = from[at]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]
      if (++index[axis] < shape[axis]) break
      at -= strides[axis] * shape[axis]
      index[axis] = 0
    }
  }
  return gathered
}
