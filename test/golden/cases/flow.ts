import type { NativeAddon, NativeFlow } from '../../../lib/binding/native.ts'
import { type Tensor, type TypedArray, tensor } from '../../../lib/tensor.ts'
import type { Computed, ScalarCheck } from '../compare.ts'
import type { CaseDescription, GoldenCase } from '../find-cases.ts'
import {
  channelsFirst,
  channelsLast,
  createFlow,
  drawsOf,
  firstChannels,
  flowWeights,
  loadFlow,
  type Tensors,
} from '../flow.ts'
import type { RunCase } from '../run.ts'
import { runFlowTraining } from './flow-training.ts'

/** What runs the ops of a whole flow with its weights loaded. */
const OPS: readonly [prefix: string, run: FlowRun][] = [
  ['flow log-likelihood', runLogProb],
  ['sampling', runSample],
  ['first training-mode log_prob', runInitialise],
  ['maximum-likelihood training', runFlowTraining],
]

export type FlowRun = (
  flow: NativeFlow,
  golden: GoldenCase,
  reference: Tensors,
  native: NativeAddon,
) => Promise<Computed>

/** A flow as a whole: state dict, likelihood, sampling, initialisation, training. */
export const runFlow: RunCase = async (golden, reference, context) => {
  const { op } = golden.description
  const native = await context.native()
  const flow = await createFlow(native, golden, context)
  try {
    if (/state dict/.test(op)) return await runStateDict(flow, golden, reference)
    const run = OPS.find(([prefix]) => op.startsWith(prefix))?.[1]
    if (run === undefined) throw new Error(`no way to run the op ${JSON.stringify(op)}`)
    await loadFlow(flow, await flowWeights(golden, reference))
    return await run(flow, golden, reference, native)
  } finally {
    flow.dispose()
  }
}

/** A state dict, stored whole or by rule: it must load strictly, tensor for tensor, and come back unchanged. */
async function runStateDict(flow: NativeFlow, golden: GoldenCase, reference: Tensors): Promise<Computed> {
  const byRule = Array.isArray(golden.description.weights)
  const weights = byRule ? await flowWeights(golden, reference) : reference
  await loadFlow(flow, weights)
  const back = await flow.tensors()
  const different = Object.keys(weights).filter((name) =>
    weights[name].data.some((value: unknown, i: number) => value !== back[name].data[i]),
  )
  const exact = { rtol: 0, atol: 0 }
  const parameters = golden.description.n_parameters as number
  return {
    tensors: {},
    scalars: [
      { name: 'parameter count', got: flow.parameterCount, reference: parameters, ...exact },
      { name: 'changed tensors', got: different.length, reference: 0, ...exact },
    ],
  }
}

async function runLogProb(flow: NativeFlow, golden: GoldenCase, reference: Tensors): Promise<Computed> {
  const x = reference.x as Tensor<Uint8Array>
  const result = await flow.logProb(channelsLast(x), { draws: drawsOf(reference), probes: true })
  const probes = result.probes ?? {}
  const tensors: Tensors = { log_prob: result.logProb, log_prob_f64: result.logProb }
  if (result.z !== undefined) tensors.z = result.z
  for (const name of Object.keys(golden.description.checks)) {
    const match = /^after_transform(\d+)\.ch0_(\d+)$/.exec(name)
    if (match !== null) tensors[name] = firstChannels(probes[`transform${match[1]}`], Number(match[2]))
  }
  const [n, steps] = reference.ldj_per_transform.shape
  const logDets = new Float64Array(n * steps)
  for (let i = 0; i < logDets.length; i++)
    logDets[i] = Number(probes[`log_det${i % steps}`].data[Math.floor(i / steps)])
  tensors.ldj_per_transform = tensor(logDets, [n, steps])
  return { tensors, scalars: bitsChecks(golden.description, result.logProb, x) }
}

/** Sampling with the draws whose names start with `prefix`. */
export async function runSample(
  flow: NativeFlow,
  _golden: GoldenCase,
  reference: Tensors,
  _native?: NativeAddon,
  prefix = '',
): Promise<Computed> {
  const [n, , height, width] = reference.continuous.shape
  const draws = drawsOf(reference, prefix)
  const size = { n, height, width, draws }
  const continuous = await flow.sample({ ...size, continuous: true })
  const { patches } = await flow.sample(size)
  return { tensors: { continuous: channelsFirst(continuous.patches), sample: channelsFirst(patches) } }
}

async function runInitialise(flow: NativeFlow, golden: GoldenCase, reference: Tensors): Promise<Computed> {
  const x = reference.x as Tensor<Uint8Array>
  const logProb = await flow.initialise(channelsLast(x), { draws: drawsOf(reference) })
  const tensors: Tensors = { log_prob: logProb }
  for (const [name, value] of Object.entries(await flow.tensors())) tensors[`after.${name}`] = value
  return { tensors, scalars: bitsChecks(golden.description, logProb, x) }
}

/** Bits per dimension of the batch, against every value of them that the case has. */
function bitsChecks(
  description: CaseDescription,
  logProb: Tensor<TypedArray>,
  x: Tensor<TypedArray>,
): ScalarCheck[] {
  const sum = (logProb.data as Float64Array).reduce((total, value) => total + value, 0)
  const got = -sum / (Math.LN2 * x.data.length)
  const atol = (description.tolerance as { bits_per_dim?: number }).bits_per_dim ?? 1e-4
  return Object.entries(description.scalars ?? {})
    .filter(([name]) => name.startsWith('bits_per_dim'))
    .map(([name, value]) => ({ name, got, reference: value as number, rtol: 0, atol }))
}
