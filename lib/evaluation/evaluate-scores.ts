import { DenseHybridError } from '../errors.ts'
import type { ScoreName } from '../scores.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { invalid } from '../validate.ts'
import { readClassMap } from './readers/class-map.ts'
import { applyLabelMapping, type LabelMapping } from './readers/label-mapping.ts'
import type { StoredScoreMap } from './readers/map-values.ts'
import { readStoredScoreMap } from './readers/score-map.ts'
import { resizeBilinear } from './resize-maps.ts'
import { checkScoreFolders, type ScoreFolders } from './score-folder-options.ts'
import { type MatchedFiles, matchFolders, type Ranges, readRanges } from './score-folders.ts'
import type { ScoredImages } from './scored-image.ts'

export type { ScoreFolders } from './score-folder-options.ts'

/**
 * Score maps of earlier runs with their labels, for `evaluateImages` and `calibrateImages`; with `predictions` also for
 * mIoU and open-mIoU.
 *
 * Names of score maps and label maps are equal but for the extension, or for endings that benchmarks use
 * (`<id>.hdf5` and `<id>_labels_semantic.png`, `<id>_anomaly.npy` and `<id>_labels.png`, `…_gtFine_labelIds.png`).
 *
 * @returns images, and the scores that the folder holds
 * @throws DenseHybridError INVALID_ARGUMENT; NOT_FOUND naming the missing folder or files; EMPTY; while reading also
 * INVALID_FILE where maps of an image differ in size, or a label or prediction is out of range
 */
export async function openScores(
  folders: ScoreFolders,
): Promise<{ images: ScoredImages; detectors: ScoreName[] }> {
  const { classNames, mapping } = await checkScoreFolders(folders)
  const { scores, labels, predictions, partial = false } = folders
  const files = await matchFolders({ scores, labels, predictions, partial })
  const reader = new ImageReader(files, await readRanges(scores), folders, mapping, classNames.length)
  const images: ScoredImages = {
    name: `${scores} with ${labels}`,
    classes: predictions === undefined ? [] : classNames,
    length: files.names.length,
    async pixelsPerImage() {
      return (await readClassMap(files.labels.get(files.names[0])!)).data.length
    },
    async *read(names, signal) {
      for (const image of files.names) yield await reader.read(image, names, signal)
    },
  }
  return { images, detectors: [...files.scores.keys()] }
}

/** Reads the maps of one image and brings them together. */
class ImageReader {
  readonly #files: MatchedFiles
  readonly #ranges: Ranges
  readonly #resize: boolean
  readonly #mapping: LabelMapping
  readonly #classes: number
  /** The first map of each score that was read. */
  readonly #first = new Map<ScoreName, { path: string; type: StoredScoreMap['type'] }>()

  constructor(
    files: MatchedFiles,
    ranges: Ranges,
    { resizeScores }: ScoreFolders,
    mapping: LabelMapping,
    classes: number,
  ) {
    this.#files = files
    this.#ranges = ranges
    this.#resize = resizeScores === 'bilinear'
    this.#mapping = mapping
    this.#classes = classes
  }

  async read(image: string, names: readonly ScoreName[], signal: AbortSignal | undefined) {
    const labelPath = this.#files.labels.get(image)!
    const truth = await readClassMap(labelPath, { signal })
    const labels = applyLabelMapping(this.#mapping, truth.data, labelPath)
    const scores: Record<string, Float32Array> = {}
    for (const score of names) {
      scores[score] = (await this.#readScore(score, image, truth, labelPath, signal)).data
    }
    const predictionPath = this.#files.predictions?.get(image)
    const size = [truth.shape[0], truth.shape[1]] as const
    if (predictionPath === undefined) return { id: image, size, labels, scores }
    const closed = await readClassMap(predictionPath, { signal })
    if (closed.shape.join() !== truth.shape.join()) {
      throw sizeError(labelPath, truth, 'prediction', closed, 'Predictions must have the size of the label.')
    }
    checkPrediction(predictionPath, closed.data, this.#classes)
    return { id: image, size, labels, closed: closed.data, scores }
  }

  async #readScore(
    score: ScoreName,
    image: string,
    truth: Tensor<Uint8Array>,
    labelPath: string,
    signal: AbortSignal | undefined,
  ): Promise<Tensor> {
    const files = this.#files.scores.get(score)
    if (files === undefined) {
      const held = [...this.#files.scores.keys()].join(', ')
      throw invalid('detectors', `scores that the folder holds (${held})`, score)
    }
    const path = files.get(image)!
    const range = this.#ranges[score]
    const { map, type } = await readStoredScoreMap(path, { range, signal })
    if (range === undefined) this.#checkGrey(score, path, type)
    if (map.shape.join() === truth.shape.join()) return map
    if (!this.#resize) {
      const hint =
        'Score maps must have the size of the label. Re-run `score` without --max-side, or pass --resize-scores.'
      throw sizeError(labelPath, truth, 'score map', map, hint)
    }
    const size = ({ shape }: { shape: readonly number[] }) => [shape[0], shape[1]] as const
    return tensor(resizeBilinear(map.data, size(map), size(truth)), truth.shape)
  }

  /** Grey values of 8 and 16 bit are on different scales where no range says what they stand for. */
  #checkGrey(score: ScoreName, path: string, type: StoredScoreMap['type']): void {
    const first = this.#first.get(score) ?? { path, type }
    this.#first.set(score, first)
    if (type === first.type || !type.startsWith('grey')) return
    throw new DenseHybridError(
      'INVALID_FILE',
      `${first.path} is a PNG of ${first.type.slice(4)} bit but ${path} is one of ${type.slice(4)} bit.`,
      {
        hint: 'Without scores.json grey values are the scores: write all maps with the same number of bits.',
      },
    )
  }
}

function checkPrediction(path: string, closed: Uint8Array, classes: number): void {
  const first = closed.find((label) => label >= classes)
  if (first === undefined) return
  const count = closed.reduce((sum, label) => sum + (label >= classes ? 1 : 0), 0)
  throw new DenseHybridError(
    'INVALID_FILE',
    `${path} is no closed-set prediction of ${classes} classes: ${count} of ${closed.length} pixels are ${classes} or more (first: ${first}).`,
    {
      hint:
        'The labels that `densehybrid score` writes mark unknown pixels with K: score once more with ' +
        '--threshold none for closed-set labels, or give the right number of classes.',
    },
  )
}

function sizeError(
  labelPath: string,
  label: { readonly shape: readonly number[] },
  what: string,
  other: { readonly shape: readonly number[] },
  hint: string,
): DenseHybridError {
  const size = ({ shape: [height, width] }: { readonly shape: readonly number[] }) => `${width}×${height}`
  return new DenseHybridError(
    'INVALID_FILE',
    `${labelPath} is ${size(label)} but its ${what} is ${size(other)}.`,
    { hint },
  )
}
