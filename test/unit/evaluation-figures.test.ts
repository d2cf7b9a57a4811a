import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import sharp from 'sharp'
import { evaluateImages } from '../../lib/evaluation/evaluate-images.ts'
import type { ScoredImages } from '../../lib/evaluation/scored-image.ts'
import { random } from '../../lib/random.ts'
import { EvaluationFigures } from '../../lib/report/evaluation-figures.ts'

const SIZE = [20, 30] as const

function images(anomalies: boolean): ScoredImages {
  return {
    name: 'generated',
    classes: ['road', 'car'],
    length: 3,
    pixelsPerImage: async () => 600,
    async *read(names) {
      for (let index = 0; index < 3; index++) {
        const rng = random(5, index)
        const labels = Uint8Array.from({ length: 600 }, (_, i) => (i % 30 < 5 && anomalies ? 254 : i % 2))
        const scores = Float32Array.from(labels, (label) => rng.normal() + (label === 254 ? 2 : 0))
        const closed = labels.map((label) => (label === 254 ? 0 : label))
        yield {
          id: `image-${index}`,
          size: SIZE,
          labels,
          closed,
          scores: Object.fromEntries(names.map((n) => [n, scores])),
        }
      }
    },
  }
}

describe('EvaluationFigures', function () {
  this.timeout(30_000)
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'densehybrid-figures-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  async function draw(anomalies: boolean) {
    const figures = new EvaluationFigures()
    const evaluation = await evaluateImages(images(anomalies), {
      detectors: ['hybrid', 'entropy'],
      sweep: [0.5, 0.95],
      smiyc: 'obstacle',
      onCurve: (...found) => figures.add(...found),
    })
    const written = await figures.write(join(folder, 'a', 'b'), evaluation)
    expect(written.map((path) => path.slice(join(folder, 'a', 'b').length + 1)).sort()).to.deep.equal(
      (await readdir(join(folder, 'a', 'b'))).sort(),
    )
    return { written, evaluation }
  }

  it('writes every chart as SVG and PNG, and the curves as CSV', async () => {
    const { written, evaluation } = await draw(true)
    const names = written.map((path) => path.split('/').at(-1))
    for (const name of [
      'precision-recall',
      'roc',
      'histogram-hybrid',
      'open-miou',
      'class-gap',
      'components',
    ])
      expect(names).to.include.members([`${name}.svg`, `${name}.png`])
    for (const path of written.filter((name) => name.endsWith('.png')))
      expect((await sharp(path).metadata()).width, path).to.be.above(400)
    const csv = (await readFile(join(folder, 'a', 'b', 'hybrid.csv'), 'utf8')).trimEnd().split('\n')
    expect(csv[0]).to.equal('threshold,tp,fp,tpr,fpr,precision')
    const { positives, negatives } = evaluation.detectors[0]
    expect(csv.at(-1)!.split(',').slice(1, 3).map(Number)).to.deep.equal([positives, negatives])
  })

  it('leaves out what has no values', async () => {
    const { written } = await draw(false)
    expect(written.map((path) => path.split('/').at(-1))).to.deep.equal([])
  })
})
