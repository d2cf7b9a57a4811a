/** The typed arrays a tensor can hold. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Int32Array
  | BigInt64Array

/**
 * A dense row-major array. Images are `Tensor<Uint8Array>` N×H×W×3 RGB, label maps `Tensor<Uint8Array>` N×H×W,
 * logits N×K×h×w, scores N×H×W float32.
 */
export interface Tensor<T extends TypedArray = Float32Array> {
  readonly data: T
  readonly shape: readonly number[]
}

/** Wraps `data` with its `shape`. */
export function tensor<T extends TypedArray>(data: T, shape: readonly number[]): Tensor<T> {
  return { data, shape }
}

/** Number of elements a shape holds. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1)
}
