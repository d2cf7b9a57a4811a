import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { needAddon } from '../support/addon.ts'
import { runCli } from './run-cli.ts'

const DATA = 'scenes:train?length=6&width=96&height=64'
const SMALL = ['--architecture', 'ladder-densenet-tiny', '--batch', '2', '--crop', '64', '--steps', '2']

describe('train --sampling', function () {
  this.timeout(60_000)
  let folder: string

  before(async function () {
    needAddon(this)
    folder = await mkdtemp(join(tmpdir(), 'densehybrid-sampling-'))
  })
  after(() => rm(folder ?? '', { recursive: true, force: true }))

  const train = (out: string, ...args: string[]) =>
    runCli(['train', '--data', DATA, '--out', out, '--log-every', '1', ...SMALL, ...args], { cwd: folder })
  const firstLoss = async (out: string) =>
    JSON.parse((await readFile(join(folder, out, 'log.jsonl'), 'utf8')).split('\n')[0]).losses.total

  it('class-uniform shows other images than a shuffle, and says which classes no image has', async () => {
    expect((await train('shuffled')).code).to.equal(0)
    const byClass = await train('by-class', '--sampling', 'class-uniform:1')
    expect(byClass.code, byClass.stderr).to.equal(0)
    expect(byClass.stderr).to.match(/classes occur/)
    expect(await firstLoss('by-class')).not.to.equal(await firstLoss('shuffled'))
    const { sampling } = JSON.parse(await readFile(join(folder, 'by-class/config.json'), 'utf8'))
    expect(sampling).to.equal('class-uniform:1')
  })

  it('mix draws from several sets by weight', async () => {
    const second = ['--data', 'scenes:val?length=3&width=96&height=64']
    const mixed = await train('mixed', ...second, '--sampling', 'mix:3,1')
    expect(mixed.code, mixed.stderr).to.equal(0)
  })

  it('refuses other forms, and a wrong number of weights', async () => {
    for (const wrong of ['class-unifrm', 'class-uniform:2', 'mix', 'mix:1,0', 'mix:1,', 'shuffle:1']) {
      const { code, stderr } = await train('wrong', '--sampling', wrong)
      expect(code, wrong).to.equal(2)
      expect(stderr).to.include(`for --sampling but received "${wrong}"`)
    }
    const { code, stderr } = await train('wrong', '--sampling', 'mix:1,2')
    expect(code).to.equal(2)
    expect(stderr).to.include('expected 1 weights for --sampling mix')
  })
})
