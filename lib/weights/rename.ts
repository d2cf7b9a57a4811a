import { isClassifierHead, renameOldDenseNet } from './densenet-keys.ts'
import { isMobileNetTf, mobileNetTfName } from './mobilenet-tf.ts'

/** Prefixes that other programs put before a whole model, also one after another; tried where names begin with them. */
const FOREIGN_PREFIXES = ['module.', 'model.', 'net.', 'network.', 'state_dict.', '_orig_mod.']

/** Names that exist in files of a trained model but not in a model: counted neither as missing nor as unexpected. */
const isCounter = (name: string): boolean => name.endsWith('.num_batches_tracked')

/** The model's name of a tensor of the file; `undefined`: the model does not want it (a classifier's head). */
type Rename = (name: string) => string | undefined

/**
 * Finds how the names of a weight file become names of the model, whichever of these matches most: names as they are; a
 * backbone without its prefix, such as torchvision's classifiers with old and new names; TensorFlow's MobileNetV2; each
 * also behind prefixes of other programs.
 *
 * @param fileNames names in the file
 * @param modelNames names of the model's state dict
 * @param prefix put before every name of the file; absent: found automatically
 * @returns new name by name of the file; `undefined` for what belongs to a classifier's head
 */
export function renameWeights(
  fileNames: readonly string[],
  modelNames: readonly string[],
  prefix?: string,
): Map<string, string | undefined> {
  const known = new Set(modelNames)
  const candidates = prefix === undefined ? automaticRenamings(fileNames) : [(name: string) => prefix + name]
  let best = new Map<string, string | undefined>()
  let bestMatches = -1
  for (const rename of candidates) {
    const renamed = new Map(fileNames.map((name) => [name, rename(name)]))
    const matches = countMatches(renamed.values(), known)
    if (matches > bestMatches) [best, bestMatches] = [renamed, matches]
  }
  return best
}

/** Number of names that the model has, counters of BatchNorm left out. */
export function countMatches(names: Iterable<string | undefined>, known: ReadonlySet<string>): number {
  let matches = 0
  for (const name of names) if (name !== undefined && known.has(name) && !isCounter(name)) matches++
  return matches
}

/** Drops BatchNorm's counters from a list of missing names: older files lack them and nothing depends on them. */
export function withoutCounters(names: readonly string[]): string[] {
  return names.filter((name) => !isCounter(name))
}

/** In the order of preference at equal matches. */
function automaticRenamings(fileNames: readonly string[]): Rename[] {
  const meanings: Rename[] = [
    (name) => name,
    (name) => (isClassifierHead(name) ? undefined : `backbone.${renameOldDenseNet(name)}`),
  ]
  if (isMobileNetTf(fileNames)) meanings.unshift((name) => mobileNetTfName(name) ?? name)
  const prefixes = foreignPrefixes(fileNames)
  return prefixes.flatMap((foreign) =>
    meanings.map((meaning): Rename => {
      return (name) => meaning(name.startsWith(foreign) ? name.slice(foreign.length) : name)
    }),
  )
}

/** None, and those of up to two programs that names of the file begin with. */
function foreignPrefixes(fileNames: readonly string[]): string[] {
  const begin = (prefix: string) => fileNames.some((name) => name.startsWith(prefix))
  const single = FOREIGN_PREFIXES.filter(begin)
  const double = single.flatMap((first) => FOREIGN_PREFIXES.map((second) => first + second).filter(begin))
  return ['', ...single, ...double]
}
