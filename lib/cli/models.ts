import type { NativeAddon, Precision } from '../binding/native.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Segmenter } from '../segmenter.ts'
import type { CommandContext, HelpRow } from './command.ts'
import { choice, type Flags, integer, text } from './flags.ts'

/** Flags of commands that run a trained model. */
export const MODEL_FLAGS = {
  precision: choice(['auto', 'float32', 'bf16'], { default: 'auto', placeholder: 'NAME' }),
  device: text('NAME', { default: 'cpu' }),
  threads: integer(1, 1024),
} satisfies Flags

/** {@link MODEL_FLAGS} of commands whose results are compared with others: float32 unless asked. */
export const MEASURING_FLAGS = {
  ...MODEL_FLAGS,
  precision: choice(['auto', 'float32', 'bf16'], { default: 'float32', placeholder: 'NAME' }),
} satisfies Flags

/** Help of {@link MODEL_FLAGS} and {@link MEASURING_FLAGS}. */
export const MODEL_HELP: readonly HelpRow[] = [
  ['precision', 'float32, bf16 or auto: bf16 on CUDA alone ({precision})'],
  ['device,threads', 'cpu, cuda or cuda:1 ({device}); CPU threads (all)'],
]

interface ModelOptions {
  precision: 'auto' | Precision
  device: string
  threads: number | undefined
}

/** Loads a checkpoint with the precision and threads that were asked for, and frees it after `work`. */
export async function withModel<T>(
  path: string,
  options: ModelOptions,
  work: (model: Segmenter) => Promise<T>,
): Promise<T> {
  const model = await loadModel(path, options)
  try {
    return await work(model)
  } finally {
    model.dispose()
  }
}

async function loadModel(path: string, options: ModelOptions): Promise<Segmenter> {
  const { loadNative } = await import('../binding/load.ts')
  const { Segmenter } = await import('../segmenter.ts')
  const { TORCHSCRIPT } = await import('../torchscript.ts')
  const native = loadNative()
  if (options.threads !== undefined) native.setThreads(options.threads)
  const { precision, device } = options
  // On a CPU without AMX bf16 saves memory but hardly any time, and it changes a label in two hundred. Imported modules
  // take float32 alone.
  const fast = device.startsWith('cuda') && (await architectureOf(native, path)) !== TORCHSCRIPT
  return Segmenter.load(path, {
    device,
    precision: precision === 'auto' ? (fast ? 'bf16' : 'float32') : precision,
  })
}

async function architectureOf(native: NativeAddon, path: string): Promise<string> {
  const { readCheckpointMetadata } = await import('../checkpoint.ts')
  return (await readCheckpointMetadata(native, path)).architecture
}

/** What is measured on: a data set, possibly with an object pasted into every image. */
export interface TestData {
  spec: string
  /** Spec of the negatives, one of which is pasted into every image. */
  pasteNegatives?: string
  seed: number
}

/**
 * Opens a data set for a model: classes that the model does not know are its anomalies. Says which classes these are,
 * and warns where neither they nor pasted objects are there.
 */
export async function openTestData(
  { spec, pasteNegatives, seed }: TestData,
  segmenter: Segmenter,
  { ui, signal }: CommandContext,
): Promise<Dataset> {
  const { alignClasses } = await import('../data/align-classes.ts')
  const { openDataset, openNegatives } = await import('../data/registry.ts')
  const { dataset, heldOut } = alignClasses(await openDataset(spec, { signal }), segmenter.classes, {
    as: 'unknown',
  })
  if (heldOut.length > 0)
    ui.note(`Anomalies in ${spec}: ${heldOut.join(', ')}, which the model does not know`)
  if (!segmenter.hybrid) {
    ui.warn('the model was not fine-tuned: its hybrid and discriminative scores mean nothing yet')
  }
  if (pasteNegatives === undefined) return dataset
  const { withPastedNegatives } = await import('../data/pasted.ts')
  return withPastedNegatives(dataset, await openNegatives(pasteNegatives, { signal }), { seed })
}
