import { withCancel } from './binding/cancel.ts'
import { loadNative } from './binding/load.ts'
import type { NativeFlow } from './binding/native.ts'
import { DenseHybridError } from './errors.ts'
import {
  encodeFlowMetadata,
  type FlowConfig,
  type FlowMetadata,
  flowConfigOf,
  readFlowMetadata,
  requireSameFlow,
} from './flow-checkpoint.ts'
import { type DenseFlowOptions, resolveFlowConfig } from './flow-settings.ts'
import { checkPatches } from './images.ts'
import { checkDevice } from './model-settings.ts'
import type { Tensor } from './tensor.ts'
import { checkInteger, checkOptionNames, invalid } from './validate.ts'
import { namingFile } from './weights/load-weights.ts'

/** The likelihood of patches under a flow. */
export interface FlowLikelihood {
  /** ln p(x) in nats, one a patch: a lower bound, whose noise the seed decides. */
  readonly logProb: Tensor<Float64Array>
  /** −ln p(x) / (ln 2 · H·W·3), one a patch; smaller = more likely. */
  readonly bitsPerDim: Tensor<Float64Array>
}

/** What `sample` needs to know. */
export interface SampleOptions {
  /** Number of patches. */
  readonly n: number
  /** Multiples of the flow's `reduction`. */
  readonly height: number
  readonly width: number
  /** The same seed gives the same patches. Default 0. */
  readonly seed?: number
  /** Values before quantisation, float32, nominally in [0, 1), instead of bytes. Default false. */
  readonly continuous?: boolean
  readonly signal?: AbortSignal
}

/** Sampled patches. */
export interface FlowSample<T extends Uint8Array | Float32Array> {
  /** N×H×W×3 RGB: bytes, or continuous values. */
  readonly patches: Tensor<T>
  /** Share of continuous values outside of [0, 1), which bytes and images hold at the nearest end. */
  readonly outside: number
}

let open: (flow: DenseFlow) => NativeFlow
let wrap: (flow: NativeFlow, user: FlowMetadata['user']) => DenseFlow

/**
 * A normalizing flow p(x) of image patches (METHOD §4): exact inverse, likelihood, and samples of any size that is a
 * multiple of `reduction`. A new flow has neither likelihood nor samples before it has seen patches: see `initialise`.
 *
 * Calls may overlap; they run one after another on the device's queue, off the event loop. Patches must not change until
 * the promise settles.
 *
 * ```ts
 * const flow = await DenseFlow.load('flow.safetensors')
 * const { patches } = await flow.sample({ n: 16, height: 64, width: 64, seed: 1 })
 * const { bitsPerDim } = await flow.logProb(patches)
 * ```
 */
export class DenseFlow {
  /** 'cpu', 'cuda', 'cuda:1' */
  readonly device: string
  /** What decides its tensors; a checkpoint carries it. */
  readonly config: FlowConfig
  /** Number of trained values. */
  readonly parameterCount: number
  /** Height and width of patches are multiples of it. */
  readonly reduction: number
  #flow: NativeFlow | undefined
  #user: Readonly<Record<string, unknown>>

  static {
    open = (flow) => flow.#use()
    wrap = (flow, user) => new DenseFlow(flow, user)
  }

  private constructor(flow: NativeFlow, user: Readonly<Record<string, unknown>> = {}) {
    this.#flow = flow
    this.#user = user
    this.device = flow.config.device
    this.config = Object.freeze(flowConfigOf(flow.config))
    this.parameterCount = flow.parameterCount
    this.reduction = flow.reduction
  }

  /**
   * A new flow with random weights.
   *
   * @throws DenseHybridError INVALID_ARGUMENT
   */
  static async create(options: DenseFlowOptions = {}): Promise<DenseFlow> {
    const native = loadNative()
    const config = resolveFlowConfig(native, options)
    return new DenseFlow(await withCancel(undefined, () => native.createFlow(config)))
  }

