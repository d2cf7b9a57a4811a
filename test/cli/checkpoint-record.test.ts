import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { hashDataset } from '../../lib/data/hash.ts'
import { openDataset } from '../../lib/data/registry.ts'
import { Segmenter } from '../../lib/segmenter.ts'
import { needAddon } from '../support/addon.ts'
import { runCli } from './run-cli.ts'

const SIZE = 'width=96&height=64'
const DATA = [`scenes:train?length=4&${SIZE}`, `scenes:train?length=4&seed=9&${SIZE}`]
const LENGTH = ['--batch', '4', '--crop', '64', '--steps', '2']

describe('what train and finetune write about themselves', function () {
  this.timeout(120_000)
  let folder: string
  before(async function () {
    needAddon(this)
    folder = await mkdtemp(join(tmpdir(), 'densehybrid-record-'))
  })
  after(() => rm(folder ?? '', { recursive: true, force: true }))

  it('names specs, hashes and options, and what came before', async () => {
    const joined = DATA.flatMap((spec) => ['--data', spec])
    const run = (...args: string[]) => runCli([...args, ...joined, ...LENGTH], { cwd: folder })
    const closed = await run(
      ...['train', '--out', 'closed', '--architecture', 'ladder-densenet-tiny', '--hold-out', 'person'],
    )
    expect(closed.code, closed.stderr).to.equal(0)
    const hybrid = await run(
      ...['finetune', '--out', 'hybrid', '--model', 'closed/model.safetensors'],
      ...['--negatives', 'scenes:?seed=3'],
    )
    expect(hybrid.code, hybrid.stderr).to.equal(0)

    const data = await Promise.all(
      DATA.map(async (spec) => {
        const dataset = await openDataset(spec)
        return { spec, name: dataset.name, length: 4, ...(await hashDataset(dataset)) }
      }),
    )
    const model = await Segmenter.load(join(folder, 'hybrid/model.safetensors'))
    const { training, palette, classes } = model
    model.dispose()
    expect(training).to.deep.include({ objective: 'hybrid', steps: 2, data })
    expect(training?.negatives).to.deep.equal([{ spec: 'scenes:?seed=3', name: 'scenes (negatives)' }])
    expect(training?.config).to.deep.include({ 'beta-x': 0.03, data: DATA })
    expect(training?.config).not.to.have.property('out')
    expect(training?.previous).to.deep.include({ objective: 'closed-set', steps: 2, data })
    expect(training?.previous?.config).to.deep.include({ 'hold-out': ['person'] })
    const street = await openDataset(DATA[0])
    expect(classes).not.to.include('person')
    expect(palette).to.deep.equal(classes.map((name) => street.palette?.[street.classes.indexOf(name)]))
  })
})
