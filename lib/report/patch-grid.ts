import { writeImage } from '../data/encode.ts'
import { checkImages } from '../images.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { checkInteger, checkOptionNames, invalid } from '../validate.ts'

/** How patches are laid out. */
export interface PatchGridOptions {
  /** Patches a row. Default: ⌈√N⌉. */
  readonly columns?: number
  /** White pixels between two patches. Default 2. */
  readonly gap?: number
}

/**
 * Patches side by side, row by row.
 *
 * @param patches N×H×W×3 or H×W×3 RGB bytes
 * @returns H×W×3
 * @throws DenseHybridError INVALID_ARGUMENT, EMPTY
 */
export function renderPatchGrid(
  patches: Tensor<Uint8Array>,
  options: PatchGridOptions = {},
): Tensor<Uint8Array> {
  checkOptionNames('renderPatchGrid', options, ['columns', 'gap'])
  const { data, shape } = checkImages(patches, 'patches')
  const [count, height, width] = shape
  const columns = checkInteger('columns', options.columns ?? Math.ceil(Math.sqrt(count)), 1)
  const gap = checkInteger('gap', options.gap ?? 2, 0)
  const rows = Math.ceil(count / columns)
  const size = [rows * (height + gap) - gap, columns * (width + gap) - gap, 3]
  const grid = new Uint8Array(size[0] * size[1] * 3).fill(255)
  const line = width * 3
  for (let i = 0; i < count * height; i++) {
    const [patch, y] = [Math.floor(i / height), i % height]
    const top = Math.floor(patch / columns) * (height + gap)
    const left = (patch % columns) * (width + gap)
    grid.set(data.subarray(i * line, (i + 1) * line), ((top + y) * size[1] + left) * 3)
  }
  return tensor(grid, size)
}

/**
 * Two sets of patches, one left and one right of a blank column, e.g. the samples of a flow from the same noise before and
 * after joint training.
 *
 * @param before N×H×W×3 RGB bytes
 * @param after the same number of patches of the same size
 * @returns H×W×3
 * @throws DenseHybridError INVALID_ARGUMENT, EMPTY
 */
export function renderBeforeAfter(before: Tensor<Uint8Array>, after: Tensor<Uint8Array>): Tensor<Uint8Array> {
  const { shape } = checkImages(before, 'before')
  const expected = shape.join('×')
  if (checkImages(after, 'after').shape.join('×') !== expected) {
    throw invalid('after.shape', expected, after.shape)
  }
  const [count, height, width] = shape
  const side = Math.ceil(Math.sqrt(count))
  const rows = Math.ceil(count / side)
  const columns = 2 * side + 1
  const length = height * width * 3
  const patches = new Uint8Array(rows * columns * length).fill(255)
  for (let i = 0; i < count; i++) {
    const slot = Math.floor(i / side) * columns + (i % side)
    const [from, to] = [i * length, (i + 1) * length]
    patches.set(before.data.subarray(from, to), slot * length)
    patches.set(after.data.subarray(from, to), (slot + side + 1) * length)
  }
  return renderPatchGrid(tensor(patches, [rows * columns, height, width, 3]), { columns })
}

/**
 * Writes patches side by side as a PNG, atomically.
 *
 * @throws DenseHybridError as `renderPatchGrid` and `writeImage`
 */
export async function writePatchGrid(
  path: string,
  patches: Tensor<Uint8Array>,
  options: PatchGridOptions & { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { signal, ...layout } = options
  await writeImage(path, renderPatchGrid(patches, layout), { signal })
}
