// With the package installed: from 'densehybrid'.
import type { Random } from '../../lib/index.ts'

const [BETA_1, BETA_2, EPS] = [0.9, 0.999, 1e-8]

/** What one pass leaves for the backward pass; the last of `outputs` is the result. */
export interface Pass {
  /** of every layer, batch × in */
  readonly inputs: readonly Float64Array[]
  /** of every layer before the activation, batch × out */
  readonly outputs: readonly Float64Array[]
}

/** y = W x + b of a batch. */
class Linear {
  readonly weight: Float64Array // out × in
  readonly bias: Float64Array
  readonly weightGradient: Float64Array
  readonly biasGradient: Float64Array
  readonly inputs: number
  readonly outputs: number
  readonly #weightMoments: Moments
  readonly #biasMoments: Moments

  constructor(inputs: number, outputs: number, rng: Random, weightDeviation: number, biasDeviation: number) {
    this.inputs = inputs
    this.outputs = outputs
    this.weight = Float64Array.from({ length: inputs * outputs }, () => weightDeviation * rng.normal())
    this.bias = Float64Array.from({ length: outputs }, () => biasDeviation * rng.normal())
    this.weightGradient = new Float64Array(this.weight.length)
    this.biasGradient = new Float64Array(outputs)
    this.#weightMoments = new Moments(this.weight.length)
    this.#biasMoments = new Moments(outputs)
  }

  forward(x: Float64Array, batch: number): Float64Array {
    const { inputs, outputs, weight, bias } = this
    const y = new Float64Array(batch * outputs)
    for (let n = 0; n < batch; n++) {
      for (let o = 0; o < outputs; o++) {
        let sum = bias[o]
        for (let i = 0; i < inputs; i++) sum += weight[o * inputs + i] * x[n * inputs + i]
        y[n * outputs + o] = sum
      }
    }
    return y
  }

  /** Sets the gradients of W and b from ∂L/∂y, and returns ∂L/∂x. */
  backward(x: Float64Array, dy: Float64Array, batch: number): Float64Array {
    const { inputs, outputs, weight, weightGradient, biasGradient } = this
    weightGradient.fill(0)
    biasGradient.fill(0)
    const dx = new Float64Array(batch * inputs)
    for (let n = 0; n < batch; n++) {
      for (let o = 0; o < outputs; o++) {
        const slope = dy[n * outputs + o]
        biasGradient[o] += slope
        for (let i = 0; i < inputs; i++) {
          weightGradient[o * inputs + i] += slope * x[n * inputs + i]
          dx[n * inputs + i] += slope * weight[o * inputs + i]
        }
      }
    }
    return dx
  }

  update(learningRate: number, weightDecay: number, step: number): void {
    this.#weightMoments.update(this.weight, this.weightGradient, learningRate, weightDecay, step)
    this.#biasMoments.update(this.bias, this.biasGradient, learningRate, 0, step)
  }
}

/** Adam's running means of the gradient and of its square. */
class Moments {
  readonly #first: Float64Array
  readonly #second: Float64Array

  constructor(length: number) {
    this.#first = new Float64Array(length)
    this.#second = new Float64Array(length)
  }

  /** One step of Adam for L + ½ · weightDecay · |values|²; `step` counts from 1. */
  update(
    values: Float64Array,
    gradient: Float64Array,
    learningRate: number,
    weightDecay: number,
    step: number,
  ): void {
    const [first, second] = [this.#first, this.#second]
    const rate = (learningRate * Math.sqrt(1 - BETA_2 ** step)) / (1 - BETA_1 ** step)
    for (let i = 0; i < values.length; i++) {
      const slope = gradient[i] + weightDecay * values[i]
      first[i] = BETA_1 * first[i] + (1 - BETA_1) * slope
      second[i] = BETA_2 * second[i] + (1 - BETA_2) * slope * slope
      values[i] -= (rate * first[i]) / (Math.sqrt(second[i]) + EPS)
    }
  }
}

/**
 * A multilayer perceptron with sines between its layers: far from all training points it does not go on rising, as one
 * with ReLU does.
 */
export class MultilayerPerceptron {
  readonly layers: readonly Linear[]
  #steps = 0

  /**
   * @param widths of input, hidden layers and output
   * @param frequency of the first layer's sines at the start
   */
  constructor(widths: readonly number[], rng: Random, frequency = 1) {
    this.layers = widths.slice(1).map((width, i) => {
      const deviation = Math.sqrt(1 / widths[i])
      return i === 0
        ? new Linear(widths[i], width, rng, frequency * deviation, frequency)
        : new Linear(widths[i], width, rng, deviation, 0)
    })
  }

  /** @param x batch × inputs */
  forward(x: Float64Array, batch: number): Pass {
    const inputs = [x]
    const outputs: Float64Array[] = []
    for (const [i, layer] of this.layers.entries()) {
      outputs.push(layer.forward(inputs[i], batch))
      if (i + 1 < this.layers.length) inputs.push(outputs[i].map(Math.sin))
    }
    return { inputs, outputs }
  }

  /** Sets the gradients of all layers from ∂L/∂result. */
  backward({ inputs, outputs }: Pass, gradient: Float64Array, batch: number): void {
    let dy = gradient
    for (let i = this.layers.length - 1; i >= 0; i--) {
      const dx = this.layers[i].backward(inputs[i], dy, batch)
      if (i > 0) dy = dx.map((slope, j) => slope * Math.cos(outputs[i - 1][j]))
    }
  }

  /** One step of Adam. */
  update(learningRate: number, weightDecay: number): void {
    this.#steps++
    for (const layer of this.layers) layer.update(learningRate, weightDecay, this.#steps)
  }
}
