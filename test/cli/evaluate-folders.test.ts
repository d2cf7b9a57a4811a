import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { writeLabelMap } from '../../lib/data/encode.ts'
import { evaluateImages } from '../../lib/evaluation/evaluate-images.ts'
import { openScores } from '../../lib/evaluation/evaluate-scores.ts'
import { random } from '../../lib/random.ts'
import { tensor } from '../../lib/tensor.ts'
import { bytesOf, npyFile } from '../support/score-files.ts'
import { runCli } from './run-cli.ts'

const [HEIGHT, WIDTH] = [24, 40]
const NAMES = ['north_1', 'north_2', 'south_1']

describe('evaluate and calibrate on folders', function () {
  this.timeout(60_000)
  let folder: string
  const cli = (...args: string[]) => runCli(args, { cwd: folder })
  const sources = ['--scores', 'scores', '--labels', 'gt']

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'densehybrid-folders-'))
    for (const name of ['scores', 'gt', 'predictions']) await mkdir(join(folder, name))
    for (const [index, name] of NAMES.entries()) {
      const rng = random(3, index)
      // Two known classes side by side, an anomaly of 8×10 pixels, a void line.
      const labels = Uint8Array.from({ length: HEIGHT * WIDTH }, (_, i) => {
        const [y, x] = [Math.floor(i / WIDTH), i % WIDTH]
        if (y === 0) return 255
        return y >= 8 && y < 16 && x >= 10 && x < 20 ? 2 : x < WIDTH / 2 ? 0 : 1
      })
      const scores = Float32Array.from(labels, (label) => rng.normal() + (label === 2 ? 4 : 0))
      const shape = [HEIGHT, WIDTH]
      await writeFile(join(folder, 'scores', `${name}.npy`), npyFile('<f4', shape, bytesOf(scores)))
      await writeLabelMap(join(folder, 'gt', `${name}.png`), tensor(labels, shape))
      const closed = labels.map((label) => (label === 1 ? 1 : 0))
      await writeLabelMap(join(folder, 'predictions', `${name}.png`), tensor(closed, shape))
    }
    await writeFile(join(folder, 'facts.csv'), 'image,weather\nnorth_1,sun\nnorth_2,rain\nsouth_1,rain\n')
  })
  after(() => rm(folder ?? '', { recursive: true, force: true }))

  it('measures everything that was asked for', async () => {
    const { code, stdout, stderr } = await cli(
      ...[
        'evaluate',
        ...sources,
        '--classes',
        '2',
        '--predictions',
        'predictions',
        '--smiyc',
        'obstacle',
        '--sweep',
      ],
      ...['--bootstrap', '50', '--by', 'scene,size,class,weather', '--table', 'facts.csv'],
      ...[
        '--json',
        'out.json',
        '--csv',
        'out.csv',
        '--curves',
        'figures',
        '--tpr',
        '0.9',
        '--convention',
        'b',
      ],
    )
    expect(code, stderr).to.equal(0)
    const folders = { scores: join(folder, 'scores'), labels: join(folder, 'gt'), classes: 2 }
    const { images } = await openScores({ ...folders, predictions: join(folder, 'predictions') })
    const direct = await evaluateImages(images, { detectors: ['hybrid'], tpr: 0.9, convention: 'b' })
    const json = JSON.parse(await readFile(join(folder, 'out.json'), 'utf8'))
    const [hybrid] = json.detectors
    expect(hybrid.ap).to.equal(direct.detectors[0].ap)
    expect(hybrid.openSet.openMIoU).to.equal(direct.openSet!.openMIoU)
    expect(json.closedMIoU).to.equal(1)
    expect(hybrid.smiyc.components.truthComponents).to.equal(3)
    expect(hybrid.intervals.ap.low).to.be.at.most(hybrid.ap)
    expect(hybrid.sweep.map(({ targetTpr }: { targetTpr: number }) => targetTpr)).to.include.members([
      0.05, 0.9, 0.99,
    ])
    expect(hybrid.breakdowns.map(({ group }: { group: string }) => group)).to.include.members([
      ...['north', 'south', '0–100 px', 'class 1', 'rain', 'sun'],
    ])
    expect((await readFile(join(folder, 'out.csv'), 'utf8')).split('\n')[0]).to.include('fpr90_b')
    expect(await readdir(join(folder, 'figures'))).to.include.members([
      'roc.png',
      'open-miou.svg',
      'hybrid.csv',
    ])
    for (const text of [
      'FPR90 (b)',
      'SMIYC',
      'weather rain',
      '95 % interval',
      'open-mIoU over TPR',
      'Written: out.json',
    ])
      expect(stdout + stderr).to.include(text)
  })

  it('names what does not fit together', async () => {
    const failure = async (...args: string[]) => {
      const { code, stderr } = await cli('evaluate', ...sources, ...args)
      return `${code} ${stderr}`
    }
    expect(await failure()).to.match(/^1 .*has the label 2|^1 .*label/)
    expect(await failure('--classes', '2', '--by', 'wether', '--table', 'facts.csv')).to.match(
      /^2 .*image, weather\).*not wether/,
    )
    expect(await failure('--classes', '2', '--by', 'class')).to.match(/^2 .*--by class needs class labels/)
    expect(await failure('--classes', '2', '--table', 'facts.csv')).to.match(/^2 .*--table needs --by/)
    expect(await failure('--classes', '2', '--second-fold', 'x')).to.match(/^2 .*--second-fold needs --model/)
    expect(await failure('--classes', '2', '--threshold', '1')).to.match(/^2 .*--threshold needs --model/)
    expect(
      await failure(
        '--classes',
        '1',
        '--mapping',
        '0..1=0,2=anomaly,255=ignore',
        '--predictions',
        'predictions',
      ),
    ).to.match(/^1 densehybrid: predictions.* is no closed-set prediction of 1 classes/)
    expect(await failure('--classes', '2', '--detectors', 'entropy')).to.match(
      /^2 .*holds no entropy; it holds hybrid/,
    )
    expect(await failure('--classes', '2', '--sweep')).to.match(/^2 .*--sweep needs --predictions/)
    expect(await failure('--classes', '2', '--paste-negatives', 'x')).to.match(
      /^2 .*--paste-negatives needs --model/,
    )
    expect(await failure('--classes', '2', '--scale', '1')).to.match(/^2 .*--scale goes with --second-fold/)
    const model = await cli('evaluate', '--model', 'm', '--data', 'd', '--predictions', 'p')
    expect(`${model.code} ${model.stderr}`).to.match(/^2 .*--predictions goes with --scores/)
    const folds = await cli('evaluate', '--model', 'm', '--data', 'd', '--second-fold', 'e', '--sweep')
    expect(`${folds.code} ${folds.stderr}`).to.match(/^2 .*--second-fold and --sweep exclude each other/)
  })

  it('calibrates for a TPR, an FPR and the best F1', async () => {
    const threshold = async (...args: string[]) => {
      const { code, stdout, stderr } = await cli('calibrate', ...sources, '--classes', '2', '--json', ...args)
      expect(code, stderr).to.equal(0)
      return JSON.parse(stdout)
    }
    const tpr = await threshold('--tpr', '0.8')
    expect(tpr.tpr).to.be.above(0.8)
    const fpr = await threshold('--fpr', '0.01')
    expect(fpr.fpr).to.be.at.most(0.01)
    expect(fpr.convention).to.equal('fpr')
    expect((await threshold('--best-f1')).convention).to.equal('best-f1')
    const both = await cli('calibrate', ...sources, '--best-f1', '--fpr', '0.1')
    expect(`${both.code} ${both.stderr}`).to.match(/^2 .*--fpr and --best-f1 exclude each other/)
  })
})
