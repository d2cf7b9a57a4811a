import { widenHalf } from '../../float16.ts'
import type { TypedArray } from '../../tensor.ts'

/** How one type of PyTorch's tensors is stored and read. */
interface DtypeLayout {
  /** As `torch.float32` is called in Python, without `torch.`. */
  readonly torch: string
  /** Bytes of one element. */
  readonly size: number
  /** The values of elements in the byte order of this machine. `bytes` begin at a multiple of `size`. */
  read(bytes: Uint8Array<ArrayBuffer>): TypedArray
}

/** The types that can be read, by the names that .safetensors files give them. */
export const DTYPES = {
  F64: { torch: 'float64', size: 8, read: (bytes) => viewAs(Float64Array, bytes) },
  F32: { torch: 'float32', size: 4, read: (bytes) => viewAs(Float32Array, bytes) },
  F16: { torch: 'float16', size: 2, read: (bytes) => widenHalf(viewAs(Uint16Array, bytes)) },
  BF16: { torch: 'bfloat16', size: 2, read: (bytes) => widenBrain(viewAs(Uint16Array, bytes)) },
  I64: { torch: 'int64', size: 8, read: (bytes) => viewAs(BigInt64Array, bytes) },
  I32: { torch: 'int32', size: 4, read: (bytes) => viewAs(Int32Array, bytes) },
  I16: { torch: 'int16', size: 2, read: (bytes) => viewAs(Int16Array, bytes) },
  U16: { torch: 'uint16', size: 2, read: (bytes) => viewAs(Uint16Array, bytes) },
  I8: { torch: 'int8', size: 1, read: (bytes) => viewAs(Int8Array, bytes) },
  U8: { torch: 'uint8', size: 1, read: (bytes) => bytes },
  BOOL: { torch: 'bool', size: 1, read: (bytes) => bytes },
} as const satisfies Record<string, DtypeLayout>

/** Type of a tensor's elements in a .pth file. */
export type PthDtype = keyof typeof DTYPES

/** torch.FloatStorage and its like, by the type of their elements in PyTorch; those of unsigned 16 bits have none. */
export const STORAGE_TYPES: Readonly<Record<string, string>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  ComplexDoubleStorage: 'complex128',
  ComplexFloatStorage: 'complex64',
  QUInt8Storage: 'quint8',
  QInt8Storage: 'qint8',
  QInt32Storage: 'qint32',
  QUInt4x2Storage: 'quint4x2',
  QUInt2x4Storage: 'quint2x4',
}

/** The types of PyTorch that are known but not read; a tensor of them is refused only where it is wanted. */
export const OTHER_DTYPES: readonly string[] = [
  'uint32',
  'uint64',
  'complex32',
  'complex64',
  'complex128',
  'float8_e4m3fn',
  'float8_e4m3fnuz',
  'float8_e5m2',
  'float8_e5m2fnuz',
  'float8_e8m0fnu',
  'quint8',
  'qint8',
  'qint32',
  'quint4x2',
  'quint2x4',
]

const BY_TORCH_NAME = new Map(
  Object.entries(DTYPES).map(([name, { torch }]) => [torch as string, name as PthDtype]),
)

/** The type that PyTorch calls `torch.<name>`; `undefined` for one that is not read. */
export function dtypeOf(torchName: string): PthDtype | undefined {
  return BY_TORCH_NAME.get(torchName)
}

function viewAs<T>(
  arrayType: { new (buffer: ArrayBuffer, offset: number, length: number): T; BYTES_PER_ELEMENT: number },
  bytes: Uint8Array<ArrayBuffer>,
): T {
  return new arrayType(bytes.buffer, bytes.byteOffset, bytes.byteLength / arrayType.BYTES_PER_ELEMENT)
}

/** bfloat16 is the upper half of a float32. */
function widenBrain(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i] << 16
  return new Float32Array(wide.buffer)
}
