import { type Tensor, tensor } from '../../../lib/tensor.ts'
import { scalarValue } from '../compare.ts'
import type { RunCase } from '../run.ts'

/** Jensen–Shannon divergence to the uniform distribution, in float32 and in float64. */
export const runJensenShannon: RunCase = async (golden, reference, context) => {
  const { hyper, scalars, tolerance } = golden.description
  const native = await context.native()
  const logits = reference.logits as Tensor
  const mask = reference.mask as Tensor<Uint8Array>
  const options = { alignCorners: hyper.align_corners === true }
  const single = await native.jensenShannon(logits, mask, options)
  const double = await native.jensenShannon(
    tensor(Float64Array.from(logits.data), logits.shape),
    mask,
    options,
  )
  const atol = (tolerance as { loss: number }).loss
  const scalar = (name: string, got: number) => ({
    name,
    got,
    reference: scalarValue(scalars?.[name])!,
    rtol: 0,
    atol,
  })
  return {
    tensors: { jsd_map: single.map, grad_logits: single.gradLogits, grad_logits_f64: double.gradLogits },
    scalars: [scalar('loss', single.loss), scalar('loss_f64', double.loss)],
  }
}
