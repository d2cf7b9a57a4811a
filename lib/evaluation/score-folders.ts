import { access } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { filesByStem } from '../data/datasets/list-files.ts'
import { readJson } from '../data/read-bytes.ts'
import { DenseHybridError } from '../errors.ts'
import { SCORE_NAMES, type ScoreName } from '../scores.ts'
import {
  checkNoneMissing,
  findNaming,
  findPredictionSuffix,
  type NamedFiles,
  scoreFilesByImage,
  withoutSuffix,
} from './match-names.ts'
import { CLASS_MAP_EXTENSIONS } from './readers/class-map.ts'
import { SCORE_MAP_EXTENSIONS } from './readers/score-map.ts'

/** Folders whose files belong together. */
export interface MatchedFolders {
  readonly scores: string
  readonly labels: string
  readonly predictions?: string
  /** Images that lack a score map, label map or prediction are left out. */
  readonly partial: boolean
}

/** The files of the images, by the images' names. */
export interface MatchedFiles {
  /** Names in order, which no locale changes. */
  readonly names: readonly string[]
  readonly scores: ReadonlyMap<ScoreName, ReadonlyMap<string, string>>
  readonly labels: ReadonlyMap<string, string>
  readonly predictions?: ReadonlyMap<string, string>
}

/** What grey 0 and the highest grey stand for, by score. */
export type Ranges = Readonly<Partial<Record<ScoreName, { readonly min: number; readonly max: number }>>>

/**
 * Finds the files of every image: score maps of each score, label map, prediction.
 *
 * @throws DenseHybridError NOT_FOUND naming the missing folder or files; EMPTY; INVALID_FILE for two files with one stem,
 * or grey maps among exact ones
 */
export async function matchFolders(folders: MatchedFolders): Promise<MatchedFiles> {
  const { partial } = folders
  const found = await scoreFiles(folders.scores)
  const labels = await filesIn(folders.labels, CLASS_MAP_EXTENSIONS)
  const [[, first]] = found
  const naming = findNaming(first.files.keys(), labels.files.keys())
  const scores = new Map(
    [...found].map(([score, { files }]) => [score, scoreFilesByImage(files, naming.scoreSuffix)]),
  )
  for (const [score, files] of scores) checkOneKind(found.get(score)!.folder, files)
  const labelFiles = withoutSuffix(labels.files, naming.labelSuffix)
  const predictions =
    folders.predictions === undefined
      ? undefined
      : await predictionFiles(folders.predictions, [...scores.values()][0])
  const scored = new Set([...scores.values()].flatMap((files) => [...files.keys()]))
  if (!partial) {
    const expected = (folder: string, suffix: string, extension: string) => (image: string) =>
      join(folder, `${image}${suffix}${extension}`)
    const labelPath = expected(folders.labels, naming.labelSuffix, '.png')
    checkNoneMissing('label map', scored, labelFiles, labelPath, LABEL_HINT)
    for (const [score, files] of scores) {
      const extension = extname([...files.values()][0])
      const scorePath = expected(found.get(score)!.folder, naming.scoreSuffix, extension)
      const images = new Set([...scored, ...labelFiles.keys()])
      checkNoneMissing(`${score} score map`, images, files, scorePath, SCORE_HINT)
    }
    if (predictions !== undefined) {
      const extension = extname([...predictions.files.values()][0] ?? 'any.png')
      const path = expected(folders.predictions!, predictions.suffix, extension)
      checkNoneMissing('prediction', scored, predictions.files, path, PREDICTION_HINT)
    }
  }
  const all = [...scores.values(), labelFiles, ...(predictions === undefined ? [] : [predictions.files])]
  const names = [...scored].filter((name) => all.every((files) => files.has(name)))
  if (names.length === 0) {
    throw new DenseHybridError('EMPTY', `No image of ${folders.scores} has all its files.`, {
      hint: LABEL_HINT,
    })
  }
  return {
    names: names.sort((a, b) => (a < b ? -1 : 1)),
    scores,
    labels: labelFiles,
    ...(predictions && { predictions: predictions.files }),
  }
}

