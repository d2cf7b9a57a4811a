import { DenseHybridError } from '../../errors.ts'
import { type Tensor, tensor } from '../../tensor.ts'
import { checkInteger } from '../../validate.ts'
import { type Dataset, IGNORE_LABEL, type Sample } from '../dataset.ts'
import { readImage, readLabelMap } from '../decode.ts'
import { applyLabelTable, type LabelTable } from './label-table.ts'

/** The files of one sample. */
export interface FileEntry {
  readonly id: string
  readonly image: string
  readonly labels?: string
  readonly instances?: string
}

/**
 * A data set of files on disk. Items without a label file are IGNORE_LABEL throughout.
 *
 * @param classes names of the known classes; those of `labelTable` where there is one
 */
export function labelledFiles(
  name: string,
  entries: readonly FileEntry[],
  labelTable: LabelTable | undefined,
): Dataset {
  return {
    name,
    classes: labelTable?.classes ?? [],
    ...(labelTable?.palette && { palette: labelTable.palette }),
    length: entries.length,
    item: async (index) => {
      checkInteger('index', index, 0, entries.length - 1)
      return readSample(entries[index], labelTable)
    },
    files: (index) => {
      checkInteger('index', index, 0, entries.length - 1)
      const { image, labels } = entries[index]
      return labels === undefined ? { image } : { image, labels }
    },
    source: (index) => {
      checkInteger('index', index, 0, entries.length - 1)
      const { id, image, labels, instances } = entries[index]
      return { id, files: [image, labels, instances].filter((file) => file !== undefined) }
    },
  }
}

async function readSample(entry: FileEntry, labelTable: LabelTable | undefined): Promise<Sample> {
  const [image, raw, instances] = await Promise.all([
    readImage(entry.image),
    entry.labels === undefined ? undefined : readLabelMap(entry.labels),
    entry.instances === undefined ? undefined : readLabelMap(entry.instances),
  ])
  if (raw !== undefined) checkSameSize(entry.image, image, entry.labels!, raw)
  if (instances !== undefined) checkSameSize(entry.image, image, entry.instances!, instances)
  const labels =
    raw === undefined || labelTable === undefined
      ? unlabelled(image.shape[0], image.shape[1])
      : applyLabelTable(labelTable, raw, entry.labels!)
  return { id: entry.id, image, labels, ...(instances === undefined ? {} : { instances }) }
}

function unlabelled(height: number, width: number): Tensor<Uint8Array> {
  return tensor(new Uint8Array(height * width).fill(IGNORE_LABEL), [height, width])
}

function checkSameSize(
  imageFile: string,
  image: Tensor<Uint8Array>,
  labelFile: string,
  labels: Tensor<Uint8Array>,
): void {
  const [height, width] = image.shape
  const [labelHeight, labelWidth] = labels.shape
  if (height === labelHeight && width === labelWidth) return
  const turned = height === labelWidth && width === labelHeight
  throw new DenseHybridError(
    'INVALID_FILE',
    `${imageFile} is ${width}×${height} but ${labelFile} is ${labelWidth}×${labelHeight}.`,
    {
      hint: turned
        ? 'One of them is turned: images are shown as their EXIF orientation says, so the label map must be drawn for that.'
        : 'An image and its label map must have the same size: export the label map again.',
    },
  )
}
