import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { withCancel } from '../binding/cancel.ts'
import { loadNative } from '../binding/load.ts'
import type { NativeFlowTrainer } from '../binding/native.ts'
import { callNative } from '../binding/native-errors.ts'
import type { Dataset } from '../data/dataset.ts'
import { fileError } from '../data/read-bytes.ts'
import { buildFlow, type DenseFlow, insideOfFlow } from '../dense-flow.ts'
import { DenseHybridError } from '../errors.ts'
import { encodeFlowMetadata, readFlowMetadata } from '../flow-checkpoint.ts'
import { checkPatches } from '../images.ts'
import { checkDevice } from '../model-settings.ts'
import { random } from '../random.ts'
import type { Tensor } from '../tensor.ts'
import { checkNumber, checkOptionNames, invalid } from '../validate.ts'
import { namingFile } from '../weights/load-weights.ts'
import { type FlowFitOptions, planFlowFit } from './flow-fit.ts'
import {
  type FlowTrainerOptions,
  type ResolvedFlowTrainerOptions,
  resolveFlowTrainerOptions,
} from './flow-options.ts'
import { type FlowStepResult, type FlowTrainingResult, runFlowTraining } from './flow-run.ts'
import {
  addStep,
  decodeFlowState,
  FLOW_FILE,
  FLOW_STATE_FILE,
  FLOW_TRAINER_KEY,
  type FlowTrainerState,
  newFlowState,
} from './flow-state.ts'

// The purpose of the draws; the loader has its own.
const NOISE = 4

/**
 * Trains a flow by maximum likelihood on patches, with Adamax: the pre-training of METHOD §4. A flow has one trainer at a
 * time. The first step initialises a new flow from its patches.
 *
 * ```ts
 * const flow = await DenseFlow.create({ architecture: 'denseflow' })
 * const trainer = new FlowTrainer(flow)
 * const { bitsPerDim } = await trainer.fit(camvid, { steps: 20_000, crop: 64, checkpointDir: 'runs/flow' })
 * ```
 */
export class FlowTrainer {
  readonly flow: DenseFlow
  readonly options: ResolvedFlowTrainerOptions
  readonly #native: NativeFlowTrainer
  // Never replaced while `fit` runs: it shares the object.
  #state: FlowTrainerState
  #disposed = false
  #busy = false

  /**
   * @throws DenseHybridError INVALID_ARGUMENT naming the option; BUSY where the flow has a trainer already; DISPOSED
   */
  constructor(flow: DenseFlow, options: FlowTrainerOptions = {}) {
    const native = insideOfFlow(flow)
    this.options = resolveFlowTrainerOptions(options)
    this.flow = flow
    const { betas, eps, clipNorm } = this.options
    this.#native = callNative(() => loadNative().createFlowTrainer(native, { betas, eps, clipNorm }))
    this.#state = newFlowState(this.options, flow.device)
  }

