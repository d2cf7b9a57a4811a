import { expect } from 'chai'
import sharp from 'sharp'
import { toyData } from '../../examples/toy-2d/data.ts'
import { DETECTORS, measure, scoreMaps } from '../../examples/toy-2d/detectors.ts'
import { drawFigure, HEIGHT, SCALE, toPng, WIDTH } from '../../examples/toy-2d/figure.ts'
import { MultilayerPerceptron } from '../../examples/toy-2d/mlp.ts'
import { ToyModel } from '../../examples/toy-2d/model.ts'
import { train } from '../../examples/toy-2d/train.ts'
import { hybridLoss } from '../../lib/functional.ts'
import { random } from '../../lib/random.ts'
import { tensor } from '../../lib/tensor.ts'
import { needAddon } from '../support/addon.ts'

describe('examples/toy-2d', function () {
  this.timeout(60_000)
  before(function () {
    needAddon(this)
  })

  it('gradients of the perceptron agree with finite differences', () => {
    const rng = random(1)
    const model = new MultilayerPerceptron([3, 8, 8, 5], rng)
    const x = Float64Array.from({ length: 3 * 10 }, () => rng.normal())
    const slopes = Float64Array.from({ length: 5 * 10 }, () => rng.normal())
    const loss = () =>
      model
        .forward(x)
        .at(-1)!
        .reduce((sum, value, i) => sum + slopes[i] * value, 0)
    model.backward(model.forward(x), slopes)
    for (const { value, gradient } of model.parameters) {
      for (let i = 0; i < value.length; i++) {
        expect(gradient[i]).to.be.closeTo(difference(value, i, loss), 1e-5)
      }
    }
  })

  it('so do those of the package loss', async () => {
    const rng = random(2)
    const model = new ToyModel(2)
    const points = Float64Array.from({ length: 2 * 8 }, () => rng.normal())
    const labels = tensor(Uint8Array.from([0, 1, 2, 0, 254, 254, 254, 1]), [1, 1, 8])
    // the shift changes the value of the loss, not its gradient
    const loss = () => {
      const { logits, oodLogits } = model.forward(points)
      return hybridLoss(logits, oodLogits, labels, { meanLogitShift: false })
    }
    const { gradLogits, gradOodLogits } = await loss()
    model.forward(points).backward(gradLogits.data as Float64Array, gradOodLogits.data as Float64Array)
    for (const { value, gradient } of model.perceptron.parameters) {
      const i = rng.integer(0, value.length - 1)
      const original = value[i]
      value[i] = original + STEP
      const above = (await loss()).total
      value[i] = original - STEP
      const below = (await loss()).total
      value[i] = original
      expect(gradient[i]).to.be.closeTo((above - below) / (2 * STEP), 1e-5)
    }
  })

  it('training negatives cover a part of where the anomalies are', () => {
    const { train, test } = toyData(1)
    const rightmost = Math.max(...train.negatives.subarray(0, 300))
    const beyond = test.anomalies.subarray(0, 500).filter((x) => x > rightmost).length
    expect(beyond).to.be.within(200, 400)
  })

  it('the hybrid score is better than either of its parts', async () => {
    const data = toyData(1)
    const quality = await measure(await train(data, { seed: 1, steps: 120 }), data)
    expect(quality.hybrid.ap).to.be.above(Math.max(quality.discriminative.ap, quality.generative.ap))
    expect(quality.hybrid.fpr).to.be.below(Math.min(quality.discriminative.fpr, quality.generative.fpr))
  })

  it('the same seed draws the same figure: three panels, as SVG and as PNG', async () => {
    const svg = await figure(3)
    expect(await figure(3)).to.equal(svg)
    expect(await figure(4)).to.not.equal(svg)
    for (const name of DETECTORS) expect(svg.split(`<g id="${name}">`)).to.have.length(2)
    expect(svg.match(/<image /g)).to.have.length(3)
    expect(svg).to.not.match(/NaN|undefined|Infinity/)
    expect(unclosed(svg)).to.deep.equal([])
    const { width, height, format } = await sharp(await toPng(svg)).metadata()
    expect({ width, height, format }).to.deep.equal({
      width: SCALE * WIDTH,
      height: SCALE * HEIGHT,
      format: 'png',
    })
  })
})

const STEP = 1e-6

function difference(values: Float64Array, i: number, of: () => number): number {
  const original = values[i]
  values[i] = original + STEP
  const above = of()
  values[i] = original - STEP
  const below = of()
  values[i] = original
  return (above - below) / (2 * STEP)
}

async function figure(seed: number): Promise<string> {
  const data = toyData(seed)
  const model = await train(data, { seed, steps: 3 })
  return drawFigure(data, await scoreMaps(model, 30), await measure(model, data))
}

/** Names of elements that are closed in the wrong order or not at all. */
function unclosed(svg: string): string[] {
  const open: string[] = []
  for (const [, close, name, empty] of svg.matchAll(/<(\/?)([a-zA-Z]+)[^<>]*?(\/?)>/g)) {
    if (close === '') {
      if (empty === '') open.push(name)
    } else if (open.pop() !== name) return [name]
  }
  return open
}
