const PAIRS = 1 << 16

/** Counts pairs of bytes. The counters are kept from image to image: to allocate them anew takes as long as to count. */
export class BytePairs {
  #counts = new Uint32Array(0)
  /** For every other pixel: the same counter twice in a row would make the second wait for the first. */
  #others = new Uint32Array(0)

  /**
   * How often each pair occurs, at index first · 256 + second. The next call overwrites it.
   *
   * @param second as long as `first`
   */
  count(first: Uint8Array, second: Uint8Array): Uint32Array {
    if (this.#counts.length === 0) {
      this.#counts = new Uint32Array(PAIRS)
      this.#others = new Uint32Array(PAIRS)
    }
    const counts = this.#counts.fill(0)
    const others = this.#others.fill(0)
    // Four pixels at a time, where words can be read.
    const words = first.byteOffset % 4 === 0 && second.byteOffset % 4 === 0 ? first.length >> 2 : 0
    if (words > 0) {
      const firstWords = new Uint32Array(first.buffer, first.byteOffset, words)
      const secondWords = new Uint32Array(second.buffer, second.byteOffset, words)
      for (let i = 0; i < words; i++) {
        const a = firstWords[i]
        const b = secondWords[i]
        counts[((a & 255) << 8) | (b & 255)]++
        others[(a & 0xff00) | ((b >>> 8) & 255)]++
        counts[((a >>> 8) & 0xff00) | ((b >>> 16) & 255)]++
        others[((a >>> 16) & 0xff00) | (b >>> 24)]++
      }
    }
    for (let i = 4 * words; i < first.length; i++) counts[(first[i] << 8) | second[i]]++
    for (let pair = 0; pair < PAIRS; pair++) counts[pair] += others[pair]
    return counts
  }
}
