import { isMobileNetTf, mobileNetTfName } from './mobilenet-tf.ts'

/** Prefixes that other programs put before a whole model; tried where they make more names match. */
const FOREIGN_PREFIXES = ['module.', 'model.', 'state_dict.']

/** Names that exist in files of a trained model but not in a model: counted neither as missing nor as unexpected. */
const isCounter = (name: string): boolean => name.endsWith('.num_batches_tracked')

/**
 * Finds how the names of a weight file become names of the model: names as they are, a backbone without its prefix, a
 * whole model with a prefix of another program, or the TensorFlow layout of MobileNetV2 — whichever matches most.
 *
 * @param fileNames names in the file
 * @param modelNames names of the model's state dict
 * @param prefix put before every name of the file; absent: found automatically
 * @returns new name by name of the file
 */
export function renameWeights(
  fileNames: readonly string[],
  modelNames: readonly string[],
  prefix?: string,
): Map<string, string> {
  const known = new Set(modelNames)
  const candidates = prefix === undefined ? automaticRenamings(fileNames) : [(name: string) => prefix + name]
  let best = new Map<string, string>()
  let bestMatches = -1
  for (const rename of candidates) {
    const renamed = new Map(fileNames.map((name) => [name, rename(name)]))
    const matches = countMatches(renamed.values(), known)
    if (matches > bestMatches) [best, bestMatches] = [renamed, matches]
  }
  return best
}

/** Number of names that the model has, counters of BatchNorm left out. */
export function countMatches(names: Iterable<string>, known: ReadonlySet<string>): number {
  let matches = 0
  for (const name of names) if (known.has(name) && !isCounter(name)) matches++
  return matches
}

/** Drops BatchNorm's counters from a list of missing names: older files lack them and nothing depends on them. */
export function withoutCounters(names: readonly string[]): string[] {
  return names.filter((name) => !isCounter(name))
}

/** In the order of preference at equal matches. */
function automaticRenamings(fileNames: readonly string[]): ((name: string) => string)[] {
  if (isMobileNetTf(fileNames)) return [(name) => mobileNetTfName(name) ?? name]
  const strip = FOREIGN_PREFIXES.filter((foreign) => fileNames.some((name) => name.startsWith(foreign)))
  return [
    (name) => name,
    (name) => `backbone.${name}`,
    ...strip.map(
      (foreign) => (name: string) => (name.startsWith(foreign) ? name.slice(foreign.length) : name),
    ),
  ]
}
