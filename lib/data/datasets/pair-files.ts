import { extname, isAbsolute, join, relative, sep } from 'node:path'
import { DenseHybridError } from '../../errors.ts'
import { IMAGE_EXTENSIONS } from '../decode.ts'
import type { FileEntry } from './labelled-files.ts'
import { filesByStem } from './list-files.ts'

/** Where images and their label maps lie. Folders are relative to `root` or complete. */
export interface PairOptions {
  root: string
  images: string
  labels?: string
  instances?: string
  /** End of every image's name before the extension, e.g. "_leftImg8bit"; other images are left out. */
  imageSuffix?: string
  /** End of every label map's name before the extension, e.g. "_gtFine_labelIds". */
  labelSuffix?: string
  /** The sample id of an image; default its path relative to `root`, without extension. */
  id?: (stem: string) => string
  signal?: AbortSignal
}

/** One entry per image, in the order of the stems, and the stem of each. */
export type Pairs = Map<string, FileEntry>

/**
 * Finds the images below a folder and the label and instance maps with the same stem.
 *
 * @throws DenseHybridError `NOT_FOUND` for a missing folder or partner, by name; `EMPTY` for a folder without images;
 * `INVALID_FILE` for two files with one stem
 */
export async function pairFiles(options: PairOptions): Promise<Pairs> {
  const { root, imageSuffix = '', labelSuffix = '', signal } = options
  const images = pathFrom(root, options.images)
  const labels = options.labels === undefined ? undefined : pathFrom(root, options.labels)
  const instances = options.instances === undefined ? undefined : pathFrom(root, options.instances)
  const maps = [labels, instances].filter((folder) => folder !== undefined)
  const except = maps.filter((folder) => folder !== images)
  const imageFiles = await filesByStem(images, {
    extensions: IMAGE_EXTENSIONS,
    suffix: imageSuffix,
    except,
    signal,
  })
  if (imageFiles.size === 0) {
    const named = imageSuffix === '' ? '' : ` whose name ends with ${JSON.stringify(imageSuffix)}`
    throw new DenseHybridError('EMPTY', `${images} holds no image${named}.`, {
      hint: `Images are files that end with ${IMAGE_EXTENSIONS.join(' ')}`,
    })
  }
  const partners = { extensions: ['.png'], suffix: labelSuffix, signal }
  const labelFiles = labels === undefined ? undefined : await filesByStem(labels, partners)
  const instanceFiles =
    instances === undefined ? undefined : await filesByStem(instances, { extensions: ['.png'], signal })
  if (labelFiles !== undefined) checkPartners('label map', imageFiles, labelFiles, labels!, labelSuffix)
  if (instanceFiles !== undefined) checkPartners('instance map', imageFiles, instanceFiles, instances!, '')
  return new Map(
    [...imageFiles].map(([stem, image]) => [
      stem,
      {
        id: options.id?.(stem) ?? idBelow(root, image) ?? stem,
        image,
        labels: labelFiles?.get(stem),
        instances: instanceFiles?.get(stem),
      },
    ]),
  )
}

/** `path` as seen from `root`; complete paths stay. */
export function pathFrom(root: string, path: string): string {
  return isAbsolute(path) ? path : join(root, path)
}

/** The image's path relative to `root`, without extension; undefined where it lies elsewhere. */
function idBelow(root: string, image: string): string | undefined {
  const path = relative(root, image).split(sep).join('/')
  return path.startsWith('../') || isAbsolute(path) ? undefined : withoutExtension(path)
}

/** `path` without the extension of an image format. */
export function withoutExtension(path: string): string {
  const extension = extname(path)
  return IMAGE_EXTENSIONS.includes(extension.toLowerCase()) ? path.slice(0, -extension.length) : path
}

function checkPartners(
  what: string,
  images: ReadonlyMap<string, string>,
  partners: ReadonlyMap<string, string>,
  folder: string,
  suffix: string,
): void {
  const missing = [...images.keys()].filter((stem) => !partners.has(stem))
  if (missing.length === 0) return
  const more = missing.length === 1 ? '' : ` So it is for ${missing.length} of ${images.size} images.`
  throw new DenseHybridError(
    'NOT_FOUND',
    `${images.get(missing[0])} has no ${what}: expected ${join(folder, `${missing[0]}${suffix}.png`)}.${more}`,
    { hint: 'Images and their maps are matched by name without extension; maps are PNG files.' },
  )
}
