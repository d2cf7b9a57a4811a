import type { NativeAddon, NativeFlow } from '../../../lib/binding/native.ts'
import type { Tensor } from '../../../lib/tensor.ts'
import type { Computed, ScalarCheck } from '../compare.ts'
import type { GoldenCase } from '../find-cases.ts'
import { channelsLast, drawsOf, type Tensors } from '../flow.ts'

interface Hyper {
  lr: number
  betas: [number, number]
  eps: number
}

interface Scalars {
  loss_step_f64: number[]
  loss_after_3_steps_with_draws_of_step0_f64: number
  grad_norm_step0: number
}

interface Tolerances {
  loss: { rtol: number; atol: number }
  grad: { rtol: number; atol: number }
}

/** Maximum-likelihood steps of Adamax on one batch: losses, first gradients, parameters after some of the steps. */
export async function runFlowTraining(
  flow: NativeFlow,
  golden: GoldenCase,
  reference: Tensors,
  native: NativeAddon,
): Promise<Computed> {
  const { lr: learningRate, betas, eps } = golden.description.hyper as unknown as Hyper
  const scalars = golden.description.scalars as unknown as Scalars
  const { loss, grad } = golden.description.tolerance as Tolerances
  const patches = channelsLast(reference.x as Tensor<Uint8Array>)
  const trainer = native.createFlowTrainer(flow, { betas, eps, clipNorm: 0 })
  const tensors: Tensors = {}
  const checks: ScalarCheck[] = []
  try {
    for (let i = 0; i < scalars.loss_step_f64.length; i++) {
      const draws = drawsOf(reference, `step${i}_`)
      const step = await trainer.step(patches, { learningRate, draws, gradients: i === 0 })
      checks.push({ name: `loss ${i}`, got: step.bitsPerDim, reference: scalars.loss_step_f64[i], ...loss })
      if (i === 0) {
        const { gradNorm, gradients = {} } = step
        checks.push({
          name: 'grad_norm_step0',
          got: gradNorm,
          reference: scalars.grad_norm_step0,
          rtol: grad.rtol,
          atol: 0,
        })
        for (const [name, value] of Object.entries(gradients)) tensors[`grad_step0.${name}`] = value
      }
      for (const [name, value] of Object.entries(await flow.tensors()))
        tensors[`after_step${i + 1}.${name}`] = value
    }
  } finally {
    trainer.dispose()
  }
  const { logProb } = await flow.logProb(patches, { draws: drawsOf(reference, 'step0_') })
  const bits = -logProb.data.reduce((sum, value) => sum + value, 0) / (Math.LN2 * patches.data.length)
  const after = scalars.loss_after_3_steps_with_draws_of_step0_f64
  checks.push({ name: 'loss afterwards', got: bits, reference: after, ...loss })
  return { tensors, scalars: checks }
}
