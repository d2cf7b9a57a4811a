import type { Random } from '../../lib/index.ts'

const [BETA_1, BETA_2, EPSILON] = [0.9, 0.999, 1e-8]

/** Values that are learned, with their gradient and Adam's moments of it. */
class Parameter {
  readonly value: Float64Array
  readonly gradient: Float64Array
  readonly #first: Float64Array
  readonly #second: Float64Array

  constructor(value: Float64Array) {
    this.value = value
    this.gradient = new Float64Array(value.length)
    this.#first = new Float64Array(value.length)
    this.#second = new Float64Array(value.length)
  }

  /** One step of Adam; `step` counts from 1. */
  update(learningRate: number, step: number): void {
    const rate = (learningRate * Math.sqrt(1 - BETA_2 ** step)) / (1 - BETA_1 ** step)
    for (let i = 0; i < this.value.length; i++) {
      const slope = this.gradient[i]
      this.#first[i] += (1 - BETA_1) * (slope - this.#first[i])
      this.#second[i] += (1 - BETA_2) * (slope * slope - this.#second[i])
      this.value[i] -= (rate * this.#first[i]) / (Math.sqrt(this.#second[i]) + EPSILON)
    }
  }
}

/** y = W x + b, where x is inputs×N and y is outputs×N. */
class Linear {
  readonly inputs: number
  readonly outputs: number
  readonly weight: Parameter // outputs×inputs
  readonly bias: Parameter

  constructor(inputs: number, outputs: number, rng: Random) {
    this.inputs = inputs
    this.outputs = outputs
    const deviation = Math.sqrt(2 / inputs)
    this.weight = new Parameter(
      Float64Array.from({ length: outputs * inputs }, () => deviation * rng.normal()),
    )
    this.bias = new Parameter(new Float64Array(outputs))
  }

  forward(x: Float64Array): Float64Array {
    const { inputs, outputs } = this
    const count = x.length / inputs
    const y = new Float64Array(outputs * count)
    for (let o = 0; o < outputs; o++) {
      y.fill(this.bias.value[o], o * count, (o + 1) * count)
      for (let i = 0; i < inputs; i++) {
        const weight = this.weight.value[o * inputs + i]
        for (let n = 0; n < count; n++) y[o * count + n] += weight * x[i * count + n]
      }
    }
    return y
  }

  /** Sets ∂L/∂W and ∂L/∂b from ∂L/∂y and returns ∂L/∂x. */
  backward(x: Float64Array, dy: Float64Array): Float64Array {
    const { inputs, outputs } = this
    const count = x.length / inputs
    const dx = new Float64Array(x.length)
    for (let o = 0; o < outputs; o++) {
      let sum = 0
      for (let n = 0; n < count; n++) sum += dy[o * count + n]
      this.bias.gradient[o] = sum
      for (let i = 0; i < inputs; i++) {
        const weight = this.weight.value[o * inputs + i]
        let product = 0
        for (let n = 0; n < count; n++) {
          const slope = dy[o * count + n]
          product += slope * x[i * count + n]
          dx[i * count + n] += slope * weight
        }
        this.weight.gradient[o * inputs + i] = product
      }
    }
    return dx
  }
}

/** A multilayer perceptron: linear layers with ReLU between them. */
export class MultilayerPerceptron {
  readonly parameters: readonly Parameter[]
  readonly #layers: readonly Linear[]
  #steps = 0

  /** @param widths of the input, the hidden layers and the output */
  constructor(widths: readonly number[], rng: Random) {
    this.#layers = widths.slice(1).map((width, i) => new Linear(widths[i], width, rng))
    this.parameters = this.#layers.flatMap(({ weight, bias }) => [weight, bias])
  }

  /**
   * @param x inputs×N
   * @returns the input of every layer, then the output; each channels×N
   */
  forward(x: Float64Array): Float64Array[] {
    const values = [x]
    this.#layers.forEach((layer, i) => {
      const y = layer.forward(values[i])
      values.push(i + 1 < this.#layers.length ? y.map((value) => Math.max(0, value)) : y)
    })
    return values
  }

  /** Sets the gradients of all parameters from what `forward` returned and ∂L/∂output. */
  backward(values: readonly Float64Array[], gradient: Float64Array): void {
    let dy = gradient
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const dx = this.#layers[i].backward(values[i], dy)
      dy = dx.map((slope, j) => (values[i][j] > 0 ? slope : 0))
    }
  }

  /** One step of Adam. */
  update(learningRate: number): void {
    this.#steps++
    for (const parameter of this.parameters) parameter.update(learningRate, this.#steps)
  }
}
