import type { Tensor, TypedArray } from '../tensor.ts'

/** What the addon says about itself, without loading a model. */
export interface NativeInfo {
  version: string
  libtorch: string
  cuda: boolean
  /** `memory` in bytes; 0 where it is not known. */
  devices: { type: 'cpu' | 'cuda'; index: number; name: string; memory: number }[]
  threads: number
  /** `paths`: the compilations of the vector kernels that this machine can run, slowest first; DENSEHYBRID_CPU forces one. */
  cpu: { avx512: boolean; bf16: boolean; paths: string[] }
  buildType: string
}

export type Precision = 'float32' | 'bf16'

/** One byte, non-zero = cancel. Native jobs poll it between stages; see `lib/binding/cancel.ts`. */
export type CancelFlag = Uint8Array

/** Everything needed to build a model; also what a checkpoint's metadata carries. */
export interface NativeModelConfig {
  /** See `architectures()`. */
  architecture: string
  /** K */
  classes: number
  /** Architecture options, see `architectures()`. */
  options: Record<string, string | number | boolean>
  /** Per channel, applied to the RGB image scaled to [0, 1]. */
  mean: readonly number[]
  std: readonly number[]
  /** For the initial weights. */
  seed: number
  /** 'cpu', 'cuda', 'cuda:1' */
  device: string
  /** Default true. false: NCHW arithmetic as PyTorch's default, slower; for comparisons that hang on float32 order. */
  channelsLast?: boolean
}

export interface NativeArchitecture {
  name: string
  mean: number[]
  std: number[]
  /** Option names with their default values. */
  options: Record<string, string | number | boolean>
  /** Output stride of the logits. */
  stride: number
  /** Of the bilinear resizing of the logits to the image. */
  alignCorners: boolean
  /** Does training recompute activations unless that is switched off? */
  checkpointing: boolean
  /** torchvision's name of the backbone, where it publishes ImageNet weights for it. */
  backbone?: string
}

export interface NativeImageBatch {
  images: number
  height: number
  width: number
}

/** What a model costs, layer by layer; the fused path of the CPU needs less memory. */
export interface NativeModelProfile {
  /** Trained values. */
  parameters: number
  /** Of one forward pass; a multiplication and its addition count as two. */
  flops: number
  /** Weights, and the maps that live at once in a forward pass. */
  inferenceBytes: number
  /** The same for a training step, with gradients and Adam's moments. */
  trainingBytes: number
}

/** What a few runs of an imported module showed. */
export interface NativeScriptedReport {
  /** What its forward returns, in words. */
  output: string
  /** Rows of the image per row of the logits. */
  stride: number
  /** 0: the open-set head sits on the logits. */
  featureChannels: number
  featureStride: number
  /** Images are padded to multiples of it. */
  padTo: number
  /** Does a gradient reach its weights? */
  trainable: boolean
  /** Do its norms and dropout follow a training mode, or did tracing fix them? */
  trainingMode: boolean
  /** As stored, e.g. F16; the weights are float32 from then on. */
  weightsDtype: string
}

/** Uint8 N×H×W×3 (as users give them), or Float32 N×3×H×W already scaled to [0, 1] (golden tests). */
export type NativeImages = Tensor<Uint8Array> | Tensor<Float32Array>

export interface NativeForwardResult {
  /** N×K×h×w */
  logits: Tensor
  /** N×2×h×w, index 1 = d_out */
  oodLogits: Tensor
  /** Intermediate activations by name, only with `probes: true`. */
  probes?: Record<string, Tensor>
}

export type ScoreName = 'hybrid' | 'discriminative' | 'generative' | 'maxSoftmax' | 'maxLogit' | 'entropy'

export interface NativeScoreOptions {
  height: number
  width: number
  scores: readonly ScoreName[]
  /** Open-set labels: K where the hybrid score > threshold. Absent: closed-set labels. */
  threshold?: number
  /** Default false. */
  alignCorners?: boolean
}

export interface NativeScoreResult {
  /** N×H×W */
  labels: Tensor<Uint8Array>
  /** N×H×W each; larger = more anomalous */
  scores: Record<string, Tensor>
  /** Pixels with a NaN or infinite logit: their scores are NaN, their label is K. 0 unless the weights are broken. */
  nonFinite: number
}

export interface NativeLossOptions {
  betaX: number
  betaD: number
  /** Label value left out of L_cls. */
  ignore: number
  /** Label value of pasted pixels. */
  negative: number
  /** Do ignore pixels count as d_in in L_d (the authors' release) or are they left out? */
  ignoreInDatasetPosterior: 'inlier' | 'exclude'
  /** Shift the value (not the gradient) of L_x by the detached mean of all logits, as the authors' release does. */
  meanLogitShift: boolean
  alignCorners?: boolean
}

