import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { Batch } from '../data/batch.ts'
import type { Dataset } from '../data/dataset.ts'
import { fileError } from '../data/read-bytes.ts'
import type { DenseFlow } from '../dense-flow.ts'
import { writePatchGrid } from '../report/patch-grid.ts'
import type { Tensor } from '../tensor.ts'
import { checkInteger } from '../validate.ts'
import type { FlowProgress } from './flow-fit.ts'
import { FlowLog } from './flow-log.ts'
import type { FlowTrainerOptions } from './flow-options.ts'
import { type PatchOptions, patchLoader } from './flow-patches.ts'
import type { FlowTrainingResult } from './flow-run.ts'
import { FLOW_FILE, FLOW_STATE_FILE } from './flow-state.ts'
import { FlowTrainer } from './flow-trainer.ts'
import { prepareRunFolder, type RunFolderOptions } from './run-folder.ts'

/** The files of a run's folder. */
export const FLOW_RUN_FILES = {
  flow: FLOW_FILE,
  state: FLOW_STATE_FILE,
  config: 'config.json',
  log: 'log.jsonl',
} as const

/** The folder of pictures in a run's folder. */
export const SAMPLES = 'samples'

const GRID = 64
// So that pictures of different steps can be compared.
const SAMPLE_SEED = 1

/** Options of {@link trainFlowInFolder}. Exactly one of `epochs` and `steps` is given. */
export interface FlowTrainingRunOptions extends RunFolderOptions {
  /** Makes the flow to be trained; not called when a run is resumed. Its errors leave the folder as it is. */
  readonly createFlow: () => Promise<DenseFlow>
  readonly dataset: Dataset
  readonly patches: Required<Pick<PatchOptions, 'crop'>> & PatchOptions
  /** Kept by a resumed run. */
  readonly trainer: FlowTrainerOptions
  /** Of a resumed run. Default: the one it had. */
  readonly device?: string
  readonly epochs?: number
  readonly steps?: number
  /** Steps between two pictures of samples; there is one after the first step, and one at the end. Default 500. */
  readonly samplesEvery?: number
  /** Steps between two lines of log.jsonl. Default 10. */
  readonly logEvery?: number
  readonly signal?: AbortSignal
  readonly onStart?: (start: { flow: DenseFlow; step: number; steps: number }) => void
  readonly onProgress?: (progress: FlowProgress) => void
}

/** What a finished run leaves. */
export interface FlowTrainingRun extends FlowTrainingResult {
  /** Path of the checkpoint. */
  readonly path: string
  /** Path of the last picture of samples. */
  readonly samples: string
  /** |x − f⁻¹(f(x))| of the trained flow on one batch of patches of the data, in grey levels. */
  readonly reconstruction: { readonly max: number; readonly mean: number }
}

/**
 * Trains a flow and keeps everything about it in a folder: flow.safetensors, flow-trainer.safetensors (to resume),
 * config.json, log.jsonl, and pictures of 64 samples and of the first batch of patches in samples/.
 *
 * @throws DenseHybridError INVALID_ARGUMENT where the folder holds a run already, or a resumed run has other options;
 * NOT_FOUND where there is nothing to resume; the errors of `FlowTrainer`; ABORTED after the state was saved
 */
export async function trainFlowInFolder(options: FlowTrainingRunOptions): Promise<FlowTrainingRun> {
  const { dir, dataset, patches, signal, epochs, steps } = options
  const samplesEvery = checkInteger('samplesEvery', options.samplesEvery ?? 500, 1)
  const logEvery = checkInteger('logEvery', options.logEvery ?? 10, 1)
  const trainer = await openTrainer(options)
  const { flow } = trainer
  try {
    const { shown, batchesPerEpoch } = await firstPatches(dataset, patches, trainer, signal)
    if (options.mode !== 'resume') await prepareRunFolder(options, FLOW_RUN_FILES)
    await prepareSamples(options)
    await writeFileAtomic(join(dir, FLOW_RUN_FILES.config), `${JSON.stringify(options.config, null, 2)}\n`)
    await writePatchGrid(join(dir, SAMPLES, 'data.png'), shown, { signal })
    const log = new FlowLog(join(dir, FLOW_RUN_FILES.log), logEvery)
    await log.rewind(trainer.position.step)
    options.onStart?.({ flow, step: trainer.position.step, steps: steps ?? (epochs ?? 0) * batchesPerEpoch })
    const drawn = new Set<number>()
    const draw = async (step: number) => {
      if (!drawn.has(step)) await writeSamples(flow, samplesPath(dir, step), patches.crop, signal)
      drawn.add(step)
    }
    const result = await trainer.fit(dataset, {
      ...patches,
      ...(steps === undefined ? { epochs } : { steps }),
      signal,
      checkpointDir: dir,
      onProgress: async (progress) => {
        log.add(progress)
        options.onProgress?.(progress)
        if (progress.step === 1 || progress.step % samplesEvery === 0) await draw(progress.step)
      },
    })
    await draw(result.step)
    const reconstruction = await flow.reconstructionError(shown, { signal })
    const [path, samples] = [join(dir, FLOW_RUN_FILES.flow), samplesPath(dir, result.step)]
    return { ...result, path, samples, reconstruction }
  } finally {
    trainer.dispose()
    flow.dispose()
  }
}

async function openTrainer(options: FlowTrainingRunOptions): Promise<FlowTrainer> {
  const { dir, device } = options
  if (options.mode === 'resume') {
    await prepareRunFolder(options, FLOW_RUN_FILES)
    return FlowTrainer.resume(dir, device === undefined ? {} : { device })
  }
  const flow = await options.createFlow()
  try {
    return new FlowTrainer(flow, options.trainer)
  } catch (error) {
    flow.dispose()
    throw error
  }
}

/** The patches of the first step; tells early when the data cannot be read, or is too small for the crop. */
async function firstPatches(
  dataset: Dataset,
  patches: PatchOptions,
  { flow, options }: FlowTrainer,
  signal: AbortSignal | undefined,
): Promise<{ shown: Tensor<Uint8Array>; batchesPerEpoch: number }> {
  const loader = patchLoader(dataset, patches, { reduction: flow.reduction, seed: options.seed })
  const batches = loader.epoch(0, { signal })[Symbol.asyncIterator]()
  const { value } = await batches.next()
  await batches.return?.()
  return { shown: (value as Batch).images, batchesPerEpoch: loader.batchesPerEpoch }
}

async function prepareSamples({ dir, mode }: FlowTrainingRunOptions): Promise<void> {
  const folder = join(dir, SAMPLES)
  try {
    await mkdir(folder, { recursive: true })
    if (mode !== 'overwrite') return
    const old = (await readdir(folder)).filter((name) => /^step-\d+\.png$/.test(name))
    for (const name of old) await rm(join(folder, name))
  } catch (error) {
    throw fileError(folder, error)
  }
}

function samplesPath(dir: string, step: number): string {
  return join(dir, SAMPLES, `step-${String(step).padStart(6, '0')}.png`)
}

async function writeSamples(
  flow: DenseFlow,
  path: string,
  crop: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { patches } = await flow.sample({ n: GRID, height: crop, width: crop, seed: SAMPLE_SEED, signal })
  await writePatchGrid(path, patches, { signal })
}
