import { DenseHybridError } from '../errors.ts'
import { elementCount, type Tensor, type TypedArray } from '../tensor.ts'
import { invalid } from '../validate.ts'

/** Values of one or more images: a plain array in row-major order, or a tensor. */
export type Pixels<T extends TypedArray> = T | Tensor<T>

/** Arrays that class labels can come in. */
export type LabelArray = Uint8Array | Int8Array | Uint16Array | Int16Array | Int32Array

/** Constructors of {@link LabelArray}. */
export const LABEL_ARRAYS = [Uint8Array, Int8Array, Uint16Array, Int16Array, Int32Array] as const

/** Checked pixels: the values, and the shape where one was given. */
export interface CheckedPixels<T extends TypedArray> {
  readonly data: T
  readonly shape?: readonly number[]
}

/**
 * Takes an array or a tensor of one of the `types`.
 *
 * @throws INVALID_ARGUMENT naming `name` for another type, or a shape that does not fit the data
 */
export function checkPixels<T extends TypedArray>(
  name: string,
  value: Pixels<T>,
  types: readonly { new (length: number): T; readonly name: string }[],
): CheckedPixels<T> {
  const isType = (data: unknown): data is T => types.some((type) => data instanceof type)
  const expected = types.map((type) => type.name).join(' or ')
  if (isType(value)) return { data: value }
  const candidate = value as Tensor<T> | null | undefined
  if (ArrayBuffer.isView(value) || candidate === null || !Array.isArray(candidate?.shape)) {
    throw invalid(name, `${expected} or a tensor { data, shape } of it`, value)
  }
  if (!isType(candidate.data)) throw invalid(`${name}.data`, expected, candidate.data)
  if (elementCount(candidate.shape) !== candidate.data.length) {
    const count = elementCount(candidate.shape)
    throw invalid(
      `${name}.data`,
      `${count} values (its shape is ${candidate.shape.join('×')})`,
      candidate.data,
    )
  }
  return candidate
}

/**
 * Checks that two sets of pixels have one size; leading extents of 1 (N = 1) do not matter.
 *
 * @throws INVALID_ARGUMENT naming both and the image
 */
export function checkSameSize(
  name: string,
  pixels: CheckedPixels<TypedArray>,
  otherName: string,
  other: CheckedPixels<TypedArray>,
  image: string,
): void {
  const shapesAgree = !pixels.shape || !other.shape || sizeText(pixels.shape) === sizeText(other.shape)
  if (pixels.data.length === other.data.length && shapesAgree) return
  const text = ({ data, shape }: CheckedPixels<TypedArray>) =>
    shape ? shape.join('×') : `${data.length} values`
  throw new DenseHybridError(
    'INVALID_ARGUMENT',
    `Sizes differ in ${image}: ${name} has ${text(pixels)}, ${otherName} has ${text(other)}.`,
    { hint: 'Both must be at the same resolution; resize labels with the nearest neighbour.' },
  )
}

/** How an image is called in messages: its name, or its number where it has none. */
export function imageText(imageName: string | undefined, index: number): string {
  return imageName === undefined ? `image number ${index}` : `image ${JSON.stringify(imageName)}`
}

function sizeText(shape: readonly number[]): string {
  const first = shape.findIndex((extent) => extent !== 1)
  return shape.slice(first < 0 ? shape.length : first).join('×')
}
