import { hybridLoss, random, tensor, UNKNOWN_LABEL } from '../../lib/index.ts'
import type { ToyData } from './data.ts'
import { ToyModel } from './model.ts'

const INLIERS = 192
const NEGATIVES = 64
const LEARNING_RATE = 3e-4

/** How to train. */
export interface TrainOptions {
  readonly seed: number
  readonly steps: number
  readonly onStep?: (step: number, loss: number) => void
}

/** Trains with L = L_cls + β_x · L_x + β_d · L_d, the package's loss with its own β. */
export async function train({ train }: ToyData, { seed, steps, onStep }: TrainOptions): Promise<ToyModel> {
  const { inliers, labels, negatives } = train
  const model = new ToyModel(seed)
  const rng = random(seed, 7)
  const batch = INLIERS + NEGATIVES
  const points = new Float64Array(2 * batch)
  const targets = new Uint8Array(batch)
  for (let step = 1; step <= steps; step++) {
    for (let n = 0; n < batch; n++) {
      const source = n < INLIERS ? inliers : negatives
      const count = source.length / 2
      const i = rng.integer(0, count - 1)
      points[n] = source[i]
      points[batch + n] = source[count + i]
      targets[n] = n < INLIERS ? labels[i] : UNKNOWN_LABEL
    }
    const { logits, oodLogits, backward } = model.forward(points)
    const loss = await hybridLoss(logits, oodLogits, tensor(targets, [1, 1, batch]))
    backward(loss.gradLogits.data as Float64Array, loss.gradOodLogits.data as Float64Array)
    model.perceptron.update(LEARNING_RATE * (1 - (step - 1) / steps))
    onStep?.(step, loss.total)
  }
  return model
}
