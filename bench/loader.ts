/**
 * The data loader, images a second: read, random scale and crop, mirror, paste a real negative, collect. Against a PyTorch
 * DataLoader with two worker processes, Pillow and NumPy that does the same work.
 *
 *   node --import=tsx bench/loader.ts --python PYTHON --data FOLDER [--rounds 5] [--batch 8] [--crop 256] [--large 96]
 *     [--keep] [--json FILE]
 *
 * PYTHON is an interpreter with bench/competitors/requirements.txt. FOLDER holds `camvid-480` (CamVid in 480×360) and
 * `negatives` (images, masks, coco_categories.json). The larger pictures are CamVid's, enlarged; `--large` is their number.
 * With --keep our side keeps decoded images in memory, as `train` and `finetune` do: epochs after the first.
 * Every side is a process of its own; they run in turn, one epoch a round, with all files in the system's cache.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, parse } from 'node:path'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { describeCommit, describeMachine } from '../lib/benchmark/machine.ts'
import { formatTable } from '../lib/cli/ui.ts'
import { readMapping } from '../lib/data/datasets/mapping.ts'
import { readLabelMap } from '../lib/data/decode.ts'
import { writeLabelMap } from '../lib/data/encode.ts'
import { resampleLabels, wholeRegion } from '../lib/data/resample.ts'
import { compareSides, type Side } from './sides.ts'

/** Images with label maps of the same names, and what the values in those mean. */
export interface LabelledFolder {
  root: string
  /** Folders inside `root`. */
  images: string
  labels: string
  /** A mapping file. */
  mapping: string
  /** What the mapping says: label, 254 or 255 for each of 256 values. */
  table: readonly number[]
  /** Number of classes. */
  classes: number
}

/** What every side is told. */
export interface LoaderTask {
  data: LabelledFolder
  negatives: LabelledFolder
  batchSize: number
  /** [height, width] in pixels. */
  crop: readonly [number, number]
  /** Range of the scale factor. */
  scale: readonly [number, number]
  /** Probabilities of mirroring and of a rectangle among the negatives. */
  flip: number
  rectangleProbability: number
  /** Worker processes of the other side. */
  workers: number
  /** Our side keeps decoded images. */
  keep: boolean
}

/** The larger pictures: size and format. */
const LARGE = [
  { width: 1280, height: 720, format: 'jpg' },
  { width: 2048, height: 1024, format: 'jpg' },
  { width: 2048, height: 1024, format: 'png' },
] as const

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: 'python3' },
      data: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      batch: { type: 'string', default: '8' },
      crop: { type: 'string', default: '256' },
      large: { type: 'string', default: '96' },
      keep: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  if (values.data === undefined)
    throw new Error('--data FOLDER is missing: it holds camvid-480 and negatives')
  const crop = Number(values.crop)
  const negatives = await labelled(join(values.data, 'negatives'), 'images', 'masks', 'coco_categories.json')
  const camvid = await labelled(
    join(values.data, 'camvid-480'),
    'train/images',
    'train/labels',
    'classes.json',
  )
  const common = {
    negatives,
    batchSize: Number(values.batch),
    scale: [0.5, 2] as const,
    flip: 0.5,
    rectangleProbability: 0.5,
    workers: 2,
    keep: values.keep,
  }
  const folder = await mkdtemp(join(tmpdir(), 'densehybrid-bench-'))
  const reports: Report[] = []
  try {
    const compare = async (title: string, data: LabelledFolder, side: number) => {
      const task: LoaderTask = { ...common, data, crop: [side, side] }
      const batches = Math.floor((await readdir(join(data.root, data.images))).length / task.batchSize)
      // Shares differ as the draws do: sides agree where they do the same on average.
      const results = await compareSides(
        'loader-ours.ts',
        'loader.py',
        [task],
        values.python,
        Number(values.rounds),
        0.06,
      )
      const report = { title, crop: task.crop, batchSize: task.batchSize, images: batches * task.batchSize }
      reports.push({ ...report, results })
      print(reports.at(-1)!)
    }
    await compare('CamVid 480×360 jpg', camvid, crop)
    for (const large of LARGE) {
      const { width, height, format } = large
      const data = await enlarged(camvid, join(folder, `${width}-${format}`), large, Number(values.large))
      await compare(`${width}×${height} ${format}`, data, 2 * crop)
    }
    const machine = describeMachine()
    console.log(
      `${machine.cpu}, ${machine.cores} cores, ${machine.os}, Node ${machine.node}, ${describeCommit()}`,
    )
    if (values.json !== undefined) {
      const report = { reports, rounds: Number(values.rounds), commit: describeCommit(), machine }
      await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function labelled(
  root: string,
  images: string,
  labels: string,
  mapping: string,
): Promise<LabelledFolder> {
  const { table, classes } = await readMapping(join(root, mapping), { unlisted: 'ignore' })
  return { root, images, labels, mapping, table: [...table], classes: classes.length }
}

/** Writes the first `count` pictures of a folder, enlarged. */
async function enlarged(
  from: LabelledFolder,
  root: string,
  { width, height, format }: (typeof LARGE)[number],
  count: number,
): Promise<LabelledFolder> {
  console.error(`writing ${count} pictures of ${width}×${height}`)
  for (const name of ['images', 'labels']) await mkdir(join(root, name), { recursive: true })
  await writeFile(join(root, 'classes.json'), await readFile(join(from.root, from.mapping)))
  const files = (await readdir(join(from.root, from.images))).sort().slice(0, count)
  for (const file of files) {
    const { name } = parse(file)
    const picture = sharp(join(from.root, from.images, file)).resize(width, height, { fit: 'fill' })
    await picture.toFile(join(root, 'images', `${name}.${format}`))
    const labels = await readLabelMap(join(from.root, from.labels, `${name}.png`))
    const large = resampleLabels(labels, wholeRegion(labels), height, width)
    await writeLabelMap(join(root, 'labels', `${name}.png`), large)
  }
  return { ...from, root, images: 'images', labels: 'labels', mapping: 'classes.json' }
}

interface Report {
  title: string
  crop: readonly [number, number]
  batchSize: number
  /** Images an epoch. */
  images: number
  results: readonly Side[]
}

function print({ title, crop, batchSize, images, results }: Report): void {
  const rows = results.map(({ who, medianMs, minMs, peakMemoryBytes }) => [
    who,
    ((images / medianMs) * 1e3).toFixed(1),
    ((images / minMs) * 1e3).toFixed(1),
    (medianMs / results[0].medianMs).toFixed(2),
    (peakMemoryBytes / 2 ** 20).toFixed(0),
  ])
  console.log(`${title}, crops of ${crop.join('×')}, batches of ${batchSize}, ${images} images an epoch`)
  console.log(formatTable(['who', 'images/s (median)', 'best', '× slower than ours', 'peak MiB'], rows))
}

await main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
