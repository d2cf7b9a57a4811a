import { expect } from 'chai'
import sharp from 'sharp'
import { type ToyData, toyData } from '../../examples/toy-2d/data.ts'
import { drawFigure, HEIGHT, PNG_SCALE, rasterise, WIDTH } from '../../examples/toy-2d/figure.ts'
import { MultilayerPerceptron } from '../../examples/toy-2d/mlp.ts'
import { type Detector, type Measured, measure, scoreMaps, train } from '../../examples/toy-2d/train.ts'
import { random } from '../../lib/random.ts'
import { needAddon } from '../support/addon.ts'

const STEPS = 150

async function draw(data: ToyData, steps: number) {
  const model = await train(data, { seed: 1, steps })
  const measured = await measure(model, data)
  return { measured, svg: await drawFigure({ data, measured, maps: await scoreMaps(model, 40) }) }
}

describe('examples/toy-2d', function () {
  this.timeout(30_000)
  const data = toyData(1)
  let svg: string
  let measured: Record<Detector, Measured>

  before(async function () {
    needAddon(this)
    ;({ svg, measured } = await draw(data, STEPS))
  })

  it('gradients of the perceptron are those of finite differences', () => {
    const rng = random(4)
    const model = new MultilayerPerceptron([2, 6, 5, 3], rng)
    const batch = 7
    const x = Float64Array.from({ length: 2 * batch }, () => rng.normal())
    const slope = Float64Array.from({ length: 3 * batch }, () => rng.normal())
    const loss = () =>
      model
        .forward(x, batch)
        .outputs.at(-1)!
        .reduce((sum, value, i) => sum + value * slope[i], 0)
    model.backward(model.forward(x, batch), slope, batch)
    for (const { weight, bias, weightGradient, biasGradient } of model.layers) {
      for (const [values, gradient] of [
        [weight, weightGradient],
        [bias, biasGradient],
      ]) {
        for (let i = 0; i < values.length; i++) {
          const [given, step] = [values[i], 1e-5]
          values[i] = given + step
          const above = loss()
          values[i] = given - step
          const below = loss()
          values[i] = given
          expect(gradient[i]).to.be.closeTo((above - below) / (2 * step), 1e-7)
        }
      }
    }
  })

  it('the same seed gives the same points and the same figure', async () => {
    expect(toyData(3)).to.deep.equal(toyData(3))
    expect(toyData(3)).not.to.deep.equal(toyData(4))
    expect((await draw(data, 5)).svg).to.equal((await draw(data, 5)).svg)
  })

  it('over four seeds, the hybrid score beats the others', async () => {
    const all = [measured]
    for (const seed of [2, 3, 4]) {
      const other = toyData(seed)
      all.push(await measure(await train(other, { seed, steps: STEPS }), other))
    }
    const mean = (name: Detector, metric: keyof Measured) =>
      all.reduce((sum, one) => sum + one[name][metric], 0) / all.length
    expect(mean('hybrid', 'auroc')).to.be.above(mean('discriminative', 'auroc') + 0.01)
    expect(mean('hybrid', 'ap')).to.be.above(mean('discriminative', 'ap'))
    expect(mean('hybrid', 'ap')).to.be.above(mean('generative', 'ap') + 0.1)
  })

  it('the SVG is well-formed and has three panels', () => {
    const open: string[] = []
    for (const [, closing, name, , selfClosing] of svg.matchAll(
      /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
    )) {
      if (closing) expect(open.pop()).to.equal(name)
      else if (!selfClosing) open.push(name)
    }
    expect(open).to.deep.equal([])
    expect(svg).not.to.match(/NaN|undefined|Infinity/)
    expect(svg.match(/<g class="panel"/g)).to.have.length(3)
    for (const title of ['discriminative', 'generative', 'hybrid']) expect(svg).to.contain(`>${title} <`)
  })

  it('the PNG has the size of the figure', async () => {
    const png = await rasterise(svg)
    const { width, height } = await sharp(png).metadata()
    expect([width, height]).to.deep.equal([PNG_SCALE * WIDTH, PNG_SCALE * HEIGHT])
    expect((await sharp(png).stats()).entropy).to.be.above(1)
  })
})
