import { random, type Tensor, tensor } from '../../lib/index.ts'
import { CLASSES, type Points } from './data.ts'
import { FourierFeatures } from './fourier.ts'
import { MultilayerPerceptron } from './mlp.ts'

const WAVES = 64
const DEVIATION = 1.6
const HIDDEN = 64

/** What a model says of N points: to the package a point is a pixel, and all of them are an image of one row. */
export interface ToyLogits {
  readonly logits: Tensor<Float64Array> // 1×K×1×N
  readonly oodLogits: Tensor<Float64Array> // 1×2×1×N
}

/** Two coordinates → Fourier features → perceptron → K class logits and 2 logits of the dataset posterior. */
export class ToyModel {
  readonly perceptron: MultilayerPerceptron
  readonly #features: FourierFeatures

  constructor(seed: number) {
    this.#features = new FourierFeatures(WAVES, DEVIATION, random(seed, 5))
    this.perceptron = new MultilayerPerceptron(
      [this.#features.outputs, HIDDEN, HIDDEN, CLASSES + 2],
      random(seed, 6),
    )
  }

  /** The logits, and a function that sets the gradients of all parameters from those of the logits. */
  forward(points: Points): ToyLogits & { backward(logits: Float64Array, oodLogits: Float64Array): void } {
    const count = points.length / 2
    const values = this.perceptron.forward(this.#features.of(points))
    const output = values.at(-1)! // (K + 2)×N
    return {
      logits: tensor(output.slice(0, CLASSES * count), [1, CLASSES, 1, count]),
      oodLogits: tensor(output.slice(CLASSES * count), [1, 2, 1, count]),
      backward: (logits, oodLogits) => {
        const gradient = new Float64Array(output.length)
        gradient.set(logits)
        gradient.set(oodLogits, CLASSES * count)
        this.perceptron.backward(values, gradient)
      },
    }
  }
}