  /**
   * A flow from a checkpoint that `save` wrote.
   *
   * @param options.device default 'cpu'
   * @throws DenseHybridError NOT_FOUND; INVALID_FILE where the file is truncated, no checkpoint of a flow or of a newer
   * version; ARCHITECTURE_MISMATCH where its tensors do not belong to its configuration
   */
  static async load(path: string, options: { device?: string } = {}): Promise<DenseFlow> {
    checkPath(path, 'the path of a checkpoint')
    checkOptionNames('DenseFlow.load', options, ['device'])
    const native = loadNative()
    const device = checkDevice(native, options.device ?? 'cpu')
    const metadata = await readFlowMetadata(native, path)
    try {
      const flow = await buildFlow(metadata, device)
      try {
        await withCancel(undefined, () => flow.#use().loadWeights(path, { strict: true, prefix: '' }))
        return flow
      } catch (error) {
        flow.dispose()
        throw error
      }
    } catch (error) {
      throw namingFile(error, path)
    }
  }

  /** Has the flow seen patches? Until then it has neither likelihood nor samples. */
  get initialised(): boolean {
    return this.#use().initialised
  }

  /** What was given to `save` beside the weights. */
  get metadata(): Readonly<Record<string, unknown>> {
    return this.#user
  }

  /**
   * Sets the scale of every ActNorm of a new flow so that these patches leave it with mean 0 and deviation 1. Training
   * does it with its first batch.
   *
   * @param patches N×H×W×3 or H×W×3 RGB bytes
   * @param options.seed of the dequantisation and of the noise between units. Default 0
   * @throws DenseHybridError INVALID_ARGUMENT, also for a flow that is initialised already; DISPOSED, ABORTED
   */
  async initialise(
    patches: Tensor<Uint8Array>,
    options: { seed?: number; signal?: AbortSignal } = {},
  ): Promise<void> {
    checkOptionNames('initialise', options, ['seed', 'signal'])
    const flow = this.#use()
    const batch = checkPatches(patches, this.reduction)
    const seed = checkInteger('seed', options.seed ?? 0, 0)
    if (flow.initialised) {
      throw new DenseHybridError('INVALID_ARGUMENT', 'This flow is initialised already.', {
        hint: 'Initialising it again would undo its training. Create a new flow.',
      })
    }
    await withCancel(options.signal, (cancel) => flow.initialise(batch, { seed }, cancel))
  }

  /**
   * The likelihood of patches.
   *
   * @param patches N×H×W×3 or H×W×3 RGB bytes
   * @param options.seed of the dequantisation and of the noise between units. Default 0
   * @throws DenseHybridError INVALID_ARGUMENT, also where the flow is not initialised; NON_FINITE where a likelihood is
   * NaN or infinite; DISPOSED, ABORTED
   */
  async logProb(
    patches: Tensor<Uint8Array>,
    options: { seed?: number; signal?: AbortSignal } = {},
  ): Promise<FlowLikelihood> {
    checkOptionNames('logProb', options, ['seed', 'signal'])
    const flow = this.#use()
    const batch = checkPatches(patches, this.reduction)
    const seed = checkInteger('seed', options.seed ?? 0, 0)
    const { logProb } = await withCancel(options.signal, (cancel) => flow.logProb(batch, { seed }, cancel))
    if (!logProb.data.every(Number.isFinite)) {
      throw new DenseHybridError('NON_FINITE', 'The likelihood of a patch is not finite.', {
        hint: 'The weights of this flow are broken: it diverged in training.',
      })
    }
    const [, height, width, channels] = batch.shape
    const scale = -1 / (Math.LN2 * height * width * channels)
    return { logProb, bitsPerDim: { data: logProb.data.map((value) => value * scale), shape: logProb.shape } }
  }

  /**
   * Patches from the flow.
   *
   * @throws DenseHybridError INVALID_ARGUMENT, also where the flow is not initialised; NON_FINITE where a sample is NaN or
   * infinite; DISPOSED, ABORTED
   */
  sample(options: SampleOptions & { readonly continuous: true }): Promise<FlowSample<Float32Array>>
  sample(options: SampleOptions & { readonly continuous?: false }): Promise<FlowSample<Uint8Array>>
  sample(options: SampleOptions): Promise<FlowSample<Uint8Array | Float32Array>>
  async sample(options: SampleOptions): Promise<FlowSample<Uint8Array | Float32Array>> {
    if (typeof options !== 'object' || options === null)
      throw invalid('options', 'an object with n, height and width', options)
    checkOptionNames('sample', options, ['n', 'height', 'width', 'seed', 'continuous', 'signal'])
    const flow = this.#use()
    const n = checkInteger('n', options.n, 1)
    const height = this.#checkExtent('height', options.height)
    const width = this.#checkExtent('width', options.width)
    const seed = checkInteger('seed', options.seed ?? 0, 0)
    const continuous = options.continuous ?? false
    if (typeof continuous !== 'boolean') throw invalid('continuous', 'true or false', continuous)
    return withCancel(options.signal, (cancel) => flow.sample({ n, height, width, seed, continuous }, cancel))
  }

  /**
   * How exactly the flow inverts itself on patches: |x − f⁻¹(f(x))|, in grey levels (1/256 of the range).
   *
   * @param patches N×H×W×3 or H×W×3 RGB bytes
   * @throws DenseHybridError as `logProb`
   */
  async reconstructionError(
    patches: Tensor<Uint8Array>,
    options: { seed?: number; signal?: AbortSignal } = {},
  ): Promise<{ max: number; mean: number }> {
    checkOptionNames('reconstructionError', options, ['seed', 'signal'])
    const flow = this.#use()
    const batch = checkPatches(patches, this.reduction)
    const seed = checkInteger('seed', options.seed ?? 0, 0)
    return withCancel(options.signal, (cancel) => flow.reconstructionError(batch, { seed }, cancel))
  }

  /**
   * Writes a checkpoint (.safetensors), atomically.
   *
   * @param metadata stored as JSON beside the configuration
   * @throws DenseHybridError INVALID_ARGUMENT, DISPOSED, NOT_FOUND where the folder is missing, IO
   */
  async save(path: string, metadata: Readonly<Record<string, unknown>> = {}): Promise<void> {
    checkPath(path, 'the path of the new file')
    if (typeof metadata !== 'object' || metadata === null) throw invalid('metadata', 'an object', metadata)
    const flow = this.#use()
    const entries = encodeFlowMetadata(this.config, { ...this.#user, ...metadata })
    await withCancel(undefined, () => flow.save(path, entries))
  }

  /**
   * Replaces the weights by those of a checkpoint of the same configuration.
   *
   * @throws DenseHybridError NOT_FOUND, INVALID_FILE; ARCHITECTURE_MISMATCH naming what differs (the flow is then unchanged)
   */
  async loadWeights(path: string): Promise<void> {
    checkPath(path, 'the path of a checkpoint')
    const flow = this.#use()
    const { config } = await readFlowMetadata(loadNative(), path)
    requireSameFlow(path, config, this.config)
    try {
      await withCancel(undefined, () => flow.loadWeights(path, { strict: true, prefix: '' }))
    } catch (error) {
      throw namingFile(error, path)
    }
  }

  /** Frees the weights. Calling it again does nothing; any other call is then an error (DISPOSED). */
  dispose(): void {
    this.#flow?.dispose()
    this.#flow = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose()
  }

  #use(): NativeFlow {
    if (this.#flow !== undefined) return this.#flow
    throw new DenseHybridError('DISPOSED', 'This DenseFlow was disposed.')
  }

  #checkExtent(name: string, value: unknown): number {
    const extent = checkInteger(name, value, 1)
    if (extent % this.reduction !== 0) throw invalid(name, `a multiple of ${this.reduction}`, value)
    return extent
  }
}

/** For trainers: the native flow. Throws DISPOSED. */
export function insideOfFlow(flow: DenseFlow): NativeFlow {
  if (!(flow instanceof DenseFlow)) throw invalid('flow', 'a DenseFlow', flow)
  return open(flow)
}

/** For trainers: a new flow with random weights, as a checkpoint describes it. */
export async function buildFlow({ config, user }: FlowMetadata, device: string): Promise<DenseFlow> {
  const native = loadNative()
  return wrap(await withCancel(undefined, () => native.createFlow({ ...config, seed: 0, device })), user)
}

function checkPath(path: unknown, expected: string): asserts path is string {
  if (typeof path !== 'string' || path === '') throw invalid('path', expected, path)
}
