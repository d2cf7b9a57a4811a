import type { NativeAddon, NativeTrainer } from '../../../lib/binding/native.ts'
import { type Tensor, type TypedArray, tensor } from '../../../lib/tensor.ts'
import { upsampleBilinear } from '../bilinear.ts'
import type { ScalarCheck } from '../compare.ts'
import type { CaseDescription } from '../find-cases.ts'
import { caseWeights, createLadder, loadAll } from '../model.ts'
import type { Context, RunCase } from '../run.ts'

type Tensors = Record<string, Tensor<TypedArray>>
type Step = Awaited<ReturnType<NativeTrainer['step']>>

interface Hyper {
  K: number
  lr: number
  lr_backbone: number
  betas: [number, number]
  eps: number
  bn_momentum: number
  /** null in closed-set training */
  beta: number | null
}

interface Tolerance {
  loss_per_step: number[]
  checksums: string
}

const STEPS = 3

/** What a run left behind. */
interface Run {
  steps: Step[]
  /** All tensors of the model before the first step and after every step. */
  states: Tensors[]
}

/**
 * Three Adam steps on one batch: losses, gradients, parameters and running statistics.
 *
 * The first step of Adam moves a weight by lr · sign(gradient), so that a gradient near 0 decides by its last bits, which
 * hang on the order of float32 sums. The three steps therefore run with the arithmetic of the reference: NCHW, two
 * threads. The layout that training really uses (channels_last) runs one step of the well-conditioned cases, held
 * against the same values except for the weights after it.
 */
export const runTrainStep: RunCase = async (golden, reference, context) => {
  const { description } = golden
  const hyper = description.hyper as unknown as Hyper
  const native = await context.native()
  const weights = await caseWeights(golden, reference, native)
  const train = (channelsLast: boolean, steps: number) =>
    trainOn(native, context, hyper, weights, reference, channelsLast, steps)
  const threads = native.info().threads
  native.setThreads(2)
  let plain: Run
  try {
    plain = await train(false, STEPS)
  } finally {
    native.setThreads(threads)
  }
  const fast = description.ill_conditioned === true ? undefined : await train(true, 1)
  return {
    tensors: outputs(description, reference, plain, hyper.bn_momentum),
    variants: fast && {
      channels_last: withoutWeights(outputs(description, reference, fast, hyper.bn_momentum)),
    },
    scalars: [
      ...lossChecks(description, plain),
      ...checksumChecks(description, plain),
      ...untouchedChecks(description, plain),
      ...(fast === undefined ? [] : lossChecks(description, fast, ' (channels_last)')),
      ...(fast === undefined ? [] : checksumChecks(description, fast, ' (channels_last)')),
    ],
    notes: [`NCHW, two threads${fast === undefined ? '' : '; first step also in channels_last'}`],
  }
}

function withoutWeights(computed: Tensors): Tensors {
  return Object.fromEntries(Object.entries(computed).filter(([name]) => !name.startsWith('param_')))
}

async function trainOn(
  native: NativeAddon,
  context: Context,
  hyper: Hyper,
  weights: Tensors,
  reference: Tensors,
  channelsLast: boolean,
  count: number,
): Promise<Run> {
  const model = await createLadder(native, hyper.K, context, { channelsLast })
  const beta = hyper.beta ?? 0
  const trainer = native.createTrainer(model, {
    objective: hyper.beta === null ? 'closed-set' : 'hybrid',
    loss: {
      betaX: beta,
      betaD: 10 * beta,
      ignore: hyper.K,
      negative: hyper.K + 1,
      ignoreInDatasetPosterior: 'inlier',
      meanLogitShift: true,
    },
    betas: hyper.betas,
    eps: hyper.eps,
    weightDecay: 0,
    clipNorm: 0,
    backboneFactor: hyper.lr_backbone / hyper.lr,
    batchNormMomentum: hyper.bn_momentum,
    precision: 'float32',
  })
  try {
    // A closed-set network has no d_out head; ours keeps its own there.
    await loadAll(model, weights, hyper.beta === null ? /^logits_ood\./ : undefined)
    const run: Run = { steps: [], states: [await model.tensors()] }
    for (let i = 0; i < count; i++) {
      const options = { learningRate: hyper.lr, gradients: i === 0 }
      run.steps.push(
        await trainer.step(reference.input as Tensor, reference.label as Tensor<Int32Array>, options),
      )
      run.states.push(await model.tensors())
    }
    return run
  } finally {
    trainer.dispose()
    model.dispose()
  }
}

/** `first_step.*`, `grad_step0.*`, `param_after_stepN.*`, `bn_after_stepN.*`, `bn_after_step1_checkpointing.*`. */
function outputs(
  description: CaseDescription,
  reference: Tensors,
  { steps: [first], states }: Run,
  momentum: number,
): Tensors {
  const computed: Tensors = {}
  const lowResolution: Record<string, Tensor | undefined> = {
    logits: first.logits,
    logits_ood: first.oodLogits,
  }
  for (const name of Object.keys(description.checks)) {
    const dot = name.indexOf('.')
    const group = name.slice(0, dot)
    const key = name.slice(dot + 1)
    const after = /^(?:param|bn)_after_step(\d+)(_checkpointing)?$/.exec(group)
    let value: Tensor<TypedArray> | undefined
    if (group === 'grad_step0') value = first.gradients?.[key]
    else if (after !== null && after[2] === undefined) value = states[Number(after[1])]?.[key]
    else if (after !== null) value = checkpointed(description, states, key, momentum)
    else if (group === 'first_step' && key.endsWith('.sample0')) {
      const [, , height, width] = reference[name].shape
      const logits = lowResolution[key.slice(0, -'.sample0'.length)]
      if (logits !== undefined) value = upsampleBilinear(firstImage(logits), height, width)
    }
    if (value !== undefined) computed[name] = value
  }
  return computed
}

