import type { NativeForwardResult } from '../../../lib/binding/native.ts'
import type { Tensor, TypedArray } from '../../../lib/tensor.ts'
import { upsampleBilinear } from '../bilinear.ts'
import type { Computed } from '../compare.ts'
import type { GoldenCase } from '../find-cases.ts'
import { caseWeights, createLadder, loadAll } from '../model.ts'
import { probeOutputs } from '../probes.ts'
import type { Context, RunCase } from '../run.ts'
import { hybridScoreAt } from './hybrid-score.ts'

/** Forward pass in evaluation mode: logits, score, prediction and intermediate activations. */
export const runLadderDensenet121: RunCase = async (golden, reference, context) => {
  if (golden.description.op === 'state dict') return runStateDict(golden, reference, context)
  const { hyper, checks } = golden.description
  const native = await context.native()
  const model = await createLadder(native, hyper.num_classes as number, context)
  let result: NativeForwardResult
  try {
    await loadAll(model, await caseWeights(golden, reference, native))
    result = await model.forward(reference.input as Tensor, { precision: 'float32', probes: true })
  } finally {
    model.dispose()
  }
  const size = hyper.target_size as [number, number]
  const computed: Record<string, Tensor<TypedArray>> = {
    logits_lowres: result.logits,
    logits_ood_lowres: result.oodLogits,
    logits: upsampleBilinear(result.logits, ...size),
    logits_ood: upsampleBilinear(result.oodLogits, ...size),
    ...(await hybridScoreAt(native, result.logits, result.oodLogits, size)),
  }
  return { tensors: { ...computed, ...probeOutputs(Object.keys(checks), result.probes ?? {}) } }
}

/** A stored state dict: it must load strictly, tensor for tensor, and come back unchanged. */
async function runStateDict(
  golden: GoldenCase,
  reference: Record<string, Tensor<TypedArray>>,
  context: Context,
): Promise<Computed> {
  const native = await context.native()
  const { num_classes: classes, n_parameters: parameters } = golden.description as unknown as Record<
    string,
    number
  >
  const model = await createLadder(native, classes, context)
  try {
    const { tensors } = await native.readSafetensors(golden.tensorPath)
    await loadAll(model, tensors)
    const back = await model.tensors()
    const exact = { rtol: 0, atol: 0 }
    const different = Object.keys(reference).filter((name) => {
      const expected = reference[name].data
      return back[name] === undefined || expected.some((value, i) => value !== back[name].data[i])
    })
    return {
      tensors: {},
      scalars: [
        { name: 'parameter count', got: model.parameterCount, reference: parameters, ...exact },
        {
          name: 'tensors',
          got: Object.keys(back).length,
          reference: Object.keys(reference).length,
          ...exact,
        },
        { name: 'changed tensors', got: different.length, reference: 0, ...exact },
      ],
    }
  } finally {
    model.dispose()
  }
}
