import {
  PickleDict,
  PickleGlobal,
  PickleStorage,
  PickleTensor,
  PickleTuple,
  type PickleValue,
} from './pickle-values.ts'

/** Dimensions that PyTorch allows. */
const MAX_RANK = 64

/**
 * The tensor that a call of `torch._utils._rebuild_tensor_v2` or `_v3` makes; `undefined` where PyTorch would not call it so.
 *
 * @param args storage, offset, shape, strides, whether it needs a gradient, hooks, type (version 3 only), metadata (may be
 * absent)
 */
export function checkedTensor(version: 2 | 3, args: readonly PickleValue[]): PickleTensor | undefined {
  const [storage, offset, shape, strides, , , ...rest] = args
  const type = version === 3 ? rest.shift() : undefined
  const [metadata, ...more] = rest
  if (args.length < (version === 3 ? 7 : 6) || more.length > 0 || !isPlain(metadata)) return undefined
  if (!(storage instanceof PickleStorage) || !isCount(offset)) return undefined
  if (!isCounts(shape) || !isCounts(strides) || shape.items.length !== strides.items.length) return undefined
  const dtype = version === 3 ? typeName(type) : storage.dtype
  if (dtype === undefined) return undefined
  return new PickleTensor({ storage, dtype, offset, shape: shape.items, strides: strides.items })
}

/** Metadata say that the values are to be negated or conjugated. */
function isPlain(metadata: PickleValue | undefined): boolean {
  if (metadata === undefined || metadata === null) return true
  return metadata instanceof PickleDict && [...metadata.entries.values()].every((value) => value === false)
}

function typeName(type: PickleValue | undefined): string | undefined {
  return type instanceof PickleGlobal && type.meaning.kind === 'dtype' ? type.meaning.dtype : undefined
}

function isCounts(value: PickleValue | undefined): value is PickleTuple & { items: readonly number[] } {
  return value instanceof PickleTuple && value.items.length <= MAX_RANK && value.items.every(isCount)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
