import { stat } from 'node:fs/promises'
import { withCancel } from './binding/cancel.ts'
import { loadNative } from './binding/load.ts'
import type { NativeModel, NativeScoreResult, Precision } from './binding/native.ts'
import {
  type CheckpointMetadata,
  encodeMetadata,
  mergeMetadata,
  newMetadata,
  readCheckpointMetadata,
  type SaveMetadata,
} from './checkpoint.ts'
import { DenseHybridError } from './errors.ts'
import { checkImages } from './images.ts'
import {
  checkDevice,
  checkPrecision,
  checkSegmenterOptions,
  classNames,
  resolveConfig,
  type SegmenterOptions,
} from './model-settings.ts'
import { type Colour, checkPalette, classColours } from './palette.ts'
import { checkScores, checkSize, checkThreshold, type SegmentOptions } from './scores.ts'
import type { Tensor } from './tensor.ts'
import {
  checkStoredSettings,
  checkTorchScriptPrecision,
  TORCHSCRIPT,
  type TorchScriptOptions,
  type TorchScriptReport,
  torchScriptConfig,
} from './torchscript.ts'
import { checkTorchScriptFile } from './torchscript-file.ts'
import type { TrainingRecord } from './training/training-record.ts'
import { checkOneOf, checkOptionNames, invalid } from './validate.ts'
import { loadWeights, namingFile, type WeightsReport, weightsSettings } from './weights/load-weights.ts'
import { checkMemory } from './weights/memory.ts'
import { openWeightsFile } from './weights/weights-file.ts'
import { weightsPath } from './weights/weights-path.ts'

/** The inside of a segmenter, for `insideOf` below. */
interface Inside {
  readonly model: NativeModel
  metadata: CheckpointMetadata
}
let open: (segmenter: Segmenter) => Inside
let construct: (
  model: NativeModel,
  metadata: CheckpointMetadata,
  precision: Precision,
  torchscript?: TorchScriptReport,
) => Segmenter

/**
 * A segmentation network with the open-set head: one forward pass gives the K class logits and the two logits of the
 * dataset posterior P(d_in|x), P(d_out|x).
 *
 * Calls may overlap; they run one after another on the device's queue, off the event loop. `dispose` frees the weights;
 * jobs that are running then still finish.
 *
 * ```ts
 * const model = await Segmenter.load('model.safetensors')
 * const { labels, scores } = await model.segment(await readImage('street.jpg'))
 * ```
 */
export class Segmenter {
  /** 'cpu', 'cuda', 'cuda:1' */
  readonly device: string
  readonly precision: Precision
  readonly architecture: string
  /** Number of trained values. */
  readonly parameterCount: number
  /** Names of the K known classes; index = label. */
  readonly classes: readonly string[]
  /** One colour [red, green, blue], 0 … 255, for every class. */
  readonly palette: readonly Colour[]
  /** Per channel, of RGB scaled to [0, 1]. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
  /** What the `weights` of `create` had of this model. */
  readonly weightsReport?: WeightsReport
  /** What a few runs showed, of an imported TorchScript module. */
  readonly torchscript?: TorchScriptReport
  #model: NativeModel | undefined
  #metadata: CheckpointMetadata

  static {
    open = (segmenter) => ({
      model: segmenter.#use(),
      get metadata() {
        return segmenter.#metadata
      },
      set metadata(metadata) {
        segmenter.#metadata = metadata
      },
    })
    construct = (model, metadata, precision, torchscript) =>
      new Segmenter(model, metadata, precision, undefined, torchscript)
  }

  private constructor(
    model: NativeModel,
    metadata: CheckpointMetadata,
    precision: Precision,
    weightsReport?: WeightsReport,
    torchscript?: TorchScriptReport,
  ) {
    this.#model = model
    this.#metadata = metadata
    this.device = model.config.device
    this.precision = precision
    this.architecture = metadata.architecture
    this.parameterCount = model.parameterCount
    this.classes = Object.freeze([...metadata.classes])
    this.palette = Object.freeze([...(metadata.palette ?? classColours(metadata.classes))])
    this.mean = Object.freeze([...metadata.mean])
    this.std = Object.freeze([...metadata.std])
    if (weightsReport !== undefined) this.weightsReport = weightsReport
    if (torchscript !== undefined) this.torchscript = Object.freeze({ ...torchscript })
  }

