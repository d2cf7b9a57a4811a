import type { Tensor } from '../../../lib/tensor.ts'
import { channelsLast, createFlow, drawsOf, flowWeights, loadFlow } from '../flow.ts'
import type { RunCase } from '../run.ts'
import { runSample } from './flow.ts'
import { runFlowLayer } from './flow-layers.ts'

/** The stand-alone flow with attention and variational dequantisation: as a whole, and its layers. */
export const runStandAloneFlow: RunCase = async (golden, reference, context) => {
  if (golden.description.hyper.block_config === undefined) return runFlowLayer(golden, reference, context)
  const native = await context.native()
  const flow = await createFlow(native, golden, context, true)
  try {
    await loadFlow(flow, await flowWeights(golden, reference))
    const patches = channelsLast(reference.x as Tensor<Uint8Array>)
    const { logProb, z } = await flow.logProb(patches, {
      draws: drawsOf(reference, 'logprob_'),
      probes: true,
    })
    const sampled = await runSample(flow, golden, reference, native, 'sample_')
    const likelihood = { log_prob: logProb, log_prob_f64: logProb, ...(z === undefined ? {} : { z }) }
    const got = -logProb.data.reduce((sum, value) => sum + value, 0) / (Math.LN2 * patches.data.length)
    const expected = golden.description.scalars?.bits_per_dim as number
    return {
      tensors: { ...likelihood, ...sampled.tensors },
      scalars: [{ name: 'bits_per_dim', got, reference: expected, rtol: 0, atol: 1e-4 }],
    }
  } finally {
    flow.dispose()
  }
}
