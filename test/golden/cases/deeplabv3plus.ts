import type { NativeForwardResult, NativeScoreResult } from '../../../lib/binding/native.ts'
import type { Tensor } from '../../../lib/tensor.ts'
import { upsampleBilinear } from '../bilinear.ts'
import { caseWeights, loadAll } from '../model.ts'
import { probeOutputs } from '../probes.ts'
import type { RunCase } from '../run.ts'

/** DeepLabV3+ with WideResNet-38 in evaluation mode: logits, score, prediction and intermediate activations. */
export const runDeepLabV3Plus: RunCase = async (golden, reference, context) => {
  const { hyper, checks } = golden.description
  const native = await context.native()
  const architecture = native.architectures().find(({ name }) => name === 'deeplabv3plus-wrn38')!
  const model = await native.createModel({
    architecture: architecture.name,
    classes: hyper.num_classes as number,
    options: {},
    mean: architecture.mean,
    std: architecture.std,
    seed: 0,
    device: context.device,
  })
  const [height, width] = hyper.target_size as [number, number]
  let result: NativeForwardResult
  let segmented: NativeScoreResult
  try {
    await loadAll(model, await caseWeights(golden, reference, native))
    const image = reference.input as Tensor
    result = await model.forward(image, { precision: 'float32', probes: true })
    segmented = await model.segment(image, { height, width, scores: ['hybrid'], precision: 'float32' })
  } finally {
    model.dispose()
  }
  return {
    tensors: {
      logits_lowres: result.logits,
      logits_ood_lowres: result.oodLogits,
      logits: upsampleBilinear(result.logits, height, width, true),
      logits_ood: upsampleBilinear(result.oodLogits, height, width, true),
      score: segmented.scores.hybrid,
      pred: segmented.labels,
      ...probeOutputs(Object.keys(checks), result.probes ?? {}),
    },
  }
}
