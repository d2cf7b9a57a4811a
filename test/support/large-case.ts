/** Generator of the reference case with millions of pixels: every value follows from its index, so nothing is stored. */

/** splitmix64 as two 32-bit halves: JavaScript has no fast 64-bit integers. */
class SplitMix64 {
  #stateHigh: number
  #stateLow: number
  /** The last draw. */
  high = 0
  low = 0

  constructor(seed: number) {
    this.#stateHigh = Math.floor(seed / 2 ** 32)
    this.#stateLow = seed >>> 0
  }

  /** state += 0x9E3779B97F4A7C15; three rounds of xor-shift and multiply; the draw is in `high` and `low`. */
  next(): void {
    const low = this.#stateLow + 0x7f4a7c15
    this.#stateHigh = (this.#stateHigh + 0x9e3779b9 + (low > 0xffffffff ? 1 : 0)) >>> 0
    this.#stateLow = low >>> 0
    this.high = this.#stateHigh
    this.low = this.#stateLow
    this.#shift(30)
    this.#multiply(0xbf58476d, 0x1ce4e5b9)
    this.#shift(27)
    this.#multiply(0x94d049bb, 0x133111eb)
    this.#shift(31)
  }

  #shift(bits: number): void {
    const low = ((this.low >>> bits) | (this.high << (32 - bits))) >>> 0
    this.low = (this.low ^ low) >>> 0
    this.high = (this.high ^ (this.high >>> bits)) >>> 0
  }

  /** Product modulo 2^64, by 16-bit parts of the low half. */
  #multiply(factorHigh: number, factorLow: number): void {
    const a = this.low & 0xffff
    const b = this.low >>> 16
    const c = factorLow & 0xffff
    const d = factorLow >>> 16
    const bottom = a * c
    const middle = a * d + b * c + (bottom >>> 16) // below 2^34: exact
    const carried = b * d + Math.floor(middle / 0x10000)
    const high = (carried + Math.imul(this.low, factorHigh) + Math.imul(this.high, factorLow)) % 2 ** 32
    this.low = (((middle & 0xffff) << 16) | (bottom & 0xffff)) >>> 0
    this.high = high >>> 0
  }
}

/** Consecutive pixels of the binary case. */
export interface BinaryPixels {
  /** 0 inlier, 1 anomaly, 255 ignore. */
  readonly labels: Uint8Array
  /** s · 2^−17: many equal scores. */
  readonly ties: Float32Array
  /** (32 s + random) · 2^−22: few equal scores. */
  readonly fine: Float32Array
}

/** Pixels 0 … n−1 of the binary case in pieces of `size`. */
export function* binaryPixels(seed: number, n: number, size: number): Generator<BinaryPixels> {
  const random = new SplitMix64(seed)
  for (let start = 0; start < n; start += size) {
    const length = Math.min(size, n - start)
    const labels = new Uint8Array(length)
    const ties = new Float32Array(length)
    const fine = new Float32Array(length)
    for (let i = 0; i < length; i++) {
      random.next()
      const u = random.high >>> 8
      const noise = random.low & 31
      random.next()
      const { high, low } = random
      labels[i] = u < 838_860 ? 255 : u < 1_174_405 ? 1 : 0
      const s = (low & 65535) + (low >>> 16) + (high & 65535) + (high >>> 16) + (labels[i] === 1 ? 52_000 : 0)
      ties[i] = s * 2 ** -17
      fine[i] = (32 * s + noise) * 2 ** -22
    }
    yield { labels, ties, fine }
  }
}

/** Consecutive pixels of the multi-class case: classes 0 … 18, target 19 = ignore. */
export interface ClassPixels {
  readonly target: Uint8Array
  readonly prediction: Uint8Array
}

/** Pixels 0 … n−1 of the multi-class case in pieces of `size`. */
export function* classPixels(seed: number, n: number, size: number): Generator<ClassPixels> {
  const random = new SplitMix64(seed)
  for (let start = 0; start < n; start += size) {
    const length = Math.min(size, n - start)
    const target = new Uint8Array(length)
    const prediction = new Uint8Array(length)
    for (let i = 0; i < length; i++) {
      random.next()
      const { high, low } = random
      const label = Math.floor((high * 20) / 2 ** 32)
      target[i] = label
      prediction[i] = ((low >>> 8) & 255) < 192 && label < 19 ? label : ((low & 255) * 19) >> 8
    }
    yield { target, prediction }
  }
}