const LABEL_HINT =
  'Score maps and label maps are matched by name, without endings such as _labels or _gtFine_labelIds; give `partial` (--partial) to leave out images that lack one.'
const SCORE_HINT =
  'Every label map needs a score map of every score: run `densehybrid score` again, or give `partial` (--partial) to leave out images that lack one.'
const PREDICTION_HINT =
  'Predictions are closed-set label maps with the names of the score maps; give `partial` (--partial) to leave out images that lack one.'

/**
 * The ranges of grey maps, by score, from the `scores.json` beside them; of the folder of one score, which is read as
 * `hybrid`, from the one above it.
 *
 * @throws DenseHybridError INVALID_FILE naming the file and the score
 */
export async function readRanges(folder: string): Promise<Ranges> {
  const own = await rangesIn(folder)
  const score = SCORE_NAMES.find((name) => name === basename(resolve(folder)))
  if (own !== undefined || score === undefined) return own ?? {}
  const range = (await rangesIn(join(folder, '..')))?.[score]
  return range === undefined ? {} : { hybrid: range }
}

async function rangesIn(folder: string): Promise<Ranges | undefined> {
  const path = join(folder, 'scores.json')
  let content: unknown
  try {
    content = await readJson(path)
  } catch (error) {
    if (error instanceof DenseHybridError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
  const ranges = (Object(content) as { ranges?: Ranges }).ranges ?? {}
  for (const [score, range] of Object.entries(ranges)) {
    const { min, max } = Object(range) as { min?: unknown; max?: unknown }
    if (Number.isFinite(min) && Number.isFinite(max) && Number(max) > Number(min)) continue
    throw new DenseHybridError(
      'INVALID_FILE',
      `${path} gives no range for ${score}: ${JSON.stringify(range)}.`,
      {
        hint: 'A range is {"min": number, "max": number}: run `densehybrid score` again.',
      },
    )
  }
  return ranges
}

/** Score files by score: of the folders that `Scorer` writes, or else all below `folder` as `hybrid`. */
async function scoreFiles(folder: string): Promise<Map<ScoreName, NamedFiles>> {
  const found = new Map<ScoreName, NamedFiles>()
  for (const score of SCORE_NAMES) {
    const place = join(folder, score)
    const exists = await access(place).then(
      () => true,
      () => false,
    )
    if (!exists) continue
    const files = await filesIn(place, SCORE_MAP_EXTENSIONS)
    if (files.files.size > 0) found.set(score, files)
  }
  if (found.size > 0) return found
  const files = await filesIn(folder, SCORE_MAP_EXTENSIONS)
  if (files.files.size === 0) {
    throw new DenseHybridError('EMPTY', `${folder} holds no score maps.`, {
      hint: `Score maps are files that end with ${SCORE_MAP_EXTENSIONS.join(' ')}, as \`densehybrid score --format npy\` writes them.`,
    })
  }
  return new Map([['hybrid', files]])
}

async function filesIn(folder: string, extensions: readonly string[]): Promise<NamedFiles> {
  return { folder, files: await filesByStem(folder, { extensions: [...extensions] }) }
}

/** Predictions by image name, whatever ending their names have. */
async function predictionFiles(
  folder: string,
  scores: ReadonlyMap<string, string>,
): Promise<{ files: Map<string, string>; suffix: string }> {
  const { files } = await filesIn(folder, CLASS_MAP_EXTENSIONS)
  const suffix = findPredictionSuffix(files.keys(), scores.keys())
  return { files: withoutSuffix(files, suffix), suffix }
}

/** Grey maps are rounded to steps, others exact: in one folder they cannot belong to one score. */
function checkOneKind(folder: string, files: ReadonlyMap<string, string>): void {
  const paths = [...files.values()]
  const isGrey = (path: string) => extname(path).toLowerCase() === '.png'
  const other = paths.find((path) => isGrey(path) !== isGrey(paths[0]))
  if (other === undefined) return
  throw new DenseHybridError(
    'INVALID_FILE',
    `${folder} mixes grey and floating-point score maps: ${paths[0]} and ${other}.`,
    {
      hint: 'Their values cannot be compared: keep the maps of one run and format in a folder of their own.',
    },
  )
}
