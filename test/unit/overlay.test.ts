import { expect } from 'chai'
import { DenseHybridError } from '../../lib/errors.ts'
import { colormap, IGNORE_COLOUR, UNKNOWN_COLOUR } from '../../lib/report/colormap.ts'
import { drawText, textWidth } from '../../lib/report/font.ts'
import { type OverlayOptions, renderOverlay } from '../../lib/report/overlay.ts'
import { type Tensor, tensor } from '../../lib/tensor.ts'

const WIDTH = 300
const HEIGHT = 40

function options(changes: Partial<OverlayOptions> = {}): OverlayOptions {
  const map = (value: number) => tensor(new Uint8Array(WIDTH * HEIGHT).fill(value), [HEIGHT, WIDTH])
  return {
    image: tensor(new Uint8Array(3 * WIDTH * HEIGHT).fill(200), [HEIGHT, WIDTH, 3]),
    closed: map(0),
    open: map(2),
    score: tensor(new Float32Array(WIDTH * HEIGHT).fill(4), [HEIGHT, WIDTH]),
    scoreRange: [-2, 4],
    classes: ['road', 'sky'],
    ...changes,
  }
}

/** Colour in the middle of panel `index`. */
function panelColour(picture: Tensor<Uint8Array>, index: number, panelWidth = WIDTH): number[] {
  const [height, width] = picture.shape
  const x = index * (panelWidth + 4) + panelWidth / 2
  const offset = 3 * ((height - 10) * width + x)
  return [...picture.data.slice(offset, offset + 3)]
}

describe('renderOverlay', () => {
  it('puts image, closed-set, score, open-set and truth side by side', () => {
    const truth = tensor(new Uint8Array(WIDTH * HEIGHT).fill(255), [HEIGHT, WIDTH])
    const picture = renderOverlay(options({ truth, opacity: 1 }))
    expect(picture.shape).to.deep.equal([HEIGHT + 13, 5 * WIDTH + 4 * 4, 3])
    expect(panelColour(picture, 0)).to.deep.equal([200, 200, 200])
    expect(panelColour(picture, 1)).to.deep.equal([122, 80, 140])
    expect(panelColour(picture, 2)).to.deep.equal([...colormap('inferno').data.slice(-3)])
    expect(panelColour(picture, 3)).to.deep.equal([...UNKNOWN_COLOUR])
    expect(panelColour(picture, 4)).to.deep.equal([...IGNORE_COLOUR])
  })

  it('leaves out the truth where there is none', () => {
    expect(renderOverlay(options()).shape[1]).to.equal(4 * WIDTH + 3 * 4)
  })

  it('lets the image shine through, but the unknown stays vivid', () => {
    const picture = renderOverlay(options({ opacity: 0.5 }))
    expect(panelColour(picture, 1)).to.deep.equal([161, 140, 170])
    const [red, green, blue] = panelColour(picture, 3)
    expect(red - green).to.be.greaterThan(200)
    expect(blue).to.be.greaterThan(150)
  })

  it('writes captions and a colour scale above the panels', () => {
    const picture = renderOverlay(options())
    const band = (from: number, to: number) => {
      const colours = new Set<string>()
      for (let y = 0; y < 13; y++) {
        for (let x = from; x < to; x++) {
          const offset = 3 * (y * picture.shape[1] + x)
          colours.add(picture.data.slice(offset, offset + 3).join())
        }
      }
      return colours
    }
    expect([...band(0, WIDTH)].sort()).to.deep.equal(['255,255,255', '32,32,32'])
    expect(band(2 * (WIDTH + 4), 3 * WIDTH).size).to.be.greaterThan(100)
  })

  it('enlarges small pictures by whole factors and reduces large ones', () => {
    const small = { image: tensor(new Uint8Array(3 * 192 * 8), [8, 192, 3]) }
    const map = (h: number, w: number) => tensor(new Uint8Array(h * w), [h, w])
    const sized = (h: number, w: number) => ({
      closed: map(h, w),
      open: map(h, w),
      score: tensor(new Float32Array(h * w), [h, w]),
    })
    expect(renderOverlay(options({ ...small, ...sized(8, 192) })).shape).to.deep.equal([
      16 + 26,
      4 * 384 + 12,
      3,
    ])
    const large = { image: tensor(new Uint8Array(3 * 1281 * 9).fill(90), [9, 1281, 3]) }
    const picture = renderOverlay(options({ ...large, ...sized(9, 1281) }))
    expect(picture.shape).to.deep.equal([3 + 26, 4 * 427 + 12, 3])
    expect([...picture.data.slice(3 * 26 * picture.shape[1]).slice(0, 3)]).to.deep.equal([90, 90, 90])
  })

  it('names the map whose size differs from the image', () => {
    const open = tensor(new Uint8Array(4), [2, 2])
    expect(() => renderOverlay(options({ open }))).to.throw(DenseHybridError, 'open.shape')
    const score = tensor(new Float32Array(6), [2, 3])
    expect(() => renderOverlay(options({ score }))).to.throw(DenseHybridError, 'score.shape')
    expect(() => renderOverlay({ ...options(), scroe: 1 } as OverlayOptions)).to.throw(
      DenseHybridError,
      'scroe',
    )
  })
})

describe('bitmap font', () => {
  function render(text: string): string[] {
    const canvas = tensor(new Uint8Array(3 * 9 * 40), [9, 40, 3])
    drawText(canvas, 0, 0, text, [1, 1, 1])
    return Array.from({ length: 9 }, (_, y) =>
      Array.from({ length: 40 }, (_, x) => (canvas.data[3 * (y * 40 + x)] === 1 ? '#' : ' '))
        .join('')
        .trimEnd(),
    )
  }

  it('draws readable letters', () => {
    expect(render('Tp')).to.deep.equal([
      '#####',
      '  #',
      '  #   ####',
      '  #   #   #',
      '  #   #   #',
      '  #   #   #',
      '  #   ####',
      '      #',
      '      #',
    ])
  })

  it('draws every printable ASCII letter and digit differently', () => {
    const letters = [
      ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:-_+=/()[]<>%|#!?*&~',
    ]
    expect(new Set(letters.map((letter) => render(letter).join('\n'))).size).to.equal(letters.length)
  })

  it('drops accents, and draws a box for what it lacks', () => {
    expect(render('é−')).to.deep.equal(render('e-'))
    expect(render('★')).to.deep.equal(render('字'))
    expect(textWidth('ab', 2)).to.equal(22)
  })

  it('cuts off what lies outside of the canvas', () => {
    const canvas = tensor(new Uint8Array(3 * 4 * 4), [4, 4, 3])
    drawText(canvas, -3, -2, 'W', [9, 9, 9], 2)
    expect(canvas.data).to.have.length(48)
  })
})
