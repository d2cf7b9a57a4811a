import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleOpaque,
  PickleStorage,
  PickleTensor,
  PickleTuple,
  type PickleValue,
} from './pickle-values.ts'
import { refused } from './pth-error.ts'

/** Entries under which training programs put the weights. */
const USUAL_KEYS = ['state_dict', 'model', 'model_state_dict', 'net', 'network', 'weights', 'params', 'ema']
/** What a layer adds to its state of its own accord; no weights. */
const EXTRA_STATE = '_extra_state'
/** Entries that a message lists. */
const SHOWN = 8

/** The tensors of one state dict, and where it was. */
export interface ChosenWeights {
  /** The entry of the checkpoint; undefined where the file is the state dict itself. */
  readonly key: string | undefined
  readonly tensors: ReadonlyMap<string, PickleTensor>
}

/**
 * Finds the state dict in what a file holds: the file itself, or one of its entries — `key`, else the only one with a
 * usual name, else the only one that holds tensors. Whatever is beside it is passed over.
 *
 * @throws DenseHybridError INVALID_FILE where there is none, or more than one to choose from
 */
export function chooseWeights(path: string, content: PickleValue, key?: string): ChosenWeights {
  if (!(content instanceof PickleDict)) {
    throw refused(
      path,
      `holds ${describeValue(content)}, not the weights of a network by their names`,
      "Save them so, in Python: torch.save(model.state_dict(), 'weights.pth').",
    )
  }
  const nested = nestedDicts(content)
  if (key !== undefined) {
    const dict = nested.get(key)
    if (dict !== undefined) return { key, tensors: tensorsOf(path, dict, key) }
    const known = [...nested.keys()]
    throw refused(
      path,
      `has no weights under the key ${JSON.stringify(key)}`,
      known.length > 0 ? `Keys with weights: ${list(known)}.` : 'It has no keys with weights: leave key out.',
    )
  }
  const usual = USUAL_KEYS.filter((name) => nested.has(name))
  if (usual.length === 0 && holdsTensors(content))
    return { key: undefined, tensors: tensorsOf(path, content, undefined) }
  const candidates = usual.length > 0 ? usual : [...nested.keys()]
  if (candidates.length > 1) {
    throw refused(
      path,
      `holds the weights of ${candidates.length} networks: ${list(candidates)}`,
      `Say which are wanted: key: ${JSON.stringify(candidates[0])}.`,
    )
  }
  for (const name of candidates) return { key: name, tensors: tensorsOf(path, nested.get(name)!, name) }
  throw refused(
    path,
    `holds no tensors by their names${contentOf(content)}`,
    "Save the weights so, in Python: torch.save(model.state_dict(), 'weights.pth').",
  )
}

function holdsTensors(dict: PickleDict): boolean {
  for (const value of dict.entries.values()) if (value instanceof PickleTensor) return true
  return false
}

/** The entries that are dicts with tensors in them. */
function nestedDicts(dict: PickleDict): Map<string, PickleDict> {
  const found = new Map<string, PickleDict>()
  // Many keys may have the same dict: each is searched once.
  const searched = new Map<PickleDict, boolean>()
  for (const [key, value] of dict.entries) {
    if (typeof key !== 'string' || !(value instanceof PickleDict)) continue
    const holds = searched.get(value) ?? holdsTensors(value)
    searched.set(value, holds)
    if (holds) found.set(key, value)
  }
  return found
}

/** All tensors of a state dict; none may lie deeper, where it would be missed. */
function tensorsOf(path: string, dict: PickleDict, key: string | undefined): Map<string, PickleTensor> {
  const where = key === undefined ? 'it' : `its entry ${JSON.stringify(key)}`
  const deeper = [...nestedDicts(dict).keys()].filter((name) => !name.endsWith(EXTRA_STATE))
  if (deeper.length > 0) {
    throw refused(
      path,
      `is no plain state dict: ${where} holds tensors and dicts of tensors (${list(deeper)})`,
      key === undefined
        ? `If one of these is wanted, say which: key: ${JSON.stringify(deeper[0])}.`
        : "Save the weights alone, in Python: torch.save(model.state_dict(), 'weights.pth').",
    )
  }
  const tensors = new Map<string, PickleTensor>()
  for (const [name, value] of dict.entries) {
    if (!(value instanceof PickleTensor)) continue
    if (typeof name !== 'string') {
      throw refused(
        path,
        `is no state dict: ${where} has a tensor whose name is ${describeValue(name)}`,
        "Names must be text; save the weights alone: torch.save(model.state_dict(), 'weights.pth').",
      )
    }
    tensors.set(name, value)
  }
  return tensors
}

function contentOf(dict: PickleDict): string {
  if (dict.entries.size === 0) return ': it is empty'
  // One more than is shown, so that it is seen that there are more.
  const entries = [...dict.entries].slice(0, SHOWN + 1).map(([key, value]) => {
    const name = typeof key === 'string' ? key : describeValue(key)
    return `${name} is ${describeValue(value)}`
  })
  return `: ${list(entries)}`
}

function list(names: readonly string[]): string {
  return names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? ', …' : '')
}

function describeValue(value: PickleValue): string {
  if (value === null) return 'None'
  if (typeof value === 'string') return 'a text'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${value}`
  if (value instanceof PickleTensor) return 'a tensor'
  if (value instanceof PickleDict) return 'a dict'
  if (value instanceof PickleList) return 'a list'
  if (value instanceof PickleTuple) return 'a tuple'
  if (value instanceof PickleStorage) return 'the storage of a tensor'
  if (value instanceof PickleOpaque) return `an object of ${value.name}`
  if (value instanceof PickleGlobal) return value.name
  return 'bytes'
}
