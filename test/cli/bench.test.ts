import { expect } from 'chai'
import { measure, median } from '../../lib/benchmark/measure.ts'
import { architectures } from '../../lib/runtime.ts'
import { needAddon } from '../support/addon.ts'
import { runCli } from './run-cli.ts'

/** Sizes that take milliseconds. */
const TINY: Record<string, string[]> = {
  'hybrid-score': ['--classes', '3', '--feature', '4x6', '--size', '16x24', '--scores', 'hybrid,max-logit'],
  'hybrid-loss': ['--classes', '3', '--batch', '2', '--feature', '4', '--size', '16'],
  forward: ['--architecture', 'ladder-densenet-tiny', '--classes', '3', '--size', '64x96'],
  segment: [
    '--architecture',
    'ladder-densenet-tiny',
    '--classes',
    '3',
    '--size',
    '64x96',
    '--precision',
    'bf16',
  ],
  'flow-log-prob': ['--architecture', 'denseflow-tiny', '--batch', '2', '--size', '32x48'],
  'flow-sample': ['--batch', '2', '--size', '32x48'],
}
const ROUNDS = ['--rounds', '3', '--warm-up', '1', '--threads', '1']

describe('bench', () => {
  before(function () {
    needAddon(this)
  })

  for (const [name, flags] of Object.entries(TINY)) {
    it(`${name} prints one object with all that the figure depends on`, async () => {
      const { code, stdout, stderr } = await runCli(['bench', name, ...flags, ...ROUNDS, '--json'])
      expect(code, stderr).to.equal(0)
      const result = JSON.parse(stdout)
      expect(result).to.include({ name, iterations: 3, warmUp: 1, threads: 1, device: 'cpu' })
      expect(result.precision).to.equal(name === 'segment' ? 'bf16' : 'float32')
      expect(result.parameters).to.include({
        ...(name.startsWith('flow') ? { batch: 2, architecture: 'denseflow-tiny' } : { classes: 3 }),
        size: flags[flags.indexOf('--size') + 1].replace(/^16$/, '16x16'),
      })
      expect(result.minMs).to.be.above(0)
      expect(result.medianMs).to.be.at.least(result.minMs)
      expect(result.peakMemoryBytes).to.be.above(1e7)
      expect(result.memoryGrowthBytes).to.be.at.least(0).and.below(result.peakMemoryBytes)
      expect(result.commit).to.match(/^\d+\.\d+\.\d+(\+[0-9a-f]{12}(-dirty)?)?$/)
      expect(result.machine).to.include.keys('cpu', 'cores', 'os', 'node', 'libtorch')
      expect('memory' in result).to.equal(name.startsWith('hybrid'))
      expect('labelsAlone' in result).to.equal(name === 'segment')
      expect(stderr).to.include(name)
    })
  }

  it('says what the memory of the device allows, in either precision', async () => {
    const traffic: number[] = []
    for (const precision of ['fp32', 'bf16']) {
      const { code, stdout, stderr } = await runCli([
        'bench',
        'hybrid-score',
        ...TINY['hybrid-score'],
        '--precision',
        precision,
        ...ROUNDS,
        '--json',
      ])
      expect(code, stderr).to.equal(0)
      const { memory, medianMs } = JSON.parse(stdout)
      expect(memory.copyBandwidth).to.be.above(1e8)
      expect(memory.floorMs).to.be.closeTo((1000 * memory.trafficBytes) / memory.copyBandwidth, 1e-12)
      expect(memory.shareOfFloor).to.be.closeTo(memory.floorMs / medianMs, 1e-9)
      traffic.push(memory.trafficBytes)
    }
    // 5 maps of 4×6 logits; at 16×24 a label and two scores
    expect(traffic).to.deep.equal([5 * 24 * 4 + 384 * 9, 5 * 24 * 2 + 384 * 9])
  })

  it('takes no scores, all, or some of them', async () => {
    const scoresOf = async (scores: string) => {
      const { stdout } = await runCli([
        'bench',
        'segment',
        ...TINY.forward,
        '--scores',
        scores,
        '--rounds',
        '1',
        '--json',
        '-q',
      ])
      const { parameters, labelsAlone } = JSON.parse(stdout)
      return { scores: parameters.scores, compared: labelsAlone !== undefined }
    }
    expect(await scoresOf('none')).to.deep.equal({ scores: [], compared: false })
    expect(await scoresOf('max-logit')).to.deep.equal({ scores: ['maxLogit'], compared: true })
    expect((await scoresOf('all')).scores).to.have.length(6)
  })

  it('prints a table otherwise, with the machine', async () => {
    const { code, stdout, stderr } = await runCli(['bench', 'segment', ...TINY.segment, ...ROUNDS, '--quiet'])
    expect(stderr).to.equal('')
    expect(code).to.equal(0)
    expect(stdout).to.match(/benchmark +precision +median ms +min ms +peak MiB$/m)
    expect(stdout).to.match(/^ segment ladder-densenet-tiny, K 3, 64x96, all scores +bf16( +[\d.]+){3}$/m)
    expect(stdout).to.match(/^ +labels alone +bf16( +[\d.]+){2}$/m)
    expect(stdout).to.match(/1 thread\(s\).*\ndensehybrid .*libtorch .*3 rounds/)
  })

  for (const [args, line] of [
    [['forwrad'], 'unknown benchmark forwrad. Did you mean forward?'],
    [
      ['everything'],
      'unknown benchmark everything. There are: hybrid-score, hybrid-loss, forward, segment, flow-log-prob, flow-sample.',
    ],
    [
      ['forward', '--feature', '8'],
      'forward has no --feature; it has --architecture, --classes, --batch, --size',
    ],
    [['forward', '--size', '16'], 'expected sides from 32 to 65535 pixels for --size but received "16x16"'],
    [
      ['hybrid-score', '--size', '65536'],
      'expected sides from 1 to 65535 pixels for --size but received "65536x65536"',
    ],
    [['--size', '64x64'], '--size needs the NAME of a benchmark'],
    [['forward', '--rounds', '0'], 'expected a whole number from 1 to 1000000 for --rounds but received "0"'],
    [
      ['forward', '--threads', 'all'],
      'expected a whole number from 1 to 1024 for --threads but received "all"',
    ],
    [
      ['forward', '--classes', '255'],
      'expected a whole number from 1 to 254 for --classes but received "255"',
    ],
    [
      ['forward', '--precision', 'bf61'],
      'expected one of fp32, float32, bf16 for --precision but received "bf61". Did you mean bf16?',
    ],
    [
      ['forward', '--device', 'gpu'],
      'expected one of cpu, cuda for --device but received "gpu". Did you mean cpu?',
    ],
    [
      ['segment', '--scores', 'entropi'],
      'expected none, all, or some of hybrid,discriminative,generative,maxSoftmax,maxLogit,entropy for --scores but received "entropi". Did you mean entropy?',
    ],
    [
      ['forward', '--architecture', 'ladder-densenet12'],
      `expected one of ${architectures()
        .map(({ name }) => name)
        .join(', ')} for --architecture but received "ladder-densenet12". Did you mean ladder-densenet121?`,
    ],
    [
      ['flow-sample', '--architecture', 'denseflow-tine'],
      'expected one of denseflow, denseflow-tiny for --architecture but received "denseflow-tine". Did you mean denseflow-tiny?',
    ],
    [
      ['hybrid-score', '--feature', '4by6'],
      'expected a size in pixels, like 256 or 256x512 (height × width) for --feature but received "4by6"',
    ],
  ] as [string[], string][]) {
    it(`refuses ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runCli(['bench', ...args])
      expect(stderr).to.equal(`densehybrid: ${line}\n`)
      expect(stdout).to.equal('')
      expect(code).to.equal(2)
    })
  }
})

describe('measure', () => {
  it('runs every job once a round in turn, and leaves the warm-up out', async () => {
    const order: string[] = []
    const job = (name: string, times: number[]) => async () => {
      order.push(name)
      return times.shift()!
    }
    const rounds: number[] = []
    const results = await measure([job('a', [90, 1, 3, 2]), job('b', [90, 8, 5, 5])], {
      rounds: 3,
      warmUp: 1,
      onRound: (done) => rounds.push(done),
    })
    expect(order.join('')).to.equal('abbaabba')
    expect(rounds).to.deep.equal([1, 2, 3, 4])
    expect(results).to.deep.equal([
      { medianMs: 2, minMs: 1 },
      { medianMs: 5, minMs: 5 },
    ])
  })

  it('the median of an even number is between the two in the middle', () => {
    expect(median([4, 1, 3, 10])).to.equal(3.5)
    expect(median([7])).to.equal(7)
  })
})
