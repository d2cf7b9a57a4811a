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
    expect(stdout).to.match(/^ AP before fine-tuning: max-softmax [\d.]+, .*s_G [\d.]+\.$/m)
    expect(stdout).to.match(/closed mIoU [\d.]+ +open-mIoU [\d.]+ +gap [\d.]+/)
    expect(stderr).to.include('out/index.html shows the scenes')
    expect(await readdir(join(folder, 'out'))).to.have.members([
      ...['closed.safetensors', 'index.html', 'metrics.json', 'model.safetensors', 'pictures'],
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

  it('compares real, synthetic and mixed negatives, with one flow that is trained along with either', async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--fast', '--negatives', 'all', '--out', 'all'], {
      cwd: folder,
    })
    expect(code, stderr).to.equal(0)
    expect(stderr).to.match(/2\/12 flow of the scenes .*60 steps/)
    const [, before, after] = stderr.match(/([\d.]+) → ([\d.]+) bits\/dim/) ?? []
    expect(Number(after)).to.be.below(Number(before))
    expect(stderr).to.match(/3\/12 hybrid, real .*cls/)
    expect(stderr).to.match(/6\/12 hybrid, synthetic .* mle [\d.]+ +jsd [\d.]+/)
    expect(stderr).to.match(/9\/12 hybrid, mixed .* mle [\d.]+ +jsd [\d.]+/)
    const rows = stdout.split('\n').filter((line) => /( +[\d.]+){5}$/.test(line))
    expect(rows.map((row) => row.trim().split(/ {2,}/)[0])).to.deep.equal([
      ...['closed-set', 'max-logit', 'entropy', 's_G'],
      ...['real', 's_D', 's_G', 'synthetic', 's_D', 's_G', 'mixed', 's_D', 's_G'],
    ])
    expect(await readdir(join(folder, 'all'))).to.include.members([
      'closed.safetensors',
      'flow-likelihood.safetensors',
    ])
    const flows = []
    for (const kind of ['synthetic', 'mixed']) {
      const files = ['model.safetensors', 'metrics.json', 'flow.safetensors', 'flow-samples.png']
      expect(await readdir(join(folder, 'all', kind))).to.have.members(files)
      flows.push(await readFile(join(folder, 'all', kind, 'flow.safetensors')))
    }
    const likelihood = await readFile(join(folder, 'all/flow-likelihood.safetensors'))
    expect(flows[0].equals(flows[1]) || flows[0].equals(likelihood)).to.equal(false)
    const page = await readFile(join(folder, 'all/index.html'), 'utf8')
    for (const title of [
      'closed-set: max-softmax',
      'synthetic negatives: hybrid s_H',
      'mixed negatives: hybrid s_H',
    ])
      expect(page).to.include(title)
  })

  it('does not replace the results of an earlier one unasked', async () => {
    const { code, stderr } = await runCli(['demo', '--fast', '--out', 'out'], { cwd: folder })
    expect(code).to.equal(1)
    expect(stderr).to.equal(
      'densehybrid: out holds the results of an earlier demo.\n  Replace them with --overwrite, or choose another folder with --out.\n',
    )
  })
})