  /**
   * A new model with random weights, or with those of `weights`: a .safetensors or .pth file of a whole model or of its
   * backbone, or 'imagenet'. A file with TensorFlow's MobileNetV2 or a checkpoint of this package also sets `options`,
   * `mean` and `std` unless they are given. What the file had is in `weightsReport`.
   *
   * @throws DenseHybridError INVALID_ARGUMENT; NOT_FOUND, INVALID_FILE, ARCHITECTURE_MISMATCH for the weights; IO where
   * they do not fit into the free memory
   */
  static async create(options: SegmenterOptions): Promise<Segmenter> {
    const native = loadNative()
    checkSegmenterOptions(native, options)
    const file =
      options.weights === undefined
        ? undefined
        : await openWeightsFile(native, await weightsPath(native, options), { key: options.weightsKey })
    const settings = file === undefined ? {} : weightsSettings(file)
    const config = resolveConfig(native, options, settings)
    const metadata = newMetadata(config, classNames(options.classes), options.palette)
    const model = await withCancel(undefined, () => native.createModel(config))
    if (file === undefined) return new Segmenter(model, metadata, checkPrecision(options.precision))
    try {
      const { mismatched } = options
      const report = await loadWeights(model, file, { strict: false, mismatched })
      checkClassOrder(options.weights as string, metadata.classes, settings.checkpoint?.classes, report)
      const hybrid = loadedHead(report) && (settings.checkpoint?.hybrid ?? true)
      const known = { ...metadata, hybrid, training: settings.checkpoint?.training }
      return new Segmenter(model, known, checkPrecision(options.precision), report)
    } catch (error) {
      model.dispose()
      throw error
    }
  }

  /**
   * Any closed-set model, imported from a TorchScript file (`torch.jit.save` of a scripted or traced module), with the
   * d_out head added: on its features where `features` says where they are, else on its logits. Until the head is
   * trained, labels and closed-set detectors are exactly those of the module. What a few runs of it showed is in
   * `torchscript`.
   *
   * The file's code runs in TorchScript's interpreter: modules that read or write files are refused, but a module from
   * a stranger can still use up memory and time.
   *
   * ```ts
   * const model = await Segmenter.fromTorchScript('deeplab.pt', { classes: CITYSCAPES, features: 'decoder' })
   * ```
   *
   * @throws DenseHybridError INVALID_ARGUMENT naming the option, or where the outputs are not what was expected;
   * NOT_FOUND, INVALID_FILE
   */
  static async fromTorchScript(path: string, options: TorchScriptOptions): Promise<Segmenter> {
    if (typeof path !== 'string' || path === '') throw invalid('path', 'the path of a TorchScript file', path)
    const native = loadNative()
    const config = torchScriptConfig(native, options)
    const classes = classNames(options.classes)
    const palette = options.palette && checkPalette(options.palette, classes.length)
    await checkTorchScriptFile(path)
    const { model, report } = await withCancel(undefined, () =>
      native.createScriptedModel(config, { torchscript: path }),
    ).catch((error) => {
      throw namingFile(error, path)
    })
    return new Segmenter(model, newMetadata(model.config, classes, palette), 'float32', undefined, report)
  }

  /**
   * A model from a checkpoint that `save` wrote.
   *
   * @param options.device default 'cpu'
   * @param options.precision default float32
   * @throws DenseHybridError NOT_FOUND; INVALID_FILE where the file is truncated, no checkpoint or of a newer version;
   * ARCHITECTURE_MISMATCH where its tensors do not belong to its architecture
   */
  static async load(
    path: string,
    options: { device?: string; precision?: Precision } = {},
  ): Promise<Segmenter> {
    if (typeof path !== 'string' || path === '') throw invalid('path', 'the path of a checkpoint', path)
    checkOptionNames('Segmenter.load', options, ['device', 'precision'])
    const native = loadNative()
    const device = checkDevice(native, options.device ?? 'cpu')
    checkPrecision(options.precision)
    const metadata = await readCheckpointMetadata(native, path)
    checkMemory(path, (await stat(path)).size)
    const segmenter = await buildSegmenter(metadata, device, options.precision, { path, prefix: '' })
    try {
      const model = segmenter.#use()
      await withCancel(undefined, () => model.loadWeights(path, { strict: true, prefix: '' }))
      return segmenter
    } catch (error) {
      segmenter.dispose()
      throw namingFile(error, path)
    }
  }