  /**
   * The trainer of an interrupted run, with a new flow (`trainer.flow`, to be disposed by the caller). Give `fit` the same
   * data, patches and length, and the run goes on as if it had not been interrupted.
   *
   * @param dir folder that `save` or `fit` wrote
   * @param options.device default: the run's
   * @throws DenseHybridError NOT_FOUND, INVALID_FILE, ARCHITECTURE_MISMATCH naming the file; INVALID_ARGUMENT
   */
  static async resume(dir: string, options: { device?: string } = {}): Promise<FlowTrainer> {
    checkDir(dir)
    checkOptionNames('FlowTrainer.resume', options, ['device'])
    const native = loadNative()
    const path = join(dir, FLOW_STATE_FILE)
    const metadata = await readFlowMetadata(native, path, FLOW_TRAINER_KEY)
    const header = await withCancel(undefined, () => native.readSafetensorsHeader(path))
    const state = decodeFlowState(header.metadata, path)
    const device = checkDevice(native, options.device ?? state.device)
    const flow = await buildFlow(metadata, device)
    try {
      const trainer = new FlowTrainer(flow, state.options)
      trainer.#state = { ...state, device }
      await withCancel(undefined, () => trainer.#native.load(path))
      return trainer
    } catch (error) {
      flow.dispose()
      throw namingFile(error, path)
    }
  }

  /** Completed epochs, batches of the running epoch, and steps of the whole run. */
  get position(): { epoch: number; batch: number; step: number } {
    const { epoch, batch, step } = this.#state
    return { epoch, batch, step }
  }

  /**
   * One step on L_mle. Its noise follows from `seed` and the number of the step.
   *
   * @param patches N×H×W×3 or H×W×3 RGB bytes, height and width multiples of the flow's `reduction`
   * @param options.learningRate default: that of the trainer's options
   * @throws DenseHybridError NON_FINITE (nothing is changed then), INVALID_ARGUMENT, BUSY, DISPOSED, ABORTED
   */
  async step(
    patches: Tensor<Uint8Array>,
    options: { learningRate?: number; signal?: AbortSignal } = {},
  ): Promise<FlowStepResult> {
    checkOptionNames('step', options, ['learningRate', 'signal'])
    const learningRate = checkNumber('learningRate', options.learningRate ?? this.options.learningRate, 0)
    return this.#exclusively(() => this.#step(patches, learningRate, options.signal))
  }

  /**
   * Trains on random crops of a data set until `epochs` or `steps` are complete, counted from the start of the run.
   *
   * On abort the current step is finished, the state saved to `checkpointDir` (when given), and the promise rejects with
   * ABORTED. A likelihood or gradient that is not finite rejects with NON_FINITE naming step and images; the flow is then
   * that of the last good step, and the files of the last checkpoint stay as they are.
   *
   * @param source its labels are not used; images must be at least as large as the crop
   * @throws DenseHybridError INVALID_ARGUMENT, EMPTY, BUSY, DISPOSED
   */
  async fit(source: Dataset, options: FlowFitOptions): Promise<FlowTrainingResult> {
    const plan = planFlowFit(source, options, { reduction: this.flow.reduction, seed: this.options.seed })
    return this.#exclusively(() =>
      runFlowTraining(plan, {
        state: this.#state,
        step: (patches, learningRate) => this.#step(patches, learningRate),
        save: (dir) => this.#save(dir),
      }),
    )
  }

  /**
   * Writes what `FlowTrainer.resume` needs (flow-trainer.safetensors) and the flow alone (flow.safetensors) into a folder;
   * each file is replaced atomically.
   *
   * @throws DenseHybridError BUSY during `fit` or `step`; IO, DISPOSED
   */
  async save(dir: string): Promise<void> {
    checkDir(dir)
    return this.#exclusively(() => this.#save(dir))
  }

  /** Frees the optimiser and lets go of the flow, which stays usable. Calling it again does nothing. */
  dispose(): void {
    if (!this.#disposed) this.#native.dispose()
    this.#disposed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose()
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#disposed) throw new DenseHybridError('DISPOSED', 'This FlowTrainer was disposed.')
    insideOfFlow(this.flow)
    if (this.#busy) {
      throw new DenseHybridError('BUSY', 'This FlowTrainer is in the middle of a step, fit or save.', {
        hint: 'Await the running call first.',
      })
    }
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#busy = false
    }
  }

  async #step(given: unknown, learningRate: number, signal?: AbortSignal): Promise<FlowStepResult> {
    const patches = checkPatches(given, this.flow.reduction)
    insideOfFlow(this.flow)
    const seed = random(this.options.seed, NOISE, this.#state.step).integer(0, 2 ** 31 - 1)
    const { bitsPerDim, gradNorm } = await withCancel(signal, (cancel) =>
      this.#native.step(patches, { seed, learningRate }, cancel),
    )
    addStep(this.#state, bitsPerDim)
    return { bitsPerDim, gradNorm }
  }

  async #save(dir: string): Promise<void> {
    await mkdir(dir, { recursive: true }).catch((error) => {
      throw fileError(dir, error)
    })
    const flow = encodeFlowMetadata(this.flow.config, this.flow.metadata)
    const entries = { ...flow, [FLOW_TRAINER_KEY]: JSON.stringify(this.#state) }
    await withCancel(undefined, () => this.#native.save(join(dir, FLOW_STATE_FILE), entries))
    await this.flow.save(join(dir, FLOW_FILE))
  }
}

function checkDir(dir: unknown): asserts dir is string {
  if (typeof dir !== 'string' || dir === '') throw invalid('dir', 'the path of a folder', dir)
}
