import { expect } from 'chai'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { DenseHybridError } from '../../lib/errors.ts'
import {
  COLORMAPS,
  type ColormapName,
  classColours,
  colormap,
  IGNORE_COLOUR,
  labelColours,
  paintScores,
  scoreRange,
  UNKNOWN_COLOUR,
} from '../../lib/report/colormap.ts'
import { tensor } from '../../lib/tensor.ts'

describe('colormap', () => {
  it('gets steadily lighter, from dark to light', () => {
    for (const name of COLORMAPS) {
      const { data, shape } = colormap(name)
      expect(shape).to.deep.equal([256, 3])
      const light = (i: number) => 0.2126 * data[3 * i] + 0.7152 * data[3 * i + 1] + 0.0722 * data[3 * i + 2]
      for (let i = 16; i < 256; i += 16) expect(light(i), `${name} ${i}`).to.be.greaterThan(light(i - 16))
      expect(light(255) - light(0), name).to.be.greaterThan(150)
    }
  })

  it('hands out copies: changing one does not change the next', () => {
    colormap('magma').data.fill(0)
    expect([...colormap('magma').data.slice(-3)]).to.deep.equal([252, 253, 191])
  })

  it('names the known maps for an unknown one', () => {
    expect(() => colormap('virids' as ColormapName)).to.throw(DenseHybridError, 'viridis, magma, inferno')
  })
})

describe('paintScores', () => {
  it('clamps to the range and paints NaN grey', () => {
    const scores = tensor(Float32Array.of(-5, 0, 1, 9, -Infinity, Number.NaN), [2, 3])
    const { data, shape } = paintScores(scores, [0, 1], 'viridis')
    const table = colormap('viridis').data
    const at = (i: number) => [...data.slice(3 * i, 3 * i + 3)]
    const low = [...table.slice(0, 3)]
    const high = [...table.slice(-3)]
    expect(shape).to.deep.equal([2, 3, 3])
    expect([0, 1, 2, 3, 4, 5].map(at)).to.deep.equal([low, low, high, high, low, [128, 128, 128]])
  })

  it('refuses an empty range', () => {
    const scores = tensor(new Float32Array(1), [1, 1])
    for (const range of [
      [1, 1],
      [2, 1],
      [0, Number.NaN],
    ] as [number, number][]) {
      expect(() => paintScores(scores, range), String(range)).to.throw(DenseHybridError, 'min < max')
    }
  })
})

describe('scoreRange', () => {
  it('is not stretched by a few extreme or infinite pixels', () => {
    const scores = Float32Array.from({ length: 1000 }, (_, i) => i / 1000)
    scores[3] = 1e9
    scores[4] = -Infinity
    const [low, high] = scoreRange([tensor(scores, [10, 100])])
    expect(low).to.be.closeTo(0.01, 0.005)
    expect(high).to.be.closeTo(0.99, 0.005)
  })

  it('spans constant and missing scores', () => {
    expect(scoreRange([tensor(new Float32Array(4).fill(3), [2, 2])])).to.deep.equal([2.5, 3.5])
    expect(scoreRange([])).to.deep.equal([0, 1])
  })
})

describe('class colours', () => {
  it('are the same for a street class under any of its names, in any list', () => {
    const [road] = classColours(['Road', 'Sky'])
    expect(classColours(['sky', 'thing', 'road'])[2]).to.deep.equal(road)
    expect(classColours(['Pavement'])).to.deep.equal(classColours(['sidewalk']))
    expect(classColours(['Sign_Symbol'])).to.deep.equal(classColours(['traffic sign']))
  })

  it('never repeat, not even with two names of one thing, and never look unknown or ignored', () => {
    const names = ['tree', 'vegetation', ...Array.from({ length: 252 }, (_, i) => `thing ${i}`)]
    const all = [...classColours(names), UNKNOWN_COLOUR, IGNORE_COLOUR].map(String)
    expect(new Set(all).size).to.equal(256)
  })

  it('are far apart in a usual list of classes', () => {
    const colours = [...classColours([...'abcdefghijklmnopqrst'].map((c) => `thing ${c}`)), UNKNOWN_COLOUR]
    colours.forEach((a, i) => {
      for (const b of colours.slice(i + 1)) {
        expect(Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]), `${a} ${b}`).to.be.greaterThan(70)
      }
    })
  })

  it('map labels: K and the unknown label to unknown, ignore and the rest to ignore', () => {
    const { data } = labelColours(['road', 'sky'])
    const at = (label: number) => [...data.slice(3 * label, 3 * label + 3)]
    expect([at(0), at(1)]).to.deep.equal(classColours(['road', 'sky']).map((c) => [...c]))
    expect([at(2), at(UNKNOWN_LABEL)]).to.deep.equal([UNKNOWN_COLOUR, UNKNOWN_COLOUR].map((c) => [...c]))
    expect([at(IGNORE_LABEL), at(77)]).to.deep.equal([IGNORE_COLOUR, IGNORE_COLOUR].map((c) => [...c]))
  })
})
