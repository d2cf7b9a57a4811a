import type { NativeAddon, NativeLossOptions, NativeLossResult } from '../../../lib/binding/native.ts'
import { type Tensor, type TypedArray, tensor } from '../../../lib/tensor.ts'
import { type ScalarCheck, scalarValue } from '../compare.ts'
import type { RunCase } from '../run.ts'

type Real = Float32Array | Float64Array

interface Hyper {
  ignore_index: number
  negative_id: number
  beta: number
  beta_th: number
  align_corners: boolean | null
}

const GUARDED = 'NaN in the release (0/0); a term without pixels is 0 here, compared with the guarded values'

/** Values and gradients of the loss in float32 and float64, and the gradient of every term (by linearity in the β). */
export const runHybridLoss: RunCase = async (golden, reference, context) => {
  const { description } = golden
  const native = await context.native()
  const hyper = description.hyper as unknown as Hyper
  const loss = lossOf(native, reference, hyper)
  const { beta, beta_th: betaD } = hyper

  const single = await loss('float32', beta, betaD)
  const double = await loss('float64', beta, betaD)
  const seg = await loss('float64', 0, 0)
  const withX = await loss('float64', 1, 0)
  const withD = await loss('float64', 0, 1)
  const plain = await loss('float64', beta, betaD, false)

  const labels = reference.label.data as Int32Array
  const computed: Record<string, Tensor<TypedArray>> = {
    label_ood: tensor(
      Uint8Array.from(labels, (label) => Number(label === hyper.negative_id)),
      reference.label.shape,
    ),
    d_loss_seg_d_logits_f64: seg.gradLogits,
    d_loss_ood_d_logits_f64: difference(withX.gradLogits, seg.gradLogits),
    d_loss_th_d_logits_ood_f64: withD.gradOodLogits,
  }
  const omitted: Record<string, string> = {}
  for (const name of Object.keys(description.checks)) {
    const match = /^grad_logits(_ood)?(_guarded)?(_f64)?$/.exec(name)
    if (match === null) continue
    const result = match[3] === undefined ? single : double
    computed[name] = match[1] === undefined ? result.gradLogits : result.gradOodLogits
    const guarded = `grad_logits${match[1] ?? ''}_guarded${match[3] ?? ''}`
    const hasNaN = (reference[name].data as Real).some(Number.isNaN)
    if (match[2] === undefined && hasNaN && guarded in description.checks) omitted[name] = GUARDED
  }

  const scalars = scalarChecks(description.scalars ?? {}, description.tolerance, { single, double, plain })
  for (const [name, beta] of otherBetas(description.scalars ?? {})) {
    const result = await loss(name.endsWith('f32') ? 'float32' : 'float64', beta, (betaD / hyper.beta) * beta)
    scalars.check(name, result.total, description.scalars?.[name])
  }
  for (const name of scalars.leftOut) omitted[name] = GUARDED
  return { tensors: computed, scalars: scalars.checks, omitted }
}

function lossOf(native: NativeAddon, reference: Record<string, Tensor<TypedArray>>, hyper: Hyper) {
  const cast = (name: string, type: 'float32' | 'float64'): Tensor<Real> => {
    const { data, shape } = reference[name] as Tensor
    return tensor(type === 'float32' ? data : Float64Array.from(data), shape)
  }
  return (
    type: 'float32' | 'float64',
    betaX: number,
    betaD: number,
    shift = true,
  ): Promise<NativeLossResult> => {
    const options: NativeLossOptions = {
      betaX,
      betaD,
      ignore: hyper.ignore_index,
      negative: hyper.negative_id,
      ignoreInDatasetPosterior: 'inlier',
      meanLogitShift: shift,
      alignCorners: hyper.align_corners === true,
    }
    return native.hybridLoss(
      cast('logits', type),
      cast('logits_ood', type),
      reference.label as Tensor<Int32Array>,
      options,
    )
  }
}

/** Every scalar of the case against its term; those that are NaN in the release are listed instead. */
function scalarChecks(
  scalars: Record<string, unknown>,
  tolerance: unknown,
  { single, double, plain }: Record<'single' | 'double' | 'plain', NativeLossResult>,
) {
  const { rtol, atol } = (tolerance as { scalars: { rtol: number; atol: number } }).scalars
  const checks: ScalarCheck[] = []
  const leftOut: string[] = []
  const check = (name: string, got: number, stored: unknown) => {
    const reference = scalarValue(stored)
    if (reference === undefined) return
    if (Number.isNaN(reference)) leftOut.push(name)
    else checks.push({ name, got, reference, rtol, atol })
  }
  const terms = { loss: 'total', loss_ood: 'x', loss_seg: 'cls', loss_th: 'd' } as const
  for (const [group, result] of [
    ['official_f32', single],
    ['official_f64', double],
  ] as const) {
    const stored = (scalars[group] ?? {}) as Record<string, unknown>
    for (const [name, term] of Object.entries(terms)) check(`${group}.${name}`, result[term], stored[name])
  }
  check('loss_seg_f64', double.cls, scalars.loss_seg_f64)
  check('loss_ood_f64', double.x, scalars.loss_ood_f64)
  check('loss_th_f64', double.d, scalars.loss_th_f64)
  check('total_guarded_f64', double.total, scalars.total_guarded_f64)
  check('loss_ood_plain_f64', plain.x, scalars.loss_ood_plain_f64)
  if (scalars.loss_ood_plain_f64 != null)
    check('batch_mean_logit_f64', plain.x - double.x, scalars.batch_mean_logit_f64)
  return { checks, leftOut, check }
}

/** Totals at another β, named `official_total_beta_0_01_f32`. */
function otherBetas(scalars: Record<string, unknown>): [string, number][] {
  return Object.keys(scalars).flatMap((name) => {
    const match = /^official_total_beta_(\d+)_(\d+)_f(32|64)$/.exec(name)
    return match === null ? [] : [[name, Number(`${match[1]}.${match[2]}`)] as [string, number]]
  })
}

function difference(a: Tensor<Real>, b: Tensor<Real>): Tensor<Float64Array> {
  return tensor(
    Float64Array.from(a.data, (value, i) => value - b.data[i]),
    a.shape,
  )
}
