import { Opcode } from './opcodes.ts'

/** One tensor of a state dict, row-major, alone in its storage. */
export interface PickledTensor {
  readonly name: string
  /** The class of its storage in Python's module torch, or the type of its elements where there is no such class. */
  readonly type: { readonly storage: string } | { readonly dtype: string }
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  /** Name of its entry in the folder `data`. */
  readonly key: string
  /** Number of elements. */
  readonly count: number
  /** Bytes. */
  readonly size: number
}

/** The pickle (protocol 2) of an OrderedDict of tensors, as torch.save writes it but without memo. */
export function pickleStateDict(tensors: readonly PickledTensor[]): Buffer {
  return Buffer.concat([
    opcode('PROTO', [2]),
    ORDERED_DICT,
    opcode('MARK'),
    ...tensors.flatMap((tensor) => [text(tensor.name), pickled(tensor)]),
    opcode('SETITEMS'),
    opcode('STOP'),
  ])
}

function pickled({ type, shape, strides, key, count, size }: PickledTensor): Buffer {
  const isTyped = 'storage' in type
  const storage = isTyped ? global('torch', type.storage) : global('torch.storage', 'UntypedStorage')
  return Buffer.concat([
    global('torch._utils', isTyped ? '_rebuild_tensor_v2' : '_rebuild_tensor_v3'),
    opcode('MARK'),
    tuple([text('storage'), storage, text(key), text('cpu'), wholeNumber(isTyped ? count : size)]),
    opcode('BINPERSID'),
    wholeNumber(0),
    tuple(shape.map(wholeNumber)),
    tuple(strides.map(wholeNumber)),
    opcode('NEWFALSE'),
    ORDERED_DICT,
    ...(isTyped ? [] : [global('torch', type.dtype)]),
    opcode('TUPLE'),
    opcode('REDUCE'),
  ])
}

function opcode(name: keyof typeof Opcode, argument: readonly number[] = []): Buffer {
  return Buffer.from([Opcode[name], ...argument])
}

function global(module: string, name: string): Buffer {
  return Buffer.concat([opcode('GLOBAL'), Buffer.from(`${module}\n${name}\n`)])
}

function tuple(items: readonly Buffer[]): Buffer {
  return Buffer.concat([opcode('MARK'), ...items, opcode('TUPLE')])
}

function text(content: string): Buffer {
  const bytes = Buffer.from(content)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([opcode('BINUNICODE'), length, bytes])
}

/** From 0 to the largest exact number. */
function wholeNumber(value: number): Buffer {
  if (value < 2 ** 8) return opcode('BININT1', [value])
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(value))
  return value < 2 ** 31
    ? Buffer.concat([opcode('BININT'), bytes.subarray(0, 4)])
    : Buffer.concat([opcode('LONG1', [8]), bytes])
}

const ORDERED_DICT = Buffer.concat([
  global('collections', 'OrderedDict'),
  opcode('EMPTY_TUPLE'),
  opcode('REDUCE'),
])
