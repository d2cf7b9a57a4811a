import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { withCancel } from '../binding/cancel.ts'
import { loadNative } from '../binding/load.ts'
import type { NativeStepResult, NativeTrainer, Precision } from '../binding/native.ts'
import { callNative } from '../binding/native-errors.ts'
import { encodeMetadata, readCheckpointMetadata } from '../checkpoint.ts'
import type { Batch } from '../data/batch.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../data/dataset.ts'
import { fileError } from '../data/read-bytes.ts'
import { type DenseFlow, insideOfFlow } from '../dense-flow.ts'
import { DenseHybridError } from '../errors.ts'
import { checkImages, checkLabels } from '../images.ts'
import { checkDevice, checkPrecision } from '../model-settings.ts'
import { pasteNegatives } from '../negatives/pasting.ts'
import type { FlowWindow, NegativeSource } from '../negatives/types.ts'
import { random } from '../random.ts'
import { buildSegmenter, insideOf, type Segmenter } from '../segmenter.ts'
import { checkTorchScriptTraining, TORCHSCRIPT } from '../torchscript.ts'
import { checkNumber, checkOptionNames, invalid } from '../validate.ts'
import { type FitOptions, planFit, type TrainingLoader } from './fit-options.ts'
import {
  nativeTrainerOptions,
  type ResolvedTrainerOptions,
  resolveTrainerOptions,
  type TrainerOptions,
} from './options.ts'
import { emptySums, latestLosses } from './progress.ts'
import { runTraining, type TrainingResult } from './run.ts'
import {
  decodeTrainerState,
  encodeTrainerState,
  FLOW_FILE,
  MODEL_FILE,
  STATE_FILE,
  TRAINER_KEY,
  type TrainerState,
} from './trainer-state.ts'
import { advanceRecord, beginRecord } from './training-record.ts'

/** Options of `Trainer.resume`. */
export interface ResumeOptions {
  /** The source that the run had; required when it had one. */
  readonly negatives?: NegativeSource | null
  /** The flow that the run trained, of the same configuration; its weights come from the run. */
  readonly flow?: DenseFlow
  /** Default: the run's. */
  readonly device?: string
  /** Default: the run's. */
  readonly precision?: Precision
}

/**
 * Trains a segmenter with Adam, closed-set or hybrid. A model has one trainer at a time.
 *
 * The first step drops the model's threshold: it belonged to other weights.
 *
 * ```ts
 * const trainer = new Trainer(model, { objective: 'hybrid', negatives: negatives.real(coco) })
 * await trainer.fit(new DataLoader(camvid, { batchSize: 8, crop: [256, 256] }), { epochs: 40, checkpointDir: 'runs/1' })
 * ```
 */
export class Trainer {
  readonly segmenter: Segmenter
  readonly options: ResolvedTrainerOptions
  readonly #negatives: NegativeSource | undefined
  readonly #flow: DenseFlow | undefined
  readonly #native: NativeTrainer
  // Never replaced while `fit` runs: it shares the object.
  #state: TrainerState
  #disposed = false
  #busy = false