  /** τ: pixels with a hybrid score above it are unknown. From the checkpoint, or set here; `save` stores it. */
  get threshold(): number | undefined {
    return this.#metadata.threshold
  }

  set threshold(threshold: number | null | undefined) {
    // The calibration describes the old threshold.
    this.#metadata = { ...this.#metadata, threshold: checkThreshold(threshold), calibration: undefined }
  }

  /** How the threshold was found, where the checkpoint says so. */
  get calibration(): Readonly<Record<string, unknown>> | undefined {
    return this.#metadata.calibration
  }

  /** Was the d_out head trained? Until then the hybrid and discriminative scores mean nothing. */
  get hybrid(): boolean {
    return this.#metadata.hybrid
  }

  /** How the weights came about, where the checkpoint says so. */
  get training(): TrainingRecord | undefined {
    return this.#metadata.training
  }

  /** What was given to `save` beside threshold and calibration. */
  get metadata(): Readonly<Record<string, unknown>> {
    return this.#metadata.user
  }

  /**
   * Logits at feature resolution: stride 4 for most architectures, see `densehybrid models`.
   *
   * @param images N×H×W×3 or H×W×3 RGB; must not change until the promise settles
   * @returns logits N×K×h×w; oodLogits N×2×h×w, index 0 = d_in, 1 = d_out
   * @throws DenseHybridError INVALID_ARGUMENT, DISPOSED, ABORTED
   */
  async forward(
    images: Tensor<Uint8Array>,
    options: { signal?: AbortSignal } = {},
  ): Promise<{ logits: Tensor; oodLogits: Tensor }> {
    checkOptionNames('forward', options, ['signal'])
    const model = this.#use()
    const batch = checkImages(images)
    const { logits, oodLogits } = await withCancel(options.signal, (cancel) =>
      model.forward(batch, { precision: this.precision }, cancel),
    )
    return { logits, oodLogits }
  }

  /**
   * Labels and anomaly scores, fused with the upsampling.
   *
   * @param images N×H×W×3 or H×W×3 RGB; must not change until the promise settles
   * @returns labels N×H×W: 0 … K−1, and K = unknown where the hybrid score > threshold; scores N×H×W by name, larger =
   * more anomalous
   * @throws DenseHybridError INVALID_ARGUMENT, DISPOSED, ABORTED
   */
  async segment(images: Tensor<Uint8Array>, options: SegmentOptions = {}): Promise<NativeScoreResult> {
    checkOptionNames('segment', options, ['size', 'threshold', 'scores', 'signal'])
    const model = this.#use()
    const batch = checkImages(images)
    const [height, width] =
      options.size === undefined ? batch.shape.slice(1, 3) : checkSize('size', options.size)
    const scores = checkScores(options.scores)
    const threshold = checkThreshold(options.threshold === undefined ? this.threshold : options.threshold)
    const { precision } = this
    return withCancel(options.signal, (cancel) =>
      model.segment(
        batch,
        { height, width, scores, precision, ...(threshold === undefined ? {} : { threshold }) },
        cancel,
      ),
    )
  }

