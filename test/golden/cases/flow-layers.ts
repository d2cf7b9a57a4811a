import type { NativeAddon } from '../../../lib/binding/native.ts'
import type { Tensor, TypedArray } from '../../../lib/tensor.ts'
import type { Computed, ScalarCheck } from '../compare.ts'
import type { GoldenCase } from '../find-cases.ts'
import { drawsOf, firstChannels, floats, flowWeights, NET, type Tensors } from '../flow.ts'
import type { RunCase } from '../run.ts'

type Sizes = Record<string, number>

/** A case under way: its tensors, its weights, and a way to run a layer. */
interface Layer {
  golden: GoldenCase
  reference: Tensors
  weights: Tensors
  run(
    layer: string,
    input: Tensor<TypedArray>,
    options?: { sizes?: Sizes; draws?: Tensor[]; state?: Tensors },
  ): Promise<Tensors>
}

/** What runs the layers, by the first words of their op. */
const OPS: readonly [prefix: string, run: (layer: Layer) => Promise<Computed>][] = [
  ['ActNorm', runActNorm],
  ['invertible 1x1 convolution', runConv1x1],
  ['ConvNormal2d', runConvNormal],
  ['affine coupling', runCoupling],
  ['InvertibleDenseBlock', runDenseBlock],
  ['GatedConv2d', runGatedConv],
  ['InvertibleTransition', runTransition],
  ['Squeeze2d', runSqueeze],
  ['SwitchChannels', runChannelSwitch],
  ['uniform dequantisation', runUniformDequantization],
  ['variational dequantisation', runVariationalDequantization],
  ['Nystrom attention', runNystromAttention],
]

/** One layer of the flow by itself: values, log-determinants, inverses, gradients. */
export const runFlowLayer: RunCase = async (golden, reference, context) => {
  const { op } = golden.description
  const run = OPS.find(([prefix]) => op.startsWith(prefix))?.[1]
  if (run === undefined) throw new Error(`no way to run the op ${JSON.stringify(op)}`)
  const native: NativeAddon = await context.native()
  const weights = await flowWeights(golden, reference)
  return run({
    golden,
    reference,
    weights,
    run: (layer, input, { sizes = {}, draws = [], state = weights } = {}) =>
      native.flowLayer(layer, { sizes, draws }, state, input),
  })
}

async function runActNorm({ reference, run }: Layer): Promise<Computed> {
  const first = await run('actnorm', reference.x)
  const { 'state.shift': shift, 'state.log_scale': log_scale, 'state.initialized': initialized } = first
  const second = await run('actnorm', reference.x2, { state: { shift, log_scale, initialized } })
  const later = { z2: second.value, ldj2: second.log_det }
  return { tensors: { shift, log_scale, ...bijection(first), ...later } }
}

async function runConv1x1({ reference, run }: Layer): Promise<Computed> {
  const result = await run('conv1x1', reference.x)
  return { tensors: { ...bijection(result), grad_weight: result['grad.weight'] } }
}

async function runConvNormal({ reference, run }: Layer): Promise<Computed> {
  const tensors: Tensors = {}
  for (const kind of ['tuple', 'int']) {
    const draws = drawsOf(reference, `${kind}_`)
    const [n, , height, width] = draws[0].shape
    const result = await run('convNormal', reference.x, { sizes: { n, height, width }, draws })
    tensors[`sample_${kind}`] = result.sample
    tensors.log_prob = result.log_prob
  }
  return { tensors }
}

async function runCoupling({ golden, reference, weights, run }: Layer): Promise<Computed> {
  const attention = Object.keys(weights).some((name) => name.includes('.mha.')) ? 1 : 0
  const { mid, depth = NET.netDepth, growth = NET.netGrowth } = golden.description.hyper as Sizes
  const sizes = { mid, depth, netGrowth: growth, attention }
  const result = await run('coupling', reference.x, { sizes })
  const last = 'grad.coupling_net.0.dn.transform.2.weight'
  const gradients = { grad_x: result['grad.input'], grad_last_conv_weight: result[last] }
  return { tensors: { ...bijection(result), net_out: result.net, ...gradients } }
}

async function runDenseBlock({ golden, reference, run }: Layer): Promise<Computed> {
  const { growth, num_units: units } = golden.description.hyper as Sizes
  const sizes = { units, growth, layers: 0 }
  const result = await run('denseBlock', reference.x, { sizes, draws: drawsOf(reference) })
  return { tensors: { ...bijection(result), ld: result.log_det } }
}

async function runGatedConv({ reference, weights, run }: Layer): Promise<Computed> {
  const sizes = { out: weights['conv.weight'].shape[0] / 3, kernel: weights['conv.weight'].shape[2] }
  return { tensors: { y: (await run('gatedConv', reference.x, { sizes })).value } }
}

async function runTransition({ reference, run }: Layer): Promise<Computed> {
  const result = await run('transition', reference.x, { draws: drawsOf(reference, 'inverse_') })
  return { tensors: bijection(result) }
}

async function runSqueeze({ reference, run }: Layer): Promise<Computed> {
  const result = await run('squeeze', reference.x)
  return { tensors: { z: result.value }, scalars: [restored('x', result.inverse, reference.x)] }
}

async function runChannelSwitch({ reference, run }: Layer): Promise<Computed> {
  const tensors: Tensors = {}
  const scalars: ScalarCheck[] = []
  for (const name of Object.keys(reference).filter((key) => key.startsWith('x_'))) {
    const result = await run('channelSwitch', reference[name])
    tensors[name.replace(/^x_/, 'z_')] = result.value
    scalars.push(restored(name, result.inverse, reference[name]))
  }
  return { tensors, scalars }
}

async function runUniformDequantization({ reference, run }: Layer): Promise<Computed> {
  const draws = drawsOf(reference)
  const { value: z, log_det: ldj } = await run('uniformDequantization', floats(reference.x), { draws })
  const { value: x_quantised } = await run('quantise', reference.z_to_quantise)
  return { tensors: { z, ldj, x_quantised } }
}

async function runVariationalDequantization({ golden, reference, run }: Layer): Promise<Computed> {
  const draws = drawsOf(reference)
  const result = await run('variationalDequantization', floats(reference.x), { draws })
  const tensors: Tensors = { z: result.value, ldj: result.log_det, u: result.u, log_q_u: result.log_q }
  for (const name of Object.keys(golden.description.checks)) {
    const match = /^context\.ch0_(\d+)$/.exec(name)
    if (match !== null) tensors[name] = firstChannels(result.context, Number(match[1]))
  }
  return { tensors }
}

async function runNystromAttention({ golden, reference, run }: Layer): Promise<Computed> {
  const sizes = { embedding: (golden.description.hyper as Sizes).embed }
  return { tensors: { y: (await run('nystromAttention', reference.x, { sizes })).value } }
}

function bijection(result: Tensors): Tensors {
  return { z: result.value, ldj: result.log_det, x_from_inverse: result.inverse }
}

/** The inverse must give the input back, bit for bit. */
function restored(name: string, got: Tensor<TypedArray>, expected: Tensor<TypedArray>): ScalarCheck {
  const different = expected.data.filter((value: unknown, i: number) => value !== got.data[i]).length
  return { name: `values of ${name} changed by the inverse`, got: different, reference: 0, rtol: 0, atol: 0 }
}