export interface NativeLossResult {
  total: number
  cls: number
  x: number
  d: number
  /** ∂total/∂logits and ∂total/∂oodLogits at the resolution of the inputs, same dtype as the inputs. */
  gradLogits: Tensor<Float32Array | Float64Array>
  gradOodLogits: Tensor<Float32Array | Float64Array>
}

export type Freeze = 'backbone' | 'all-but-head'

export interface NativeTrainerOptions {
  objective: 'closed-set' | 'hybrid'
  loss: NativeLossOptions
  /** Adam */
  betas: readonly [number, number]
  eps: number
  weightDecay: number
  /** Global gradient-norm clip; 0 = off. */
  clipNorm: number
  /** Learning-rate factor of the parameters whose name starts with 'backbone.'. */
  backboneFactor: number
  batchNormMomentum: number
  /** What keeps its weights and running statistics; absent: nothing. */
  freeze?: Freeze
  /** Recompute activations in the backward pass instead of keeping them. Default false. */
  checkpointing?: boolean
  precision: Precision
  /** With a flow that is trained in the same steps. */
  flow?: NativeJointFlowOptions
}

export interface NativeJointFlowOptions extends NativeFlowTrainerOptions {
  /** λ of L_flow = L_mle + λ · L_jsd */
  jsdWeight: number
  /** Do the losses of the segmenter train the flow, too? */
  throughSegmentation: boolean
}

/** A rectangle of one image of a batch, in pixels. */
export interface NativeWindow {
  image: number
  top: number
  left: number
  height: number
  width: number
}

export interface NativeStepResult {
  total: number
  cls: number
  x: number
  d: number
  gradNorm: number
  /** Of the flow, where samples of it were pasted: L_mle in bits per dimension, L_jsd, norm of its gradient. */
  mle?: number
  jsd?: number
  flowGradNorm?: number
  /** Share of the sampled values that left the image's range and were clamped. */
  outside?: number
}

export interface NativeModel {
  readonly parameterCount: number
  readonly config: NativeModelConfig
  forward(
    images: NativeImages,
    options: { precision: Precision; probes?: boolean },
    cancel?: CancelFlag,
  ): Promise<NativeForwardResult>
  segment(
    images: NativeImages,
    options: NativeScoreOptions & { precision: Precision },
    cancel?: CancelFlag,
  ): Promise<NativeScoreResult>
  /** Names of all tensors of the state dict, in order. */
  tensorNames(): string[]
  /** Their shapes by name. */
  tensorShapes(): Record<string, number[]>
  /** Copies of state-dict tensors by name (all when `names` is absent). */
  tensors(names?: readonly string[]): Promise<Record<string, Tensor<TypedArray>>>
  loadTensors(
    tensors: Record<string, Tensor<TypedArray>>,
    options: { strict: boolean },
  ): Promise<{ missing: string[]; unexpected: string[] }>
  loadWeights(
    path: string,
    options: { strict: boolean; prefix: string },
  ): Promise<{ missing: string[]; unexpected: string[] }>
  /** Atomic: write, fsync, rename. */
  save(path: string, metadata: Record<string, string>): Promise<void>
  dispose(): void
}

export interface NativeTrainer {
  /**
   * One optimiser step. `labels` N×H×W: Uint8, or Int32 in golden tests. Rejects with NON_FINITE when loss or gradient
   * is not finite; weights, moments and running statistics are then what they were before the step.
   */
  step(
    images: NativeImages,
    labels: Tensor<Uint8Array> | Tensor<Int32Array>,
    options: {
      learningRate: number
      gradients?: boolean
      /** Where samples of the flow go; the labels name these pixels negative already. */
      windows?: readonly NativeWindow[]
      /** Of the samples. */
      seed?: number
      flowLearningRate?: number
    },
    cancel?: CancelFlag,
  ): Promise<NativeStepResult & { gradients?: Record<string, Tensor>; logits?: Tensor; oodLogits?: Tensor }>
  readonly steps: number
  /** One atomic file: weights (`model.`), Adam moments (`exp_avg.`, `exp_avg_sq.`), step count, metadata. */
  save(path: string, metadata: Record<string, string>): Promise<void>
  /** Restores what `save` wrote, into this trainer and its model. */
  load(path: string): Promise<Record<string, string>>
  dispose(): void
}

/** Where a benchmark keeps the tensors of a kernel. */
export interface NativeKernelSetting {
  device: string
  precision: Precision
}

/** A kernel with its tensors in place, to be run again and again. */
export interface NativeKernelJob<R> {
  /** Runs it `times` times; done when the last one is. */
  run(times: number): Promise<void>
  /** What the last run gave. */
  result(): Promise<R>
  dispose(): void
}