/**
 * Running statistic after one step under gradient checkpointing, where backward repeats the forward pass: the same
 * batch statistic b enters twice. From r₁ = (1−m)·r₀ + m·b follows r₂ = (1−m)·r₁ + m·b = (2−m)·r₁ − (1−m)·r₀.
 * The first norm is not checkpointed, and norms without a gradient are not run again: both stay at r₁.
 */
function checkpointed(description: CaseDescription, states: Tensors[], key: string, momentum: number) {
  const [before, after] = [states[0][key], states[1][key]] as Tensor[]
  if (before === undefined || after === undefined) return undefined
  const withoutGradient = (description.parameters_without_gradient ?? []) as string[]
  const norm = key.slice(0, key.lastIndexOf('.'))
  if (norm === 'backbone.features.norm0' || withoutGradient.includes(`${norm}.weight`)) return after
  return tensor(
    after.data.map((value, i) => (2 - momentum) * value - (1 - momentum) * before.data[i]),
    after.shape,
  )
}

/** Losses before each step, against the float64 reference. */
function lossChecks(description: CaseDescription, { steps }: Run, suffix = ''): ScalarCheck[] {
  const tolerance = (description.tolerance as Tolerance).loss_per_step
  const stored = description.scalars?.losses_per_step_f64 as Record<string, number>[]
  const terms = { loss: 'total', loss_seg: 'cls', loss_ood: 'x', loss_th: 'd' } as const
  return steps.flatMap((step, i) =>
    Object.entries(terms).flatMap(([name, term]) => {
      // The tolerance is that of the total. An ill-conditioned case says nothing about single terms after an update.
      if (stored[i][name] === undefined || (name !== 'loss' && i > 0 && description.ill_conditioned === true))
        return []
      return [
        {
          name: `step ${i} ${name}${suffix}`,
          got: step[term],
          reference: stored[i][name],
          rtol: 0,
          atol: tolerance[i],
        },
      ]
    }),
  )
}

/** Norms of gradients and updates; their tolerances are one sentence of the case. */
function checksumChecks(
  description: CaseDescription,
  { steps: [first], states }: Run,
  suffix = '',
): ScalarCheck[] {
  const sentence = (description.tolerance as Tolerance).checksums
  const match =
    /^grad0_l2, update1_l2: rtol (\S+) \((\S+) when ill_conditioned\); update3_l2: rtol ([^\s,]+), informative only when ill_conditioned$/.exec(
      sentence,
    )
  if (match === null) throw new Error(`cannot read the tolerance ${JSON.stringify(sentence)}`)
  const ill = description.ill_conditioned === true
  const rtol = Number(ill ? match[2] : match[1])
  const checks: ScalarCheck[] = []
  const check = (name: string, got: number, reference: number, relative: number) =>
    checks.push({ name: `${name}${suffix}`, got, reference, rtol: relative, atol: 0 })
  const sums = description.parameter_checksums as Record<string, Record<string, number>>
  for (const [name, sum] of Object.entries(sums)) {
    const gradient = first.gradients?.[name]
    check(`${name} grad0_l2`, gradient === undefined ? Number.NaN : norm(gradient.data), sum.grad0_l2, rtol)
    check(`${name} update1_l2`, updateNorm(states[0][name], states[1][name]), sum.update1_l2, rtol)
    if (ill || states.length <= STEPS) continue
    const moved = updateNorm(states[0][name], states[STEPS][name])
    check(`${name} update3_l2`, moved, sum.update3_l2, Number(match[3]))
  }
  check('grad_norm_step0', first.gradNorm, description.scalars?.grad_norm_step0 as number, rtol)
  return checks
}

/** Parameters without a gradient must be what they were, bit for bit. */
function untouchedChecks(description: CaseDescription, { states }: Run): ScalarCheck[] {
  const names = (description.parameters_without_gradient ?? []) as string[]
  return names.map((name) => ({
    name: `${name} moved by`,
    got: updateNorm(states[0][name], states[STEPS][name]),
    reference: 0,
    rtol: 0,
    atol: 0,
  }))
}

function firstImage({ data, shape }: Tensor): Tensor {
  const [, c, h, w] = shape
  return tensor(data.subarray(0, c * h * w), [1, c, h, w])
}

function norm(values: TypedArray): number {
  let sum = 0
  for (const value of values) sum += Number(value) ** 2
  return Math.sqrt(sum)
}

function updateNorm(before: Tensor<TypedArray> | undefined, after: Tensor<TypedArray> | undefined): number {
  if (before === undefined || after === undefined) return Number.NaN
  return norm(Float64Array.from(after.data as Float32Array, (value, i) => value - Number(before.data[i])))
}
