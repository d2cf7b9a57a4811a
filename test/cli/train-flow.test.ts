import { statSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadNative } from '../../lib/binding/load.ts'
import { command } from '../../lib/cli/commands/train-flow.ts'
import { readImage } from '../../lib/data/decode.ts'
import { DenseFlow } from '../../lib/dense-flow.ts'
import { needAddon } from '../support/addon.ts'
import { runCli } from './run-cli.ts'

const DATA = 'scenes:train?length=8&width=64&height=48'
const SMALL = [
  ...['--architecture', 'denseflow-tiny', '--crop', '16', '--batch', '4'],
  ...['--log-every', '1', '--lr', '0.003'],
]

describe('train-flow', function () {
  this.timeout(120_000)
  let folder: string
  const cli = (...args: string[]) => runCli(['train-flow', ...args], { cwd: folder })
  const train = (out: string, ...args: string[]) => cli('--data', DATA, '--out', out, ...SMALL, ...args)
  const stepsOf = async (run: string) =>
    (await readFile(join(folder, run, 'log.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))

  let first: Awaited<ReturnType<typeof cli>>
  before(async function () {
    needAddon(this)
    folder = await mkdtemp(join(tmpdir(), 'densehybrid-flow-'))
    first = await train('run', '--steps', '6', '--samples-every', '3')
    expect(first.code, first.stderr).to.equal(0)
  })
  after(() => rm(folder ?? '', { recursive: true, force: true }))

  it('offers the configurations that there are', () => {
    const known = loadNative().flowArchitectures()
    expect(command.flags.architecture.words).to.have.members(known.map(({ architecture }) => architecture))
  })

  it('says how good the flow is, how exactly it inverts, and what is next', () => {
    const lines = first.stdout.trimEnd().split('\n')
    expect(lines[0]).to.equal('run/flow.safetensors')
    expect(lines[1]).to.match(/^bits\/dim \d\.\d{3} \(untrained, after its initialisation: \d\.\d{3}\)$/)
    expect(lines[2]).to.match(/^\|x − f⁻¹\(f\(x\)\)\| at most \S+, on average \S+ grey levels$/)
    expect(lines[3]).to.equal('Samples: run/samples, log: run/log.jsonl')
    expect(first.stderr).to.include('16×16 patches of 8 images of scenes (train)')
    expect(first.stderr).to.include('Next: densehybrid finetune').and.include('--flow run/flow.safetensors')
  })

  it('leaves flow, state, config, a log, and pictures of samples', async () => {
    expect(await readdir(join(folder, 'run'))).to.have.members([
      ...['config.json', 'flow-trainer.safetensors', 'flow.safetensors', 'log.jsonl', 'samples'],
    ])
    const pictures = await readdir(join(folder, 'run/samples'))
    expect(pictures).to.have.members([
      ...['data.png', 'step-000001.png', 'step-000003.png', 'step-000006.png'],
    ])
    const { shape } = await readImage(join(folder, 'run/samples/step-000006.png'))
    expect(shape).to.deep.equal([8 * 18 - 2, 8 * 18 - 2, 3])
    expect((await readImage(join(folder, 'run/samples/data.png'))).shape).to.deep.equal([34, 34, 3])
    const log = await stepsOf('run')
    expect(log.map(({ step }) => step)).to.deep.equal([1, 2, 3, 4, 5, 6])
    expect(log[0]).to.include.keys('bitsPerDim', 'learningRate', 'gradNorm', 'patchesPerSecond', 'memory')
    const flow = await DenseFlow.load(join(folder, 'run/flow.safetensors'))
    expect(flow.config.architecture).to.equal('denseflow-tiny')
    expect(flow.initialised).to.equal(true)
    flow.dispose()
  })

  it('resumes exactly, with the options of the run', async () => {
    const interrupted = await interrupt('stopped')
    expect(interrupted.code, interrupted.stderr).to.equal(130)
    expect(interrupted.stderr).to.include('State saved in stopped. To go on, add --resume.')
    const done = (await stepsOf('stopped')).at(-1).step
    const resumed = await cli('--out', 'stopped', '--resume', '--steps', String(done + 2), '--json')
    expect(resumed.code, resumed.stderr).to.equal(0)
    expect(resumed.stderr).to.include(`Resuming after step ${done}.`)
    const result = JSON.parse(resumed.stdout)
    expect(result).to.include({ flow: 'stopped/flow.safetensors', step: done + 2 })
    expect(result).to.include.keys('bitsPerDim', 'initialBitsPerDim', 'reconstruction', 'samples')
    expect(first.stdout).to.include(`initialisation: ${result.initialBitsPerDim.toFixed(3)})`)
    const steps = (await stepsOf('stopped')).map(({ step }) => step)
    expect(steps).to.deep.equal(Array.from({ length: done + 2 }, (_, i) => i + 1))
    const other = await cli('--out', 'stopped', '--resume', '--lr', '0.5')
    expect(other.code).to.equal(1)
    expect(other.stderr).to.include('started with lr 0.003, not 0.5')
  })

  it('goes on from a flow', async () => {
    const args = ['--data', DATA, '--crop', '16', '--batch', '4', '--steps', '2', '--out', 'again']
    const { code, stdout, stderr } = await cli(...args, '--flow', 'run/flow.safetensors', '--quiet')
    expect(code, stderr).to.equal(0)
    expect(stderr).to.equal('')
    expect(stdout).to.match(/^bits\/dim \d\.\d{3} \(before: \d\.\d{3}\)$/m)
  })

  it('makes negatives for finetune, which trains the flow along unless it is frozen', async () => {
    const small = ['--data', DATA, '--batch', '4', '--crop', '48', '--steps', '1', '--log-every', '1']
    const network = ['--architecture', 'ladder-densenet-tiny']
    const closed = await runCli(['train', ...small, ...network, '--out', 'closed'], { cwd: folder })
    expect(closed.code, closed.stderr).to.equal(0)
    const finetune = async (out: string, ...args: string[]) => {
      const flow = ['--flow', 'run/flow.safetensors', '--flow-sides', '16,32']
      const model = ['finetune', '--model', 'closed/model.safetensors', ...small, ...flow, '--out', out]
      const { code, stderr } = await runCli([...model, ...args], { cwd: folder })
      expect(code, stderr).to.equal(0)
      return stepsOf(out)
    }
    const before = await readFile(join(folder, 'run/flow.safetensors'))
    const joint = await finetune('joint', '--negatives', 'synthetic', '--flow-lr', '0.001')
    expect(joint[0].losses).to.include.keys('mle', 'jsd', 'outside')
    expect(await readFile(join(folder, 'joint/flow.safetensors'))).not.to.deep.equal(before)
    // 13 × 6 patches of 64 pixels with gaps of 2.
    const { shape } = await readImage(join(folder, 'joint/flow-samples.png'))
    expect(shape).to.deep.equal([6 * 66 - 2, 13 * 66 - 2, 3])
    const mixed = await finetune('mixed', '--negatives', 'mixed', '--real', 'scenes:', '--freeze-flow')
    expect(mixed[0].losses).not.to.include.keys('mle')
    expect(await readdir(join(folder, 'mixed'))).not.to.include('flow.safetensors')
  })

  it('is not overwritten by another run in its folder', async () => {
    const before = await readFile(join(folder, 'run/flow.safetensors'))
    const args = ['--data', DATA, '--architecture', 'ladder-densenet-tiny', '--steps', '1', '--out', 'run']
    const { code, stderr } = await runCli(['train', ...args], { cwd: folder })
    expect(code).to.equal(1)
    expect(stderr).to.include('run already holds a run')
    expect(await readFile(join(folder, 'run/flow.safetensors'))).to.deep.equal(before)
  })

  it('does not touch an existing run, and replaces it on demand', async () => {
    expect((await train('replaced', '--steps', '3')).code).to.equal(0)
    const before = await readFile(join(folder, 'replaced/flow.safetensors'))
    const again = await train('replaced', '--steps', '2')
    expect(again.code).to.equal(1)
    expect(again.stderr).to.match(
      /^densehybrid: replaced already holds a run .*\n {2}.*--resume.*--overwrite/,
    )
    expect(await readFile(join(folder, 'replaced/flow.safetensors'))).to.deep.equal(before)
    expect((await train('replaced', '--steps', '2', '--overwrite')).code).to.equal(0)
    expect(await readdir(join(folder, 'replaced/samples'))).to.have.members([
      ...['data.png', 'step-000001.png', 'step-000002.png'],
    ])
  })

  it('refuses a crop that does not fit, before it makes a folder', async () => {
    const odd = await train('odd', '--crop', '20')
    expect(odd.stderr).to.equal('densehybrid: expected a multiple of 8 for --crop but received "20"\n')
    expect(odd.code).to.equal(2)
    const large = await train('odd', '--crop', '64')
    expect(large.code).to.equal(1)
    expect(large.stderr).to.match(/^densehybrid: Expected .* 64×48 pixels .* for crop but received 64/)
    expect(await readdir(folder)).not.to.include('odd')
  })

  /** Ctrl-C as soon as there is a line in the log. */
  function interrupt(out: string) {
    return runCli(['train-flow', '--data', DATA, '--out', out, ...SMALL, '--steps', '5000'], {
      cwd: folder,
      onStart: (child) => {
        const timer = setInterval(() => {
          const log = statSync(join(folder, out, 'log.jsonl'), { throwIfNoEntry: false })
          if (log === undefined || log.size === 0) return
          clearInterval(timer)
          child.kill('SIGINT')
        }, 50)
        child.on('exit', () => clearInterval(timer))
      },
    })
  }
})
