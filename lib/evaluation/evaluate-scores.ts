import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { filesByStem } from '../data/datasets/list-files.ts'
import { readLabelMap } from '../data/decode.ts'
import { readJson } from '../data/read-bytes.ts'
import { DenseHybridError } from '../errors.ts'
import { SCORE_NAMES, type ScoreName } from '../scores.ts'
import { checkInteger, checkOptionNames, invalid } from '../validate.ts'
import { readScoreMap, SCORE_MAP_EXTENSIONS } from './readers/score-map.ts'
import type { ScoredImages } from './scored-image.ts'

/** Score maps and labels on disk. */
export interface ScoreFolders {
  /** What `Scorer` wrote (`<scores>/hybrid/…`, `scores.json`), or a folder of score maps: taken as `hybrid`. */
  readonly scores: string
  /** Label maps: PNG files with the names of the score maps. */
  readonly labels: string
  /**
   * K: labels below it are known, K and UNKNOWN_LABEL are anomalies. Without it the labels are masks: 0 inlier,
   * 1 anomaly.
   */
  readonly classes?: number
  /** Label value of pixels that do not count. Default 255. */
  readonly ignore?: number
}

/**
 * Score maps of earlier runs with their labels, for `evaluateImages` and `calibrateImages`. Closed-set predictions are
 * not among them, so that there is no mIoU.
 *
 * @returns images, and the scores that the folder holds
 * @throws DenseHybridError INVALID_ARGUMENT; NOT_FOUND naming the missing folder or label map; EMPTY; while reading
 * also INVALID_FILE where a score map and its label map differ in size
 */
export async function openScores(
  folders: ScoreFolders,
): Promise<{ images: ScoredImages; detectors: ScoreName[] }> {
  checkOptionNames('openScores', folders, ['scores', 'labels', 'classes', 'ignore'])
  for (const name of ['scores', 'labels'] as const) {
    if (typeof folders[name] !== 'string' || folders[name] === '')
      throw invalid(name, 'a folder', folders[name])
  }
  const table = labelTable(folders)
  const maps = await scoreMaps(folders.scores)
  const labels = await filesByStem(folders.labels, { extensions: ['.png'] })
  const detectors = [...maps.keys()]
  const stems = [...maps.get(detectors[0])!.keys()]
  checkComplete(folders, maps, labels, stems)
  const ranges = await readRanges(folders.scores)
  const images: ScoredImages = {
    name: `${folders.scores} with ${folders.labels}`,
    classes: [],
    length: stems.length,
    async pixelsPerImage() {
      return (await readLabelMap(labels.get(stems[0])!)).data.length
    },
    async *read(scores, signal) {
      for (const stem of stems) {
        const path = labels.get(stem)!
        const truth = await readLabelMap(path)
        const read: Record<string, Float32Array> = {}
        for (const score of scores) {
          const file = maps.get(score)!.get(stem)!
          const map = await readScoreMap(file, { range: ranges[score], signal })
          if (map.shape.join() !== truth.shape.join()) throw sizeError(path, truth.shape, map.shape)
          read[score] = map.data
        }
        const [height, width] = truth.shape
        yield { id: stem, size: [height, width], labels: mapLabels(truth.data, table, path), scores: read }
      }
    },
  }
  return { images, detectors }
}

/** Score files by score, then by stem. */
async function scoreMaps(folder: string): Promise<Map<ScoreName, Map<string, string>>> {
  const maps = new Map<ScoreName, Map<string, string>>()
  for (const score of SCORE_NAMES) {
    const exists = await access(join(folder, score)).then(
      () => true,
      () => false,
    )
    if (!exists) continue
    const files = await filesByStem(join(folder, score), { extensions: SCORE_MAP_EXTENSIONS })
    if (files.size > 0) maps.set(score, files)
  }
  if (maps.size > 0) return maps
  const files = await filesByStem(folder, { extensions: SCORE_MAP_EXTENSIONS })
  if (files.size === 0) {
    throw new DenseHybridError('EMPTY', `${folder} holds no score maps.`, {
      hint: 'Score maps are .npy or grey .png files, as `densehybrid score --format npy` writes them.',
    })
  }
  return new Map([['hybrid', files]])
}

function checkComplete(
  folders: ScoreFolders,
  maps: ReadonlyMap<ScoreName, ReadonlyMap<string, string>>,
  labels: ReadonlyMap<string, string>,
  stems: readonly string[],
): void {
  for (const stem of stems) {
    if (!labels.has(stem)) {
      throw new DenseHybridError('NOT_FOUND', `${join(folders.labels, `${stem}.png`)} does not exist.`, {
        hint: 'Every score map needs a label map of the same name.',
      })
    }
    for (const [score, files] of maps) {
      if (files.has(stem)) continue
      throw new DenseHybridError(
        'NOT_FOUND',
        `${join(folders.scores, score)} has no score map for ${stem}.`,
        {
          hint: 'All scores must be there for the same images: run `densehybrid score` again.',
        },
      )
    }
  }
}

/** The ranges of 16-bit maps, by score, from scores.json. */
async function readRanges(folder: string): Promise<Record<string, { min: number; max: number }>> {
  try {
    const { ranges } = (await readJson(join(folder, 'scores.json'))) as {
      ranges?: Record<string, { min: number; max: number }>
    }
    return ranges ?? {}
  } catch (error) {
    if (error instanceof DenseHybridError && error.code === 'NOT_FOUND') return {}
    throw error
  }
}

/** Label by value of a label map; −1 for values that mean nothing. */
function labelTable({ classes, ignore = IGNORE_LABEL }: ScoreFolders): Int16Array {
  checkInteger('ignore', ignore, 0, 255)
  if (classes !== undefined) checkInteger('classes', classes, 1, 253)
  const table = new Int16Array(256).fill(-1)
  const known = classes ?? 1
  for (let label = 0; label < known; label++) table[label] = 0
  table[known] = UNKNOWN_LABEL
  table[UNKNOWN_LABEL] = UNKNOWN_LABEL
  table[ignore] = IGNORE_LABEL
  return table
}

function mapLabels(values: Uint8Array, table: Int16Array, path: string): Uint8Array {
  const bad = values.findIndex((value) => table[value] < 0)
  if (bad < 0) return values.map((value) => table[value])
  throw new DenseHybridError(
    'INVALID_FILE',
    `${path} has the label ${values[bad]}, which means nothing here.`,
    {
      hint: 'Give the number of known classes (--classes) and the value to ignore (--ignore).',
    },
  )
}

function sizeError(path: string, label: readonly number[], score: readonly number[]): DenseHybridError {
  const size = ([height, width]: readonly number[]) => `${width}×${height}`
  return new DenseHybridError(
    'INVALID_FILE',
    `${path} is ${size(label)} but its score map is ${size(score)}.`,
    {
      hint: 'Score maps must have the size of the label. Re-run `score` without --max-side.',
    },
  )
}
