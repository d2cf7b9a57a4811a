import { DenseHybridError } from './errors.ts'
import { elementCount, type Tensor, type TypedArray } from './tensor.ts'

/** How a value is shown in an error message: short, with its type. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'undefined'
  if (typeof value === 'string') return `${JSON.stringify(value)} of type string`
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') {
    return `${value} of type ${typeof value}`
  }
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${(value as Uint8Array).length})`
  if (Array.isArray(value)) return `[${value.map(String).join(', ')}] of type array`
  return typeof value === 'object' ? `an object of type ${value.constructor?.name ?? 'Object'}` : typeof value
}

/** The one message form of the package: "Expected X for Y but received Z of type T". */
export function invalid(name: string, expected: string, received: unknown, hint?: string): DenseHybridError {
  return new DenseHybridError(
    'INVALID_ARGUMENT',
    `Expected ${expected} for ${name} but received ${describe(received)}.`,
    hint === undefined ? {} : { hint },
  )
}

/** Checks a whole number in [min, max] and returns it. */
export function checkInteger(
  name: string,
  value: unknown,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `from ${min} to ${max}`
    throw invalid(name, `a whole number ${range}`, value)
  }
  return value
}

/** Checks a finite number in [min, max] and returns it. */
export function checkNumber(name: string, value: unknown, min = -Infinity, max = Infinity): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min || value > max) {
    const bounded = Number.isFinite(min) || Number.isFinite(max)
    throw invalid(name, bounded ? `a finite number from ${min} to ${max}` : 'a finite number', value)
  }
  return value
}

/** Checks that `value` is one of `options`; the error lists them and names the nearest. */
export function checkOneOf<T extends string>(name: string, value: unknown, options: readonly T[]): T {
  if (typeof value === 'string' && (options as readonly string[]).includes(value)) return value as T
  const near = typeof value === 'string' ? nearest(value, options) : undefined
  throw invalid(
    name,
    `one of ${options.join(', ')}`,
    value,
    near === undefined ? undefined : `Did you mean ${near}?`,
  )
}

/** Checks a tensor: typed array class, rank, and that data and shape agree. */
export function checkTensor<T extends TypedArray>(
  name: string,
  value: unknown,
  arrayType: { new (length: number): T; readonly name: string },
  rank: number | readonly number[],
): Tensor<T> {
  const ranks = typeof rank === 'number' ? [rank] : rank
  const candidate = value as Tensor<T> | null | undefined
  if (typeof candidate !== 'object' || candidate === null || !Array.isArray(candidate.shape)) {
    throw invalid(name, 'a tensor { data, shape }', value)
  }
  if (!(candidate.data instanceof arrayType)) throw invalid(`${name}.data`, arrayType.name, candidate.data)
  if (!ranks.includes(candidate.shape.length) || candidate.shape.some((e) => !Number.isInteger(e) || e < 0)) {
    throw invalid(`${name}.shape`, `${ranks.join(' or ')} dimensions`, candidate.shape)
  }
  if (elementCount(candidate.shape) !== candidate.data.length) {
    throw invalid(
      `${name}.data`,
      `${elementCount(candidate.shape)} values (its shape is ${candidate.shape.join('×')})`,
      candidate.data,
    )
  }
  return candidate
}

/** Rejects option names that are not known, naming the nearest known one. */
export function checkOptionNames(name: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    throw new DenseHybridError('INVALID_ARGUMENT', `Unknown option ${JSON.stringify(key)} for ${name}.`, {
      hint: near === undefined ? `Known options: ${known.join(', ')}.` : `Did you mean ${near}?`,
    })
  }
}

/** The candidate with the smallest edit distance, when it is near enough to be a slip of the finger. */
export function nearest<T extends string>(word: string, candidates: readonly T[]): T | undefined {
  let best: T | undefined
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(substitution, previous[j] + 1, current[j - 1] + 1))
    }
    previous = current
  }
  return previous[b.length]
}
