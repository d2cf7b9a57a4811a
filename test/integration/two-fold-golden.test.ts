import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { parse } from 'npyjs'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { ConfusionMatrix, meanSkippingNaN } from '../../lib/evaluation/confusion.ts'
import { OpenSetMetrics } from '../../lib/evaluation/open-set.ts'
import type { ScoredImage, ScoredImages } from '../../lib/evaluation/scored-image.ts'
import { twoFoldOpenSet } from '../../lib/evaluation/two-fold.ts'

const folder = join(process.env.DENSEHYBRID_SHARED ?? '../shared', 'golden', 'metrics')
const CLASSES = Array.from({ length: 12 }, (_, k) => `class ${k}`)

/** A reference array; the types are known from the name of the file. */
function readArray<T>(path: string): { data: T; shape: number[] } {
  const bytes = readFileSync(path)
  return parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)) as unknown as {
    data: T
    shape: number[]
  }
}

function files(name: string, pattern: RegExp): string[] {
  const matching = readdirSync(join(folder, name)).filter((file) => pattern.test(file))
  return matching.sort().map((file) => join(folder, name, file))
}

const resultOf = (name: string) =>
  JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8')).result

/** Argmax over the first axis, the first of equals. */
function argmax(logits: Float32Array, classes: number): Uint8Array {
  const pixels = logits.length / classes
  return Uint8Array.from({ length: pixels }, (_, p) => {
    let best = 0
    for (let k = 1; k < classes; k++) if (logits[k * pixels + p] > logits[best * pixels + p]) best = k
    return best
  })
}

/** The images of one city; raw 4 is ignored, 14 is the anomaly, 1 … 3 → 0 … 2, 5 … 13 → 3 … 11. */
function cityImages(name: string, city: string): ScoredImages {
  const read = (kind: string) => files(name, new RegExp(`^${city}_img\\d+_${kind}\\.npy$`))
  const logits = read('logits')
  const scores = read('expected_score')
  const images = read('raw').map((path, i): ScoredImage => {
    const raw = readArray<Uint8Array>(path)
    return {
      id: `${city}-${i}`,
      size: [raw.shape[0], raw.shape[1]],
      labels: raw.data.map((id) =>
        id === 14 ? UNKNOWN_LABEL : id === 4 ? IGNORE_LABEL : id < 4 ? id - 1 : id - 2,
      ),
      closed: argmax(readArray<Float32Array>(logits[i]).data, CLASSES.length),
      scores: { hybrid: readArray<Float32Array>(scores[i]).data },
    }
  })
  return {
    name: city,
    classes: CLASSES,
    length: images.length,
    pixelsPerImage: async () => images[0].labels.length,
    async *read() {
      yield* images
    },
  }
}

describe('open-set evaluation against reference values', () => {
  before(function () {
    if (existsSync(folder)) return
    console.log(`      skipped: ${folder} is missing (set DENSEHYBRID_SHARED)`)
    this.skip()
  })

  for (const [scale, key] of [
    [0.5, 'calibration_scale_0.5'],
    [1, 'calibration_scale_1.0'],
  ] as const) {
    it(`two folds of StreetHazards, calibrated at scale ${scale}`, async () => {
      const name = 'openset_twofold_streethazards'
      const want = resultOf(name)[key]
      const result = await twoFoldOpenSet(cityImages(name, 't5'), cityImages(name, 't6'), { scale })
      expect(result.openMIoU).to.be.closeTo(want.open_miou_weighted, 1e-12)
      expect(result.folds.map(({ evaluatedOn }) => evaluatedOn)).to.deep.equal(['t5', 't6'])
      for (const fold of result.folds) {
        const block = Object.values<Record<string, never>>(want).find(
          ({ evaluated_on_images_of_city: city }) => city === fold.evaluatedOn,
        )!
        expect(fold.calibratedOn).to.equal(block.calibrated_on_images_of_city)
        expect(fold.images).to.equal(block.n_images_evaluated)
        expect(fold.calibration.threshold).to.be.closeTo(block.threshold, scale === 1 ? 0 : 2e-5)
        const known = (block.confusion as number[][]).slice(0, 13).map((row) => row.slice(0, 13))
        expect(fold.openSet.confusion).to.deep.equal(known)
        fold.openSet.perClass.forEach(({ open }, k) => {
          expect(open, `Open-IoU ${k}`).to.be.closeTo(block.iou[k], 1e-12)
        })
        expect(fold.openSet.openMIoU).to.be.closeTo(block.open_miou, 1e-12)
        expect(fold.openSet.unknownIoU).to.be.closeTo(block.anomaly_iou, 1e-12)
      }
    })
  }

  it("F1 and Youden's J of the open-set cases", () => {
    const names = readdirSync(folder).filter((name) => name.startsWith('iou_open_'))
    expect(names).to.have.length.above(0)
    for (const name of names) {
      const want = resultOf(name)
      const known = want.num_classes_arg - 2
      const matrix = new ConfusionMatrix(want.num_classes_arg, { ignore: want.ignore_index })
      const metrics = new OpenSetMetrics({ classes: known })
      const predictions = files(name, /_pred\.npy$/)
      for (const [i, path] of files(name, /_target\.npy$/).entries()) {
        const target = readArray<Uint8Array>(path).data
        const open = readArray<Uint8Array>(predictions[i]).data
        matrix.add(target, open)
        const labels = target.map((t) => (t < known ? t : t === known ? UNKNOWN_LABEL : IGNORE_LABEL))
        metrics.add({ labels, closed: open.map((p) => Math.min(p, known - 1)), open })
      }
      const { f1, youden } = matrix.result()
      const { openF1, openYouden } = metrics.result()
      for (const value of [meanSkippingNaN(f1.slice(0, -2)), openF1])
        expect(value, `${name} F1`).to.be.closeTo(want.f1_mean, 1e-12)
      for (const value of [meanSkippingNaN(youden.slice(0, -2)), openYouden])
        expect(value, `${name} Youden's J`).to.be.closeTo(want.youden_mean, 1e-12)
    }
  })
})