  /**
   * @throws DenseHybridError INVALID_ARGUMENT naming the option; BUSY where the model has a trainer already; DISPOSED
   */
  constructor(segmenter: Segmenter, options: TrainerOptions) {
    const { model } = insideOf(segmenter)
    this.options = resolveTrainerOptions(options)
    this.segmenter = segmenter
    this.#negatives = options.negatives ?? undefined
    this.#flow = options.flow
    const flow = options.flow && insideOfFlow(options.flow)
    if (segmenter.architecture === TORCHSCRIPT) checkTorchScriptTraining(this.options, segmenter.torchscript)
    this.#native = callNative(() => {
      const native = loadNative()
      const known = native.architectures().find(({ name }) => name === segmenter.architecture)
      return native.createTrainer(model, nativeTrainerOptions(this.options, known?.checkpointing), flow)
    })
    this.#state = {
      format: 1,
      options: this.options,
      negatives: this.#negatives?.name,
      flow: this.#flow !== undefined,
      device: segmenter.device,
      segmenterPrecision: segmenter.precision,
      epoch: 0,
      batch: 0,
      step: 0,
      sums: emptySums(),
      history: [],
    }
  }

  /**
   * The trainer of an interrupted run, with a new segmenter (`trainer.segmenter`, to be disposed by the caller). Give
   * `fit` the same loader and length, and the run goes on as if it had not been interrupted.
   *
   * @param dir folder that `save` or `fit` wrote
   * @throws DenseHybridError NOT_FOUND, INVALID_FILE, ARCHITECTURE_MISMATCH naming the file; INVALID_ARGUMENT
   */
  static async resume(dir: string, options: ResumeOptions = {}): Promise<Trainer> {
    if (typeof dir !== 'string' || dir === '') throw invalid('dir', 'the path of a folder', dir)
    checkOptionNames('Trainer.resume', options, ['negatives', 'flow', 'device', 'precision'])
    const native = loadNative()
    const path = join(dir, STATE_FILE)
    const metadata = await readCheckpointMetadata(native, path, TRAINER_KEY)
    const header = await withCancel(undefined, () => native.readSafetensorsHeader(path))
    const state = decodeTrainerState(header.metadata, path)
    checkSameFlow(state, options.flow)
    const device = checkDevice(native, options.device ?? state.device)
    const precision = checkPrecision(options.precision ?? state.options.precision)
    const segmenter = await buildSegmenter(metadata, device, options.precision ?? state.segmenterPrecision, {
      path,
      prefix: 'model.',
    })
    try {
      // A run without a source, objective hybrid or not, has null; one with a source must get it again.
      const negatives = options.negatives ?? (state.negatives === undefined ? null : undefined)
      const trainer = new Trainer(segmenter, { ...state.options, precision, negatives, flow: options.flow })
      const { epoch, batch, step, batchesPerEpoch, sums, history } = state
      trainer.#state = { ...trainer.#state, epoch, batch, step, batchesPerEpoch, sums, history }
      await withCancel(undefined, () => trainer.#native.load(path))
      return trainer
    } catch (error) {
      segmenter.dispose()
      throw error
    }
  }

  /** Completed epochs, batches of the running epoch, and steps of the whole run. */
  get position(): { epoch: number; batch: number; step: number } {
    const { epoch, batch, step } = this.#state
    return { epoch, batch, step }
  }

  /**
   * One optimiser step. With the hybrid objective, a batch without negatives gets one pasted into every image, drawn
   * from `seed` and the number of the step.
   *
   * @param batch images N×H×W×3, labels N×H×W (0 … K−1, UNKNOWN_LABEL, IGNORE_LABEL)
   * @param options.learningRate default: that of the trainer's options
   * @returns the terms of the objective before the step; a term without pixels is 0
   * @throws DenseHybridError NON_FINITE (nothing is changed then), INVALID_ARGUMENT, BUSY, DISPOSED, ABORTED
   */
  async step(
    batch: Batch,
    options: { learningRate?: number; signal?: AbortSignal } = {},
  ): Promise<NativeStepResult> {
    checkOptionNames('step', options, ['learningRate', 'signal'])
    const learningRate = checkNumber('learningRate', options.learningRate ?? this.options.learningRate, 0)
    return this.#exclusively(() => this.#step(batch, learningRate, options.signal))
  }

  /**
   * Trains until `epochs` or `steps` are complete, counted from the start of the run.
   *
   * On abort the current step is finished, the state saved to `checkpointDir` (when given), and the promise rejects with
   * ABORTED. A loss that is not finite rejects with NON_FINITE naming epoch, step and images; the weights are then those
   * of the last good step, and the files of the last checkpoint stay as they are.
   */
  async fit(loader: TrainingLoader, options: FitOptions): Promise<TrainingResult> {
    const plan = planFit(loader, options)
    return this.#exclusively(async () => {
      const inside = this.#inside()
      const result = await runTraining(loader, plan, {
        state: this.#state,
        segmenter: this.segmenter,
        negatives: this.#negatives,
        leaveToFlow: this.#flow !== undefined,
        step: (batch, learningRate) => this.#step(batch, learningRate),
        save: (dir) => this.#save(dir),
      })
      this.#record(inside)
      return result
    })
  }

  /**
   * Writes what `Trainer.resume` needs (trainer.safetensors) and the model alone (model.safetensors) into a folder; each
   * file is replaced atomically.
   *
   * @throws DenseHybridError BUSY during `fit` or `step`; IO, DISPOSED
   */
  async save(dir: string): Promise<void> {
    if (typeof dir !== 'string' || dir === '') throw invalid('dir', 'the path of a folder', dir)
    return this.#exclusively(() => this.#save(dir))
  }

  /** Frees the optimiser and lets go of the model, which stays usable. Calling it again does nothing. */
  dispose(): void {
    if (!this.#disposed) this.#native.dispose()
    this.#disposed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose()
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#inside()
    if (this.#busy) {
      throw new DenseHybridError('BUSY', 'This Trainer is in the middle of a step, fit or save.', {
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

  #inside(): ReturnType<typeof insideOf> {
    if (this.#disposed) throw new DenseHybridError('DISPOSED', 'This Trainer was disposed.')
    return insideOf(this.segmenter)
  }

  async #step(given: Batch, learningRate: number, signal?: AbortSignal): Promise<NativeStepResult> {
    // Without a detour through the event loop where nothing is pasted: the step has begun when this returns.
    const batch = this.#lacksNegatives(given) ? await this.#paste(given, signal) : given
    const images = checkImages(batch?.images, 'batch.images')
    const special = [UNKNOWN_LABEL, IGNORE_LABEL]
    const labels = checkLabels(batch.labels, images, this.segmenter.classes.length, special)
    const inside = this.#inside()
    const result = await withCancel(signal, (cancel) =>
      this.#native.step(images, labels, { learningRate, ...this.#flowStep(batch) }, cancel),
    )
    const isFirst = this.#state.step++ === 0
    const { objective } = this.options
    const hybrid = inside.metadata.hybrid || objective === 'hybrid'
    let { training } = inside.metadata
    // One without steps was begun for this training.
    if (training === undefined || (isFirst && training.steps > 0))
      training = beginRecord(training, objective, { config: { ...this.options } })
    inside.metadata = { ...inside.metadata, hybrid, training, threshold: undefined, calibration: undefined }
    this.#record(inside)
    return result
  }

  /** Brings the model's record of its training up to date. */
  #record(inside: ReturnType<typeof insideOf>): void {
    const { epoch: epochs, step: steps } = this.#state
    const now = { objective: this.options.objective, epochs, steps }
    const training = advanceRecord(inside.metadata.training, now, latestLosses(this.#state))
    inside.metadata = { ...inside.metadata, training }
  }

  /** What the native step is told about samples of the flow; they depend on `seed` and the number of the step. */
  #flowStep(batch: Batch): { windows?: readonly FlowWindow[]; seed?: number; flowLearningRate?: number } {
    const { windows } = batch
    if (windows === undefined || windows.length === 0) return {}
    if (this.#flow === undefined) throw invalid('batch.windows', 'none (this trainer has no flow)', windows)
    const { seed, flowLearningRate } = this.options
    return {
      windows,
      flowLearningRate,
      seed: random(seed, FLOW_SAMPLES, this.#state.step).integer(0, 2 ** 31 - 1),
    }
  }

  #lacksNegatives(batch: Batch): boolean {
    if (this.#negatives === undefined || batch?.windows !== undefined) return false
    return !batch?.labels?.data?.includes(UNKNOWN_LABEL)
  }

  #paste(batch: Batch, signal?: AbortSignal): Promise<Batch> {
    const { seed } = this.options
    const source = this.#negatives as NegativeSource
    const leaveToFlow = this.#flow !== undefined
    return pasteNegatives(batch, source, { seed, keys: [this.#state.step], leaveToFlow, signal })
  }

  async #save(dir: string): Promise<void> {
    await mkdir(dir, { recursive: true }).catch((error) => {
      throw fileError(dir, error)
    })
    const inside = this.#inside()
    this.#record(inside)
    const model = encodeMetadata(inside.metadata)
    const entries = { ...model, ...encodeTrainerState(this.#state) }
    await withCancel(undefined, () => this.#native.save(join(dir, STATE_FILE), entries))
    await this.segmenter.save(join(dir, MODEL_FILE))
    await this.#flow?.save(join(dir, FLOW_FILE))
  }
}

// The purpose of a stream of draws.
const FLOW_SAMPLES = 1

function checkSameFlow(state: TrainerState, flow: DenseFlow | undefined): void {
  if (state.flow === (flow !== undefined)) return
  if (state.flow)
    throw invalid('flow', 'the flow that this run trains', flow, `DenseFlow.load its ${FLOW_FILE}.`)
  throw invalid('flow', 'none (this run trains no flow)', flow)
}
