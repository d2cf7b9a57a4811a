import { statSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { writeImage } from '../../lib/data/encode.ts'
import { scenes } from '../../lib/data/scenes/index.ts'
import { needAddon } from '../support/addon.ts'
import { runCli } from './run-cli.ts'

const SIZE = 'width=96&height=64'
const TRAIN = `scenes:train?length=8&${SIZE}`
const SMALL = ['--architecture', 'ladder-densenet-tiny', '--batch', '4', '--crop', '64', '--log-every', '1']

describe('train → finetune → calibrate → evaluate → score', function () {
  this.timeout(120_000)
  let folder: string
  const cli = (...args: string[]) => runCli(args, { cwd: folder })
  const train = (out: string, ...args: string[]) =>
    cli('train', '--data', TRAIN, '--out', out, ...SMALL, ...args)
  const readJson = async (path: string) => JSON.parse(await readFile(join(folder, path), 'utf8'))
  const logOf = async (run: string) =>
    (await readFile(join(folder, run, 'log.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))

  before(async function () {
    needAddon(this)
    folder = await mkdtemp(join(tmpdir(), 'densehybrid-workflow-'))
    const trained = await train(
      'closed',
      '--epochs',
      '2',
      '--hold-out',
      'person',
      '--val',
      `scenes:val?length=2&${SIZE}`,
    )
    expect(trained.code, trained.stderr).to.equal(0)
    const tuned = await cli(
      ...['finetune', '--model', 'closed/model.safetensors', '--data', TRAIN, '--negatives', 'scenes:'],
      ...['--epochs', '1', '--batch', '4', '--crop', '64', '--out', 'hybrid', '--json'],
    )
    expect(tuned.code, tuned.stderr).to.equal(0)
    expect(tuned.stderr).to.include('Held out, as the model does not know them: person')
    expect(JSON.parse(tuned.stdout)).to.include({ model: 'hybrid/model.safetensors', epoch: 1, step: 2 })
    await writeImage(
      join(folder, 'one.png'),
      (await scenes({ split: 'test', width: 96, height: 64 }).item(0)).image,
    )
    await writeImage(
      join(folder, 'two.png'),
      (await scenes({ split: 'test', width: 96, height: 64 }).item(1)).image,
    )
  })
  after(() => rm(folder ?? '', { recursive: true, force: true }))

  it('train leaves model, state, config and a log with losses and mIoU', async () => {
    expect(await readJson('closed/config.json')).to.deep.include({
      data: [TRAIN],
      epochs: 2,
      'hold-out': ['person'],
    })
    const log = await logOf('closed')
    expect(log.filter(({ type }) => type === 'step').map(({ step }) => step)).to.deep.equal([1, 2, 3, 4])
    expect(log[0].losses.total).to.be.above(0)
    expect(log[0]).to.include.keys('learningRate', 'imagesPerSecond', 'memory')
    expect(
      log.filter(({ type }) => type === 'epoch').map(({ validation }) => typeof validation.mIoU),
    ).to.deep.equal(['number', 'number'])
  })

  it('train does not touch an existing run, resumes it with its own options, and replaces it on demand', async () => {
    const again = await train('closed')
    expect(again.code).to.equal(1)
    expect(again.stderr).to.match(/^densehybrid: closed already holds a run .*\n {2}.*--resume.*--overwrite/)
    const other = await cli('train', '--out', 'closed', '--resume', '--lr', '0.5')
    expect(other.code).to.equal(1)
    expect(other.stderr).to.include('started with lr 0.0004, not 0.5')
    await cli('train', '--out', 'closed', '--resume', '--epochs', '3')
    expect(
      (await logOf('closed')).filter(({ type }) => type === 'step').map(({ step }) => step),
    ).to.deep.equal([1, 2, 3, 4, 5, 6])
    const replaced = await train('replaced', '--steps', '1')
    expect(replaced.code, replaced.stderr).to.equal(0)
    expect((await train('replaced', '--steps', '2', '--overwrite')).code).to.equal(0)
    expect(await logOf('replaced')).to.have.length(2)
  })

  it('train saves its state at Ctrl-C, ends with 130, and goes on from there', async () => {
    const interrupted = await runCli(
      ['train', '--data', TRAIN, '--out', 'stopped', ...SMALL, '--epochs', '5000'],
      {
        cwd: folder,
        onStart: (child) => {
          const timer = setInterval(() => {
            const log = statSync(join(folder, 'stopped/log.jsonl'), { throwIfNoEntry: false })
            if (log === undefined || log.size === 0) return
            clearInterval(timer)
            child.kill('SIGINT')
          }, 50)
          child.on('exit', () => clearInterval(timer))
        },
      },
    )
    expect(interrupted.code, interrupted.stderr).to.equal(130)
    expect(interrupted.stderr).to.include('State saved in stopped. To go on, add --resume.')
    const done = (await logOf('stopped')).at(-1).step
    const resumed = await cli('train', '--out', 'stopped', '--resume', '--steps', String(done + 2))
    expect(resumed.code, resumed.stderr).to.equal(0)
    expect(resumed.stderr).to.include(`Resuming after step ${done}.`)
    const steps = (await logOf('stopped')).map(({ step }) => step)
    expect(steps).to.deep.equal(Array.from({ length: done + 2 }, (_, i) => i + 1))
  })

  it('finetune refuses classes to hold out that contradict the model', async () => {
    const { code, stderr } = await cli(
      ...['finetune', '--model', 'closed/model.safetensors', '--data', TRAIN, '--negatives', 'scenes:'],
      ...['--out', 'other', '--hold-out', 'car'],
    )
    expect(code).to.equal(2)
    expect(stderr).to.match(/--hold-out car contradicts the model: .* it does not know person\n$/)
  })

  it('calibrate prints the threshold, and stores it where it is told to', async () => {
    const data = `scenes:val?length=3&${SIZE}`
    const model = 'hybrid/model.safetensors'
    const printed = await cli(
      'calibrate',
      '--model',
      model,
      '--data',
      data,
      '--json',
      '--out',
      'calibrated.safetensors',
    )
    expect(printed.code, printed.stderr).to.equal(0)
    const { threshold, tpr, convention } = JSON.parse(printed.stdout)
    expect(tpr).to.be.above(0.95)
    expect(convention).to.equal('a')
    await copyFile(join(folder, model), join(folder, 'copy.safetensors'))
    const written = await cli('calibrate', '--model', 'copy.safetensors', '--data', data, '--write')
    expect(written.stdout).to.match(
      new RegExp(`^threshold ${threshold}\nTPR 9\\d\\.\\d+ % {2}FPR .*convention a\\)\n$`),
    )
    for (const path of ['copy.safetensors', 'calibrated.safetensors']) {
      const { stdout } = await cli(
        'evaluate',
        '--model',
        path,
        '--data',
        data,
        '--detectors',
        'hybrid',
        '--json',
        '-',
      )
      expect(JSON.parse(stdout).openSet).to.include({ threshold, thresholdFrom: 'given' })
    }
  })

  it('evaluate prints a table of detectors and writes JSON and CSV', async () => {
    const { code, stdout, stderr } = await cli(
      ...['evaluate', '--model', 'hybrid/model.safetensors', '--data', `scenes:test?length=3&${SIZE}`],
      ...[
        '--calibrate-on',
        `scenes:val?length=3&${SIZE}`,
        '--per-class',
        '--json',
        'm.json',
        '--csv',
        'm.csv',
      ],
    )
    expect(code, stderr).to.equal(0)
    for (const row of ['hybrid s_H', 's_D', 's_G', 'max-softmax', 'max-logit', 'entropy']) {
      expect(stdout).to.match(new RegExp(`^ ${row} +[\\d.]+ +[\\d.]+ +[\\d.]+ +[\\d.]+$`, 'm'))
    }
    expect(stdout).to.match(/closed mIoU [\d.]+ +open-mIoU [\d.]+ +gap -?[\d.]+ .*calibrated before/)
    expect(stdout)
      .to.match(/^ traffic sign +[\d.–]+ +[\d.–]+ +-?[\d.–]+$/m)
      .and.not.match(/^ person /m)
    const { detectors, images } = await readJson('m.json')
    expect(images).to.equal(3)
    expect(detectors.map(({ openSet }: { openSet: object }) => openSet)).to.satisfy(
      (all: { thresholdFrom: string }[]) => all.every(({ thresholdFrom }) => thresholdFrom === 'given'),
    )
    expect((await readFile(join(folder, 'm.csv'), 'utf8')).trimEnd().split('\n')).to.have.length(1 + 3 * 6)
  })

  it('score writes maps, lists what it skipped and ends with 3; its maps can be evaluated', async () => {
    await writeFile(join(folder, 'bad.png'), 'no image')
    const scored = await runCli(
      [
        'score',
        'one.png',
        '-',
        '--model',
        'hybrid/model.safetensors',
        '--out',
        'out',
        '--format',
        'npy',
        '--scores',
        'hybrid,max-softmax',
      ],
      {
        cwd: folder,
        stdin: 'two.png\nbad.png\n',
      },
    )
    expect(scored.code, scored.stderr).to.equal(3)
    expect(scored.stdout).to.equal('2 images scored: out\n')
    expect(scored.stderr).to.include('\n1 input was skipped, see out/skipped.jsonl\n')
    expect(JSON.parse(await readFile(join(folder, 'out/skipped.jsonl'), 'utf8'))).to.include({
      path: 'bad.png',
    })
    const again = await cli(
      'score',
      'one.png',
      'two.png',
      '--model',
      'hybrid/model.safetensors',
      '--out',
      'out',
      '--format',
      'npy',
      '--scores',
      'hybrid,max-softmax',
      '--json',
    )
    expect(again.code).to.equal(0)
    expect(JSON.parse(again.stdout)).to.include({ done: 2, resumed: 2, skipped: 0 })
    const evaluated = await cli('evaluate', '--scores', 'out', '--labels', 'nowhere')
    expect(evaluated.code).to.equal(1)
    expect(evaluated.stderr).to.match(/^densehybrid: nowhere.* does not exist\.\n/)
  })

  it('--quiet leaves stderr empty', async () => {
    const { code, stderr } = await cli(
      'score',
      'one.png',
      '--model',
      'hybrid/model.safetensors',
      '--out',
      'q',
      '--quiet',
    )
    expect(code).to.equal(0)
    expect(stderr).to.equal('')
  })

  it('errors say what and what to do, without a stack unless DEBUG is set', async () => {
    const args = ['score', 'one.png', '--model', 'missing.safetensors', '--out', 'out']
    const { code, stderr } = await cli(...args)
    expect(code).to.equal(1)
    expect(stderr)
      .to.match(/^densehybrid: .*missing\.safetensors/)
      .and.not.match(/^ +at /m)
    const debug = await runCli(args, { cwd: folder, env: { DEBUG: '1' } })
    expect(debug.stderr).to.match(/^ +at /m)
  })
})
