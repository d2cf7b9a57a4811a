import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { needAddon } from '../support/addon.ts'
import { runCli } from './run-cli.ts'

const SIZE = 'width=96&height=64'
const RECIPE = `
title: Scenes
about: The embedded scenes.
data: {}
shared:
  training: &training { data: 'scenes:train?length=8&${SIZE}', batch: 4, crop: 64, log-every: 1 }
stages:
  closed-set:
    run: train
    with: { <<: *training, architecture: ladder-densenet-tiny, epochs: 1 }
  real:
    run: finetune
    with: { <<: *training, model: '{closed-set}/model.safetensors', negatives: 'scenes:', epochs: 3 }
  threshold:
    run: calibrate
    with: { model: '{real}/model.safetensors', data: 'scenes:val?length=4&anomalies=true&${SIZE}' }
  test:
    run: evaluate
    row: real
    table: Scenes
    with: { model: '{threshold}/model.safetensors', data: 'scenes:test?length=4&${SIZE}', detectors: [hybrid, max-logit] }
`

describe('recipe', function () {
  this.timeout(180_000)
  let folder: string

  before(async function () {
    needAddon(this)
    folder = await mkdtemp(join(tmpdir(), 'densehybrid-recipe-'))
    await writeFile(join(folder, 'mine.yaml'), RECIPE)
    const { code, stderr } = await cli('mine.yaml', '--out', 'run')
    expect(code, stderr).to.equal(0)
  })
  after(() => rm(folder ?? '', { recursive: true, force: true }))

  const cli = (...args: string[]) => runCli(['recipe', ...args], { cwd: folder })
  const manifestOf = async (run: string) =>
    JSON.parse(await readFile(join(folder, run, 'manifest.json'), 'utf8'))

  it('runs its stages and keeps what is needed to repeat them', async () => {
    const manifest = await manifestOf('run')
    expect(manifest.recipe.name).to.equal('mine')
    expect(Object.keys(manifest.stages)).to.deep.equal(['closed-set', 'real', 'threshold', 'test'])
    for (const stage of Object.values<{ state: string; seconds: number; outputs: unknown[] }>(
      manifest.stages,
    )) {
      expect(stage.state).to.equal('done')
      expect(stage.seconds).to.be.above(0)
      expect(stage.outputs).to.have.length.above(0)
    }
    expect(manifest.machine).to.include.keys('cpu', 'cores', 'libtorch', 'node')
    expect(manifest.version).to.match(/^\d+\.\d+\.\d+/)
    expect(
      manifest.datasets.map(({ use, images }: { use: string; images: number }) => [use, images]),
    ).to.deep.equal([
      ['images', 8],
      ['images', 4],
      ['images', 4],
    ])
    expect(manifest.stages['closed-set'].command).to.match(/^densehybrid train --data 'scenes:train/)
    expect(await readFile(join(folder, 'run/recipe.yaml'), 'utf8')).to.equal(RECIPE)
  })

  it('leaves its results as tables and a page with pictures', async () => {
    const { tables } = JSON.parse(await readFile(join(folder, 'run/results.json'), 'utf8'))
    expect(tables).to.have.length(1)
    expect(tables[0].columns).to.include.members(['AP', 'closed mIoU', 'open-mIoU@95'])
    expect(tables[0].rows.map(({ name }: { name: string }) => name)).to.deep.equal([
      'real: hybrid s_H',
      'real: max-logit',
    ])
    expect(await readFile(join(folder, 'run/results.md'), 'utf8')).to.match(
      /^# Scenes\n.*\| real: hybrid s_H \| \d/s,
    )
    const page = await readFile(join(folder, 'run/index.html'), 'utf8')
    expect(page).to.include('<img').and.to.include('densehybrid recipe mine.yaml')
  })

  it('does not touch a run that is there, and has nothing left to do with --resume', async () => {
    const again = await cli('mine.yaml', '--out', 'run')
    expect(again.code).to.equal(1)
    expect(again.stderr).to.match(/run already holds a run of mine\.\n {2}.*--resume.*--overwrite/)
    const resumed = await cli('mine.yaml', '--out', 'run', '--resume')
    expect(resumed.code, resumed.stderr).to.equal(0)
    expect(resumed.stderr).to.match(/4\/4 test: done before/)
    const other = await cli('mine.yaml', '--out', 'run', '--resume', '--set', 'real.epochs=5')
    expect(other.code).to.equal(1)
    expect(other.stderr).to.match(/ran "densehybrid finetune .*--epochs 3.*not .*--epochs 5/)
  })

  it('goes on in the middle of a training that was interrupted, to the same model', async () => {
    const first = await runCli(['recipe', 'mine.yaml', '--out', 'cut'], {
      cwd: folder,
      onStart: (child) => {
        let sent = false // a second one would stop it at once
        child.stderr?.on('data', () => {
          if (!sent && existsSync(join(folder, 'cut/real/log.jsonl'))) sent = child.kill('SIGINT')
        })
      },
    })
    if (first.code !== 0) {
      expect(first.code).to.equal(130)
      expect((await manifestOf('cut')).stages.real.state).to.equal('interrupted')
      const second = await cli('mine.yaml', '--out', 'cut', '--resume')
      expect(second.code, second.stderr).to.equal(0)
      expect(second.stderr).to.match(/1\/4 closed-set: done before/)
    }
    const model = async (run: string) =>
      (await manifestOf(run)).stages['closed-set'].outputs.find(
        ({ path }: { path: string }) => path === 'model.safetensors',
      )
    expect((await model('cut')).sha256).to.equal((await model('run')).sha256)
    const results = async (run: string) => readFile(join(folder, run, 'results.json'), 'utf8')
    expect(await results('cut')).to.equal(await results('run'))
  })

  it('--dry-run prints plan and commands, and writes nothing', async () => {
    const { code, stdout } = await cli('mine.yaml', '--out', 'dry', '--dry-run')
    expect(code).to.equal(0)
    expect(stdout).to.match(/real +finetune +8 +6 +\d+\.\d +\d+:\d\d/)
    expect(stdout).to.match(/^densehybrid evaluate .*--detectors hybrid,max-logit/m)
    expect(existsSync(join(folder, 'dry'))).to.equal(false)
  })

  it('plans without data, by the numbers of the publishers', async () => {
    const recipe = RECIPE.replace('data: {}', 'data: { cs: Cityscapes }').replaceAll(
      /'scenes:train[^']*'/g,
      "'cityscapes:{cs}?split=train'",
    )
    await writeFile(join(folder, 'cs.yaml'), recipe)
    const { code, stdout, stderr } = await cli('cs.yaml', '--dry-run', '--json')
    expect(code, stderr).to.equal(0)
    expect(JSON.parse(stdout)[0]).to.include({ images: 2975, official: true, steps: 743 })
    const run = await cli('cs.yaml', '--out', 'cs')
    expect(run.code).to.equal(2)
    expect(run.stderr).to.include('needs --data cs=PATH (Cityscapes)')
  })

  it('--smoke says that its numbers mean nothing', async () => {
    const { code, stdout, stderr } = await cli('mine.yaml', '--out', 'smoke', '--smoke', '--json')
    expect(code, stderr).to.equal(0)
    expect(JSON.parse(stdout).manifest.smoke).to.equal(true)
    expect(await readFile(join(folder, 'smoke/results.md'), 'utf8')).to.include('A smoke run')
    const resumed = await cli('mine.yaml', '--out', 'smoke', '--resume')
    expect(resumed.code).to.equal(1)
    expect(resumed.stderr).to.include('was started with --smoke')
  })

  it('names the stage that failed and keeps what was done', async () => {
    await writeFile(join(folder, 'bad.yaml'), RECIPE.replace('scenes:test?', 'camvid:nowhere?split=test#'))
    const { code, stderr } = await cli('bad.yaml', '--out', 'bad')
    expect(code).to.be.oneOf([1, 2])
    expect(stderr).to.match(/nowhere|limit|unknown key/)
    expect(existsSync(join(folder, 'bad/closed-set'))).to.equal(false)
  })

  it('--overwrite leaves no result of the run that it replaces, and nothing else is touched', async () => {
    const first = await cli('mine.yaml', '--out', 'over', '--smoke')
    expect(first.code, first.stderr).to.equal(0)
    await writeFile(join(folder, 'over/notes.txt'), 'mine')
    const failing = RECIPE.replace("'{threshold}/model", "'{closed-set}/no-such-model")
    await writeFile(join(folder, 'failing.yaml'), failing)
    const second = await cli('failing.yaml', '--out', 'over', '--smoke', '--overwrite')
    expect(second.code).to.equal(1)
    expect(second.stderr).to.match(/The stage test failed; --resume goes on there/)
    for (const name of ['results.json', 'results.md', 'index.html', 'test/results.json'])
      expect(existsSync(join(folder, 'over', name)), name).to.equal(false)
    expect(await readFile(join(folder, 'over/notes.txt'), 'utf8')).to.equal('mine')
    expect((await manifestOf('over')).stages.test.state).to.equal('failed')
  })

  it('never removes a folder outside of the run, whatever its manifest says', async () => {
    const manifest = await manifestOf('run')
    manifest.stages['../precious'] = manifest.stages.real
    await mkdir(join(folder, 'precious'))
    await mkdir(join(folder, 'hostile'))
    await writeFile(join(folder, 'hostile/manifest.json'), JSON.stringify(manifest))
    const { code, stderr } = await cli('mine.yaml', '--out', 'hostile', '--overwrite')
    expect(code).to.equal(1)
    expect(stderr).to.match(/manifest\.json is no manifest of a recipe: stages\.\.\.\/precious/)
    expect(existsSync(join(folder, 'precious'))).to.equal(true)
  })

  it('lists what the package has, and prints one', async () => {
    const list = await cli()
    expect(list.stdout).to.match(/^camvid\n {4}CamVid with cars held out/m)
    const printed = await cli('camvid', '--print')
    expect(printed.stdout).to.match(/^title: CamVid with cars held out/)
  })

  it('refuses data that it does not need', async () => {
    const { code, stderr } = await cli('camvid', '--data', 'camvit=x', '--out', 'x')
    expect(code).to.equal(2)
    expect(stderr).to.include('Did you mean --data camvid=PATH?')
  })
})