/** Everything needed to build a flow; also what its checkpoint's metadata carry. */
export interface NativeFlowConfig {
  /** The named configuration it started from, see `flowArchitectures()`. */
  architecture: string
  /** Of every dense block: units, layers per unit, channels of the coupling nets. */
  units: readonly number[]
  layers: readonly number[]
  mid: readonly number[]
  /** Noise channels appended between units. */
  growth: number
  /** Dense layers of a coupling net, and the channels that each appends. */
  netDepth: number
  netGrowth: number
  /** Attention heads beside the dense layers. */
  attention: boolean
  /** Dequantisation by a flow of its own instead of uniform noise. */
  variational: boolean
  /** For the initial weights. */
  seed: number
  /** 'cpu', 'cuda', 'cuda:1' */
  device: string
}

/** Random numbers of a pass through a flow: from a seed, or given in the order in which they are drawn (N×C×H×W). */
export type NativeDraws = { seed: number } | { draws: readonly Tensor[] }

/** Patches are Uint8 N×H×W×3; height and width are multiples of `reduction`. */
export interface NativeFlow {
  readonly parameterCount: number
  readonly reduction: number
  /** Until then there is neither likelihood nor sample. */
  readonly initialised: boolean
  readonly config: NativeFlowConfig
  /** `logProb` N, nats. With `probes`: z at the base, N×C×h×w, and values and log-determinants of every step by name. */
  logProb(
    patches: Tensor<Uint8Array>,
    options: NativeDraws & { probes?: boolean },
    cancel?: CancelFlag,
  ): Promise<{ logProb: Tensor<Float64Array>; z?: Tensor; probes?: Record<string, Tensor<TypedArray>> }>
  /** N×H×W×3: bytes, or continuous values, nominally in [0, 1). `outside`: share of values outside of that range. */
  sample(
    options: NativeDraws & { n: number; height: number; width: number; continuous?: boolean },
    cancel?: CancelFlag,
  ): Promise<{ patches: Tensor<Uint8Array | Float32Array>; outside: number }>
  /** Sets every ActNorm from these patches, whatever it was; ln p of that pass. */
  initialise(
    patches: Tensor<Uint8Array>,
    options: NativeDraws,
    cancel?: CancelFlag,
  ): Promise<Tensor<Float64Array>>
  /** |x − f⁻¹(f(x))| in grey levels. */
  reconstructionError(
    patches: Tensor<Uint8Array>,
    options: NativeDraws,
    cancel?: CancelFlag,
  ): Promise<{ max: number; mean: number }>
  /** As of NativeModel. */
  tensorNames(): string[]
  tensors(names?: readonly string[]): Promise<Record<string, Tensor<TypedArray>>>
  loadTensors(
    tensors: Record<string, Tensor<TypedArray>>,
    options: { strict: boolean },
  ): Promise<{ missing: string[]; unexpected: string[] }>
  loadWeights(
    path: string,
    options: { strict: boolean; prefix: string },
  ): Promise<{ missing: string[]; unexpected: string[] }>
  save(path: string, metadata: Record<string, string>): Promise<void>
  dispose(): void
}

export interface NativeFlowTrainerOptions {
  /** Adamax */
  betas: readonly [number, number]
  eps: number
  /** Global gradient-norm clip; 0 = off. */
  clipNorm: number
}

export interface NativeFlowTrainer {
  /**
   * One step on −ln p in bits per dimension; the first one initialises a flow that is not. Rejects with NON_FINITE when
   * loss or gradient is not finite; the flow is then what it was before the step.
   */
  step(
    patches: Tensor<Uint8Array>,
    options: NativeDraws & { learningRate: number; gradients?: boolean },
    cancel?: CancelFlag,
  ): Promise<{ bitsPerDim: number; gradNorm: number; gradients?: Record<string, Tensor> }>
  readonly steps: number
  /** One atomic file: weights (`flow.`), Adamax moments (`exp_avg.`, `exp_inf.`), step counts, metadata. */
  save(path: string, metadata: Record<string, string>): Promise<void>
  /** Restores what `save` wrote, into this trainer and its flow. */
  load(path: string): Promise<Record<string, string>>
  dispose(): void
}

/** Whole pixels. */
export interface NativeBox {
  top: number
  left: number
  height: number
  width: number
}