  /**
   * Writes a checkpoint (.safetensors), atomically.
   *
   * @param metadata threshold and calibration replace the model's own; other keys are stored as they are
   * @throws DenseHybridError INVALID_ARGUMENT, DISPOSED, NOT_FOUND where the folder is missing, IO
   */
  async save(path: string, metadata: SaveMetadata = {}): Promise<void> {
    if (typeof path !== 'string' || path === '') throw invalid('path', 'the path of the new file', path)
    const model = this.#use()
    const entries = encodeMetadata(mergeMetadata(this.#metadata, metadata))
    await withCancel(undefined, () => model.save(path, entries))
  }

  /**
   * Replaces the weights by those of a .safetensors or .pth file.
   *
   * @param options.strict every tensor of the model must be in the file, and nothing else. Default true
   * @param options.prefix put before every name of the file; absent: found automatically
   * @param options.key the entry of a .pth checkpoint that holds the weights; absent: found automatically
   * @param options.mismatched what tensors of another shape are: an error (default), or left out
   * @throws DenseHybridError NOT_FOUND, INVALID_FILE, IO, ARCHITECTURE_MISMATCH (the model is then unchanged)
   */
  async loadWeights(
    path: string,
    options: { strict?: boolean; prefix?: string; key?: string; mismatched?: 'error' | 'skip' } = {},
  ): Promise<WeightsReport> {
    if (typeof path !== 'string' || path === '')
      throw invalid('path', 'the path of a .safetensors or .pth file', path)
    checkOptionNames('loadWeights', options, ['strict', 'prefix', 'key', 'mismatched'])
    const { strict = true, prefix, key } = options
    const mismatched = checkOneOf('mismatched', options.mismatched ?? 'error', ['error', 'skip'])
    const native = loadNative()
    const model = this.#use()
    const file = await openWeightsFile(native, path, { key })
    const settings = weightsSettings(file)
    if (settings.architecture !== undefined && settings.architecture !== this.architecture) {
      throw new DenseHybridError(
        'ARCHITECTURE_MISMATCH',
        `${path} holds weights for architecture ${settings.architecture}; this model is a ${this.architecture}.`,
      )
    }
    const report = await loadWeights(model, file, { strict, prefix, mismatched })
    this.#metadata = { ...this.#metadata, training: settings.checkpoint?.training }
    if (loadedHead(report))
      this.#metadata = { ...this.#metadata, hybrid: settings.checkpoint?.hybrid ?? true }
    return report
  }

  /** Frees the weights. Calling it again does nothing; any other call is then an error (DISPOSED). */
  dispose(): void {
    this.#model?.dispose()
    this.#model = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose()
  }

  #use(): NativeModel {
    if (this.#model !== undefined) return this.#model
    throw new DenseHybridError('DISPOSED', 'This Segmenter was disposed.')
  }
}

/** For trainers and scorers: the native model and the metadata, which may be set. Throws DISPOSED. */
export function insideOf(segmenter: Segmenter): Inside {
  if (!(segmenter instanceof Segmenter)) throw invalid('segmenter', 'a Segmenter', segmenter)
  return open(segmenter)
}

/**
 * A segmenter for what a checkpoint's metadata describe, its weights still to be loaded. The code of an imported module
 * is read from the checkpoint itself, from the tensors whose names begin with `prefix`.
 */
export async function buildSegmenter(
  metadata: CheckpointMetadata,
  device: string,
  precision: Precision | undefined,
  checkpoint: { path: string; prefix: string },
): Promise<Segmenter> {
  const { architecture, options, mean, std, classes } = metadata
  const config = { architecture, classes: classes.length, options, mean, std, seed: 0, device }
  const native = loadNative()
  if (architecture !== TORCHSCRIPT) {
    const model = await withCancel(undefined, () => native.createModel(config))
    return construct(model, metadata, checkPrecision(precision))
  }
  checkTorchScriptPrecision(precision)
  const { path, prefix } = checkpoint
  checkStoredSettings(options, path)
  const { model, report } = await withCancel(undefined, () =>
    native.createScriptedModel(config, { checkpoint: path, prefix }),
  ).catch((error) => {
    throw damagedModule(error, path)
  })
  return construct(model, metadata, 'float32', report)
}

/** The module ran when it was saved: what does not suit it now is wrong in the file, not in an argument. */
function damagedModule(error: unknown, path: string): unknown {
  if (!(error instanceof DenseHybridError) || error.code !== 'INVALID_ARGUMENT')
    return namingFile(error, path)
  return new DenseHybridError('INVALID_FILE', `${path} is a damaged checkpoint: ${error.message}`, {
    hint: 'Copy or save it again.',
    cause: error,
  })
}

/** Refuses a checkpoint's class logits under names that it has in another order: every label would be another class. */
function checkClassOrder(
  path: string,
  classes: readonly string[],
  stored: readonly string[] | undefined,
  { mismatched }: WeightsReport,
): void {
  if (stored === undefined || mismatched.length > 0 || stored.length !== classes.length) return
  const moved = classes.find((name, label) => stored.includes(name) && stored.indexOf(name) !== label)
  if (moved === undefined) return
  throw new DenseHybridError(
    'ARCHITECTURE_MISMATCH',
    `${path} has the class ${moved} at ${stored.indexOf(moved)}, and classes names it at ${classes.indexOf(moved)}.`,
    { hint: `Give the classes in the order of the checkpoint: ${stored.join(', ')}.` },
  )
}

/** Did all tensors of the d_out head come from the file? */
function loadedHead({ missing }: WeightsReport): boolean {
  return !missing.some((name) => name.startsWith('logits_ood.'))
}
