import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { needAddon } from '../support/addon.ts'
import { runCli } from './run-cli.ts'

describe('demo --fast', function () {
  this.timeout(300_000)
  let folder: string
  before(async function () {
    needAddon(this)
    folder = await mkdtemp(join(tmpdir(), 'densehybrid-demo-'))
  })
  after(() => rm(folder ?? '', { recursive: true, force: true }))

  it('goes through all stages and leaves model, metrics and a report with pictures', async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--fast', '--out', 'out'], { cwd: folder })
    expect(code, stderr).to.equal(0)
    for (const stage of [
      '1/5 closed-set training',
      '2/5 hybrid',
      '3/5 calibration',
      '4/5 evaluation',
      '5/5 report',
    ]) {
      expect(stderr).to.include(stage)
    }
    expect(stdout).to.match(/^ hybrid s_H +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$/m)
    expect(stdout).to.match(/closed mIoU [\d.]+ +open-mIoU [\d.]+ +gap [\d.]+/)
    expect(stderr).to.include('out/index.html shows the scenes')
    expect(await readdir(join(folder, 'out'))).to.have.members([
      'index.html',
      'metrics.json',
      'model.safetensors',
      'pictures',
    ])
    const page = await readFile(join(folder, 'out/index.html'), 'utf8')
    for (const picture of await readdir(join(folder, 'out/pictures')))
      expect(page).to.include(`pictures/${picture}`)
    const { detectors, closedMIoU } = JSON.parse(await readFile(join(folder, 'out/metrics.json'), 'utf8'))
    expect(detectors).to.have.length(6)
    expect(detectors[0].openSet.thresholdFrom).to.equal('given')
    // Even the fast demo learns: ten classes by chance would give a tenth of this.
    expect(closedMIoU).to.be.above(0.2)
    expect(detectors[0].auroc).to.be.above(0.6)
  })

  it('with mixed negatives trains a flow first, and then both together', async () => {
    const { code, stderr } = await runCli(['demo', '--fast', '--negatives', 'mixed', '--out', 'mixed'], {
      cwd: folder,
    })
    expect(code, stderr).to.equal(0)
    expect(stderr).to.match(/2\/6 flow of the scenes .*60 steps/)
    expect(stderr).to.match(/[\d.]+ → [\d.]+ bits\/dim/)
    expect(stderr).to.match(/3\/6 hybrid .* mle [\d.]+ +jsd [\d.]+/)
    const [, before, after] = stderr.match(/([\d.]+) → ([\d.]+) bits\/dim/) ?? []
    expect(Number(after)).to.be.below(Number(before))
    expect(await readdir(join(folder, 'mixed'))).to.include.members([
      'flow.safetensors',
      'flow-samples.png',
      'model.safetensors',
    ])
  })

  it('does not replace the results of an earlier one unasked', async () => {
    const { code, stderr } = await runCli(['demo', '--fast', '--out', 'out'], { cwd: folder })
    expect(code).to.equal(1)
    expect(stderr).to.equal(
      'densehybrid: out holds the results of an earlier demo.\n  Replace them with --overwrite, or choose another folder with --out.\n',
    )
  })
})
