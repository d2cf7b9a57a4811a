import type { Tensor } from '../../../lib/tensor.ts'
import { caseWeights } from '../model.ts'
import { probeOutputs } from '../probes.ts'
import type { RunCase } from '../run.ts'

/** A backbone as torchvision's classifier: its logits and the activations after every stage. */
export const runClassifier: RunCase = async (golden, reference, context) => {
  const native = await context.native()
  const weights = await caseWeights(golden, reference, native)
  const { logits, ...probes } = await native.runClassifier(
    golden.description.name,
    weights,
    reference.input as Tensor,
  )
  return { tensors: { logits, ...probeOutputs(Object.keys(golden.description.checks), probes) } }
}