export interface NativeAddon {
  info(): NativeInfo
  setThreads(threads: number): void
  architectures(): NativeArchitecture[]
  createModel(config: NativeModelConfig): Promise<NativeModel>
  /** Costs of a model, found without computing anything; its device is not used. */
  profileModel(
    config: NativeModelConfig,
    options: { scored: NativeImageBatch; trained: NativeImageBatch; checkpointing: boolean },
  ): Promise<NativeModelProfile>
  /**
   * A TorchScript module with the open-set head, from a file of `torch.jit.save`, or from a checkpoint's tensors below
   * `prefix`. `config.options`: logits, features, channels, padTo, inputHeight, inputWidth, alignCorners as in
   * native/core/models/scripted_network.h; `architecture` is only carried along.
   */
  createScriptedModel(
    config: NativeModelConfig,
    source: { torchscript: string } | { checkpoint: string; prefix: string },
  ): Promise<{ model: NativeModel; report: NativeScriptedReport }>
  /**
   * A region of an image H×W×C (C = 1 or 3), resized, mirrored and written into `target`, which is of the same C: see
   * native/core/ops/place_image.h. Neither may change until the promise settles. Beside other calls, on libuv's pool.
   */
  placeImage(
    source: Tensor<Uint8Array>,
    target: Tensor<Uint8Array>,
    options: { from: NativeBox; to: NativeBox; mirror: boolean; fill: readonly number[] },
  ): Promise<void>
  /** With a flow, `options.flow` is needed. */
  createTrainer(model: NativeModel, options: NativeTrainerOptions, flow?: NativeFlow): NativeTrainer
  /** The named configurations; seed 0, device 'cpu'. */
  flowArchitectures(): NativeFlowConfig[]
  createFlow(config: NativeFlowConfig): Promise<NativeFlow>
  createFlowTrainer(flow: NativeFlow, options: NativeFlowTrainerOptions): NativeFlowTrainer
  /** One layer of the flow by itself, for comparisons; layers, sizes and results as in native/core/flow/flow_layer.h. */
  flowLayer(
    layer: string,
    options: NativeDraws & { sizes: Record<string, number> },
    state: Record<string, Tensor<TypedArray>>,
    input: Tensor<TypedArray>,
  ): Promise<Record<string, Tensor<TypedArray>>>
  /**
   * A backbone as torchvision's image classifier, for comparisons; see native/core/models/classifier.h.
   * `image` N×3×H×W, normalised; the result holds `logits` N×classes and activations by name.
   */
  runClassifier(
    name: string,
    state: Record<string, Tensor<TypedArray>>,
    image: Tensor,
  ): Promise<Record<string, Tensor>>
  hybridScore(
    logits: Tensor,
    oodLogits: Tensor,
    options: NativeScoreOptions,
    cancel?: CancelFlag,
  ): Promise<NativeScoreResult>
  hybridLoss(
    logits: Tensor<Float32Array | Float64Array>,
    oodLogits: Tensor<Float32Array | Float64Array>,
    labels: Tensor<Uint8Array> | Tensor<Int32Array>,
    options: NativeLossOptions,
    cancel?: CancelFlag,
  ): Promise<NativeLossResult>
  prepareHybridScore(
    logits: Tensor,
    oodLogits: Tensor,
    options: NativeScoreOptions,
    setting: NativeKernelSetting,
  ): Promise<NativeKernelJob<NativeScoreResult>>
  prepareHybridLoss(
    logits: Tensor,
    oodLogits: Tensor,
    labels: Tensor<Uint8Array>,
    options: NativeLossOptions,
    setting: NativeKernelSetting,
  ): Promise<NativeKernelJob<NativeLossResult>>
  /** Bytes per second, read and written together, of the fastest of a few large copies. */
  memoryBandwidth(options: { device: string }): Promise<number>
  /** Jensen–Shannon divergence to the uniform distribution: mean over mask ≠ 0, per-pixel map, gradient of the mean. */
  jensenShannon(
    logits: Tensor<Float32Array | Float64Array>,
    mask: Tensor<Uint8Array>,
    options: { alignCorners?: boolean },
  ): Promise<{
    loss: number
    map: Tensor<Float32Array | Float64Array>
    gradLogits: Tensor<Float32Array | Float64Array>
  }>
  /** All tensors of a .safetensors file; F16 and BF16 are widened to Float32Array. Throws INVALID_FILE with the reason. */
  readSafetensors(
    path: string,
  ): Promise<{ tensors: Record<string, Tensor<TypedArray>>; metadata: Record<string, string> }>
  /** Only the header: names → dtype and shape, and the metadata. */
  readSafetensorsHeader(path: string): Promise<{
    tensors: Record<string, { dtype: string; shape: number[] }>
    metadata: Record<string, string>
  }>
  writeSafetensors(
    path: string,
    tensors: Record<string, Tensor<TypedArray>>,
    metadata: Record<string, string>,
  ): Promise<void>
}
