import { DenseHybridError } from '../errors.ts'
import { invalid } from '../validate.ts'
import { checkPixels, checkSameSize, imageText, type Pixels } from './pixels.ts'
import { bitsOfScores, isNonFiniteBits, keyFromBits, sortKeys } from './score-keys.ts'

/** How often each bin of scores occurs; bins ascending, each at least once. A bin is a key less its lowest bits. */
export interface BinRuns {
  readonly bins: Int32Array
  readonly counts: Float64Array
}

/** The scores of one image in bins. */
export interface ImageRecord {
  /** Of anomaly pixels. */
  readonly positives: BinRuns
  /** Of inlier pixels. */
  readonly negatives: BinRuns
}

/** {@link ImageRecord} as JSON: bins int32 and counts float64, base64, little-endian. */
export interface ImageRecordJson {
  readonly name: string
  readonly positives: { readonly bins: string; readonly counts: string }
  readonly negatives: { readonly bins: string; readonly counts: string }
}

/**
 * Counts the scores of one image in bins of keys that share their highest `bits` bits.
 *
 * @throws INVALID_ARGUMENT for another type or differing sizes; NON_FINITE for NaN or infinity under valid pixels
 */
export function recordOf(
  scores: Pixels<Float32Array>,
  target: Pixels<Uint8Array>,
  bits: number,
  imageName: string,
): ImageRecord {
  const image = imageText(imageName, 0)
  const checkedScores = checkPixels('scores', scores, [Float32Array])
  const checkedTarget = checkPixels('target', target, [Uint8Array])
  checkSameSize('scores', checkedScores, 'target', checkedTarget, image)
  const scoreBits = bitsOfScores(checkedScores.data)
  const labels = checkedTarget.data
  const counts = [0, 0]
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] > 1) continue
    if (isNonFiniteBits(scoreBits[i])) throw nonFiniteError(checkedScores.data[i], i, image)
    counts[labels[i]]++
  }
  const [negatives, positives] = counts.map((count) => new Int32Array(count))
  const dropped = 32 - bits
  let n = 0
  let p = 0
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]
    if (label > 1) continue
    const bin = keyFromBits(scoreBits[i]) >> dropped
    if (label === 1) positives[p++] = bin
    else negatives[n++] = bin
  }
  return { positives: runsOf(sortKeys(positives)), negatives: runsOf(sortKeys(negatives)) }
}

/** Number of pixels in the runs. */
export function countOf({ counts }: BinRuns): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/** A record as JSON. */
export function recordToJson(name: string, { positives, negatives }: ImageRecord): ImageRecordJson {
  const pack = ({ bins, counts }: BinRuns) => ({ bins: toBase64(bins), counts: toBase64(counts) })
  return { name, positives: pack(positives), negatives: pack(negatives) }
}

/** @throws INVALID_ARGUMENT naming the field of `json` that is not what {@link recordToJson} writes */
export function recordFromJson(name: string, json: ImageRecordJson, bits: number): ImageRecord {
  const unpack = (kind: 'positives' | 'negatives'): BinRuns => {
    const bins = new Int32Array(fromBase64(`${name}.${kind}.bins`, json?.[kind]?.bins, 4))
    const counts = new Float64Array(fromBase64(`${name}.${kind}.counts`, json?.[kind]?.counts, 8))
    const lowest = -(2 ** (bits - 1))
    const inOrder = bins.every((bin, i) => bin < -lowest && bin >= lowest && (i === 0 || bin > bins[i - 1]))
    if (
      bins.length !== counts.length ||
      !inOrder ||
      !counts.every((c) => Number.isSafeInteger(c) && c >= 1)
    ) {
      throw new DenseHybridError(
        'INVALID_ARGUMENT',
        `${name}.${kind} is damaged: expected bins of ${bits} bits in ascending order, each counted at least once.`,
        { hint: 'Was the JSON edited or cut? Write it again with toJSON().' },
      )
    }
    return { bins, counts }
  }
  return { positives: unpack('positives'), negatives: unpack('negatives') }
}

/** Run lengths of ascending bins. */
function runsOf(sorted: Int32Array): BinRuns {
  let length = 0
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) length++
  const bins = new Int32Array(length)
  const counts = new Float64Array(length)
  let run = -1
  for (let i = 0; i < sorted.length; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) bins[++run] = sorted[i]
    counts[run]++
  }
  return { bins, counts }
}

function toBase64(values: Int32Array | Float64Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')
}

function fromBase64(name: string, value: unknown, itemBytes: number): ArrayBuffer {
  if (typeof value !== 'string') throw invalid(name, 'a base64 string', value)
  const bytes = Buffer.from(value, 'base64')
  if (bytes.length % itemBytes !== 0) throw invalid(name, `base64 of ${itemBytes}-byte numbers`, value.length)
  return new Uint8Array(bytes).buffer
}

function nonFiniteError(score: number, index: number, image: string): DenseHybridError {
  return new DenseHybridError(
    'NON_FINITE',
    `The score of pixel ${index} in ${image} is ${score}: expected a finite number.`,
    { hint: 'NaN is allowed under ignored pixels only.' },
  )
}
