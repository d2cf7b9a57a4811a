import { DenseHybridError } from '../errors.ts'
import { checkOneOf } from '../validate.ts'

/** torchvision's name of a set of classifier weights: V1 of the papers' training recipe, V2 of a longer one. */
export type ImageNetVersion = 'IMAGENET1K_V1' | 'IMAGENET1K_V2'

/**
 * The classifiers trained on ImageNet-1K that torchvision publishes, by backbone and version (torchvision.models,
 * `resnet.py`, `mobilenetv2.py`, `densenet.py`). The part after the dash is the first 8 hex digits of the file's SHA-256.
 */
export const IMAGENET_FILES = {
  resnet18: { IMAGENET1K_V1: 'resnet18-f37072fd.pth' },
  resnet34: { IMAGENET1K_V1: 'resnet34-b627a593.pth' },
  resnet50: { IMAGENET1K_V1: 'resnet50-0676ba61.pth', IMAGENET1K_V2: 'resnet50-11ad3fa6.pth' },
  resnet101: { IMAGENET1K_V1: 'resnet101-63fe2227.pth', IMAGENET1K_V2: 'resnet101-cd907fc2.pth' },
  mobilenet_v2: { IMAGENET1K_V1: 'mobilenet_v2-b0353104.pth', IMAGENET1K_V2: 'mobilenet_v2-7ebf99e0.pth' },
  densenet121: { IMAGENET1K_V1: 'densenet121-a639ec97.pth' },
  densenet169: { IMAGENET1K_V1: 'densenet169-b2777c0a.pth' },
} as const satisfies Record<string, Readonly<Partial<Record<ImageNetVersion, string>>>>

/** A backbone that torchvision publishes ImageNet weights of, by torchvision's name. */
export type ImageNetBackbone = keyof typeof IMAGENET_FILES

/** All of them. */
export const IMAGENET_BACKBONES = Object.keys(IMAGENET_FILES) as ImageNetBackbone[]

/** Where torchvision publishes its files. */
const PUBLISHED_AT = 'https://download.pytorch.org/models/'

/**
 * The name of a backbone's file.
 *
 * @param version default IMAGENET1K_V1 for every backbone: published segmentation papers start from these weights, so
 * results can be compared with theirs, and every backbone has them
 * @throws DenseHybridError INVALID_ARGUMENT for a backbone, or a version of it, that is not in the table
 */
export function imagenetFileName(
  backbone: ImageNetBackbone,
  version: ImageNetVersion = 'IMAGENET1K_V1',
): string {
  const files: Partial<Record<ImageNetVersion, string>> =
    IMAGENET_FILES[checkOneOf('backbone', backbone, IMAGENET_BACKBONES)]
  const versions = Object.keys(files) as ImageNetVersion[]
  return files[checkOneOf(`version of ${backbone}`, version, versions)]!
}

/** The first 8 hex digits of the SHA-256 that a published file's name states; undefined for a name without them. */
export function statedHash(file: string): string | undefined {
  return /-([0-9a-f]{8})\.pth$/.exec(file)?.[1]
}

/** The address at which torchvision publishes a file. */
export function publishedAddress(file: string): URL {
  return new URL(file, PUBLISHED_AT)
}

/**
 * The address that a file is fetched from: torchvision's, or below DENSEHYBRID_WEIGHTS_URL, the address of a folder with
 * the same files (a mirror); a query in it is kept.
 *
 * @throws DenseHybridError INVALID_CONFIG where the variable is no http(s) address, or has a user name in it
 */
export function fetchAddress(file: string, env: NodeJS.ProcessEnv = process.env): URL {
  const base = env.DENSEHYBRID_WEIGHTS_URL
  if (!base) return publishedAddress(file)
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol)) {
    throw wrongMirror(`is no http(s) address: ${base}`)
  }
  const address = new URL(base)
  // Not repeated in the message: it may be followed by a password.
  if (address.username !== '' || address.password !== '') throw wrongMirror('must not have a user name in it')
  address.pathname = `${address.pathname.replace(/\/+$/, '')}/${file}`
  return address
}

function wrongMirror(problem: string): DenseHybridError {
  return new DenseHybridError('INVALID_CONFIG', `DENSEHYBRID_WEIGHTS_URL ${problem}`, {
    hint: `Set it to the address of a folder with the files of ${PUBLISHED_AT}, or unset it.`,
  })
}
