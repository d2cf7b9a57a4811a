import { widenHalf } from '../../float16.ts'
import { mapSize, notAMap, type ScoreMapType, type StoredScoreMap, storedMap } from './map-values.ts'
import { parseSafetensors, type StoredTensor } from './safetensors.ts'

/** Names under which a file of several tensors may hold the score map. */
const NAMES = ['score', 'value']
const TYPES: Readonly<Record<string, ScoreMapType>> = {
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
}
const HINT = 'Expected a .safetensors file of one tensor H×W of type F16, BF16, F32 or F64.'

/**
 * A score map from the bytes of a .safetensors file: its only tensor, or the one named `score` or `value`; H×W, 1×H×W or
 * H×W×1.
 *
 * @throws DenseHybridError INVALID_FILE naming `path`
 */
export function readSafetensorsScores(path: string, bytes: Buffer): StoredScoreMap {
  const stored = choose(path, parseSafetensors(path, bytes))
  const type = Object.hasOwn(TYPES, stored.type) ? TYPES[stored.type] : undefined
  if (type === undefined) {
    throw notAMap(path, `its type is ${stored.type}; scores are floating-point numbers`, HINT)
  }
  const size = mapSize(stored.shape)
  if (size === undefined) throw notAMap(path, `its shape is ${stored.shape.join('×')}`, HINT)
  const { buffer } = stored.bytes()
  return storedMap(path, valuesOf(type, buffer), size, type)
}

function choose(path: string, tensors: readonly StoredTensor[]): StoredTensor {
  if (tensors.length === 1) return tensors[0]
  const named = tensors.filter(({ name }) => NAMES.includes(name))
  if (named.length === 1) return named[0]
  const names = tensors.map(({ name }) => name)
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '')
  const reason =
    names.length === 0
      ? 'it holds no tensor'
      : `it holds ${names.length} tensors (${shown}), not one named score or value`
  throw notAMap(path, reason, HINT)
}

function valuesOf(type: ScoreMapType, buffer: ArrayBuffer): Float32Array | Float64Array {
  if (type === 'float64') return new Float64Array(buffer)
  if (type === 'float32') return new Float32Array(buffer)
  const half = new Uint16Array(buffer)
  return type === 'float16' ? widenHalf(half) : widenBrain(half)
}

/** bfloat16 is the upper half of a float32. */
function widenBrain(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i] << 16
  return new Float32Array(wide.buffer)
}
