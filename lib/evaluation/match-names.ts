import { DenseHybridError } from '../errors.ts'

/** Ends of the names of score maps, before the extension: Fishyscapes' own, and those of the images. */
const SCORE_SUFFIXES = ['', '_anomaly', '_leftImg8bit', '_rgb'] as const

/** Ends of the names of closed-set predictions, before the extension. */
const PREDICTION_SUFFIXES = ['', '_segmentation', '_leftImg8bit', '_rgb'] as const

/** Ends of the names of label maps in benchmarks, before the extension. */
const LABEL_SUFFIXES = [
  '',
  '_labels_semantic',
  '_labels',
  '_ood_segmentation',
  '_gtFine_labelIds',
  '_gtFine_labelTrainIds',
  '_gtCoarse_labelIds',
  '_gtCoarse_labelTrainIds',
  '_train_id',
  '_segmentation',
] as const

/** Missing files that a message names. */
const SHOWN = 5

/** Files of one kind by stem, and the folder they lie in. */
export interface NamedFiles {
  readonly folder: string
  readonly files: ReadonlyMap<string, string>
}

/** Ends of the names of score maps and of the label maps that belong to them. */
export interface Naming {
  readonly scoreSuffix: string
  readonly labelSuffix: string
}

/**
 * How names of score maps and label maps correspond: equal where that pairs all score maps, otherwise by the known suffixes
 * that pair the most of them, for the whole folder at once. Files without the suffix that was found (such as coloured
 * copies of the labels) take no part.
 */
export function findNaming(scores: Iterable<string>, labels: Iterable<string>): Naming {
  const scoreStems = [...scores]
  const labelStems = new Set(labels)
  let best = { scoreSuffix: '', labelSuffix: '', pairs: countPairs(scoreStems, labelStems, '', '') }
  if (best.pairs === scoreStems.length) return best
  for (const scoreSuffix of SCORE_SUFFIXES) {
    for (const labelSuffix of LABEL_SUFFIXES) {
      const pairs = countPairs(scoreStems, labelStems, scoreSuffix, labelSuffix)
      if (pairs > best.pairs) best = { scoreSuffix, labelSuffix, pairs }
    }
  }
  return best
}

/** The end of predictions' names that pairs the most of them with images. */
export function findPredictionSuffix(predictions: Iterable<string>, images: Iterable<string>): string {
  const stems = [...predictions]
  const names = new Set(images)
  const pairs = PREDICTION_SUFFIXES.map((suffix) => countPairs(stems, names, suffix, ''))
  return PREDICTION_SUFFIXES[pairs.indexOf(Math.max(...pairs))]
}

/** Files whose stem ends with `suffix`, by the stem without it. */
export function withoutSuffix(files: ReadonlyMap<string, string>, suffix: string): Map<string, string> {
  const named = new Map<string, string>()
  for (const [stem, path] of files) {
    if (stem.endsWith(suffix)) named.set(stem.slice(0, stem.length - suffix.length), path)
  }
  return named
}

/**
 * Score files by the image's name. Files without the ending that the others have keep their whole name, so that they are
 * missed with their label maps rather than passed over; only Fishyscapes' segmentations are known to be something else.
 *
 * @throws DenseHybridError INVALID_FILE naming two files of one image
 */
export function scoreFilesByImage(files: ReadonlyMap<string, string>, suffix: string): Map<string, string> {
  const named = withoutSuffix(files, suffix)
  for (const [stem, path] of files) {
    if (stem.endsWith(suffix) || (suffix === '_anomaly' && stem.endsWith('_segmentation'))) continue
    const other = named.get(stem)
    if (other !== undefined) {
      throw new DenseHybridError('INVALID_FILE', `${other} and ${path} are score maps of one image.`, {
        hint: 'Keep one of them, or put the maps of every score in a folder of their own.',
      })
    }
    named.set(stem, path)
  }
  return named
}

/**
 * Checks that every image has a file.
 *
 * @param what the kind of file, e.g. "label map"
 * @param fileOf the path at which an image's file is expected
 * @throws DenseHybridError NOT_FOUND naming the first files that are missing, and how many there are
 */
export function checkNoneMissing(
  what: string,
  images: Iterable<string>,
  files: ReadonlyMap<string, string>,
  fileOf: (image: string) => string,
  hint: string,
): void {
  const all = [...images]
  const missing = all.filter((image) => !files.has(image))
  if (missing.length === 0) return
  if (missing.length === 1) {
    throw new DenseHybridError('NOT_FOUND', `${fileOf(missing[0])} does not exist.`, { hint })
  }
  const shown = missing.slice(0, SHOWN).map(fileOf).join(', ')
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : ''
  throw new DenseHybridError(
    'NOT_FOUND',
    `${missing.length} of ${all.length} images have no ${what}: ${shown}${more} do not exist.`,
    { hint },
  )
}

function countPairs(
  stems: readonly string[],
  others: ReadonlySet<string>,
  suffix: string,
  otherSuffix: string,
): number {
  return stems.filter(
    (stem) => stem.endsWith(suffix) && others.has(stem.slice(0, stem.length - suffix.length) + otherSuffix),
  ).length
}
