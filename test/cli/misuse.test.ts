import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Command } from '../../lib/cli/command.ts'
import { COMMON_FLAGS, parseCommandLine } from '../../lib/cli/options.ts'
import { UsageError } from '../../lib/cli/usage-error.ts'
import { runCli } from './run-cli.ts'

/** Each ends the process with code 2 and exactly this line on stderr. */
const CASES: [args: string[], line: string][] = [
  [['train', '--archtecture', 'x'], 'unknown option --archtecture. Did you mean --architecture?'],
  [['scroe', 'photos'], 'unknown command scroe. Did you mean score?'],
  [['xylophone'], 'unknown command xylophone. See --help.'],
  [['--verson'], 'unknown option --verson. Did you mean --version?'],
  [
    ['score', '--model', 'm', '--out', 'o'],
    'score needs an INPUT: files, folders, patterns or lists of images',
  ],
  [['doctor', 'now'], 'doctor does not take the argument "now"'],
  [
    ['train', '--steps', 'many', '--data', 'scenes:train', '--out', 'o'],
    'expected a whole number from 1 to 1000000000 for --steps but received "many"',
  ],
  [['data', 'chekc', 'scenes:train'], 'unknown action chekc of data. Did you mean check?'],
  [
    ['evaluate', '--model', 'm'],
    'evaluate needs --model CKPT and --data SPEC, or --scores DIR and --labels DIR',
  ],
  [
    ['evaluate', '--model', 'm', '--data', 'd', '--threshold', '-1.5', '--calibrate-on-self'],
    '--threshold and --calibrate-on-self exclude each other',
  ],
  [
    ['train', '--data', 'd', '--out', 'o', '--resume', '--overwrite'],
    '--resume and --overwrite exclude each other',
  ],
  [
    ['train-flow', '--data', 'd', '--out', 'o', '--resume', '--overwrite'],
    '--resume and --overwrite exclude each other',
  ],
  [
    ['train-flow', '--data', 'd', '--out', 'o', '--steps', '1', '--epochs', '1'],
    '--steps and --epochs exclude each other',
  ],
  [
    ['train-flow', '--data', 'd', '--out', 'o', '--flow', 'f', '--architecture', 'denseflow'],
    '--flow and --architecture exclude each other: the checkpoint has its own',
  ],
  [
    ['train-flow', '--data', 'd', '--out', 'o', '--min-lr', '1'],
    'expected at most --lr 0.001 for --min-lr but received 1',
  ],
  [
    ['calibrate', '--scores', 's', '--labels', 'l', '--write'],
    '--write and --out need --model CKPT, the checkpoint that gets the threshold',
  ],
]

describe('misuse', () => {
  for (const [args, line] of CASES) {
    it(args.join(' ') || '(empty)', async () => {
      const { code, stdout, stderr } = await runCli(args)
      expect(stderr).to.equal(`densehybrid: ${line}\n`)
      expect(stdout).to.equal('')
      expect(code).to.equal(2)
    })
  }

  it('names the unknown scheme of a data set and the nearest one', async () => {
    const { code, stderr } = await runCli(['data', 'check', 'scene:train'])
    expect(code).to.equal(2)
    expect(stderr).to.include('"scene"').and.include('Did you mean scenes:train?')
  })
})

/** Each is refused with exactly this message. */
const BAD_FLAGS: [args: string[], line: string][] = [
  [['train', '--archtecture=x'], 'unknown option --archtecture. Did you mean --architecture?'],
  [['score', '-z'], 'unknown option -z. See --help.'],
  [['train', '--data', 'scenes:train'], 'train needs --out DIR'],
  [['score', 'a.png'], 'score needs --model CKPT and --out DIR'],
  [['train', '--batch', '2.5'], 'expected a whole number from 1 to 4096 for --batch but received "2.5"'],
  [['train', '--batch', ''], 'expected a whole number from 1 to 4096 for --batch but received ""'],
  [['train', '--batch', '-3'], 'expected a whole number from 1 to 4096 for --batch but received "-3"'],
  [['train', '--lr', '1e400'], 'expected a number from 0 to 100 for --lr but received "1e400"'],
  [['train', '--out'], 'expected a folder for --out but received nothing'],
  [['train', '--out', '--resume'], 'expected a folder for --out but received nothing'],
  [
    ['train', '--precision', 'bf61'],
    'expected one of auto, float32, bf16 for --precision but received "bf61". Did you mean bf16?',
  ],
  [
    ['train', '--crop', '256,256'],
    'expected a size in pixels, like 256 or 256x512 (height × width) for --crop but received "256,256"',
  ],
  [
    ['train', '--scale', '2,0.5'],
    'expected two numbers at least 0.01 in rising order, like 0.5,2 for --scale but received "2,0.5"',
  ],
  [['train', '--option', 'padding'], 'expected NAME=VALUE for --option but received "padding"'],
  [
    ['score', '--format', 'npz'],
    'expected some of png16,npy,hdf5,overlay,labels for --format but received "npz". Did you mean npy?',
  ],
  [
    ['score', '--threshold', 'nine'],
    'expected a number, or none for --threshold but received "nine". Did you mean none?',
  ],
  [['train-flow', '--out', 'o'], 'train-flow needs --data SPEC'],
  [
    ['train-flow', '--crop', '64x32'],
    'expected a whole number from 1 to 4096 for --crop but received "64x32"',
  ],
  [
    ['train-flow', '--architecture', 'denseflow-tinny'],
    'expected one of denseflow, denseflow-tiny, denseflow-attention for --architecture but received "denseflow-tinny". Did you mean denseflow-tiny?',
  ],
  [['train', '--resume=maybe'], 'expected true or false for --resume but received "maybe"'],
]

/** What a command would receive. */
async function parse([name, ...args]: readonly string[]) {
  const { command } = (await import(`../../lib/cli/commands/${name}.ts`)) as { command: Command }
  return parseCommandLine(name, { ...COMMON_FLAGS, ...command.flags }, args)
}

describe('flags', () => {
  for (const [args, line] of BAD_FLAGS) {
    it(`refuses ${args.join(' ')}`, async () => {
      const error = await parse(args).catch((reason) => reason)
      expect(error).to.be.instanceOf(UsageError)
      expect(error.message).to.equal(line)
    })
  }

  it('are converted, texts are left as they are', async () => {
    const { values, inputs } = await parse([
      ...[
        'score',
        '007',
        '--model',
        '1e3',
        '--out=0x10',
        '--threshold',
        '-1.5',
        '--scores',
        'hybrid,max-logit',
      ],
      ...['--scores', 'entropy', '--max-side=640', '-q', '--', '--odd.png'],
    ])
    expect(values).to.deep.include({
      ...{
        model: '1e3',
        out: '0x10',
        threshold: -1.5,
        scores: ['hybrid', 'maxLogit', 'entropy'],
        maxSide: 640,
      },
      ...{ quiet: true, overwrite: false, format: ['png16', 'labels'], precision: 'auto' },
    })
    expect(inputs).to.deep.equal(['007', '--odd.png'])
  })

  it('may be given several times where that makes sense; else the last one counts', async () => {
    const { values } = await parse([
      ...[
        'train',
        '--data',
        'a',
        '--data',
        'b',
        '--out',
        'x',
        '--out',
        'y',
        '--hold-out',
        'car, bus',
        '--hold-out',
        'tram',
      ],
      ...[
        '--option',
        'padding=same',
        '--option',
        'batchNorm=false',
        '--option',
        'width=0.5',
        '--crop',
        '64x96',
      ],
    ])
    expect(values).to.deep.include({
      ...{ data: ['a', 'b'], out: 'y', holdOut: ['car', 'bus', 'tram'], crop: [64, 96] },
      option: { padding: 'same', batchNorm: false, width: 0.5 },
    })
  })

  it('none means no threshold, and none given means that of the model', async () => {
    const score = ['score', '--model', 'm', '--out', 'o']
    expect((await parse([...score, '--threshold', 'none'])).values.threshold).to.equal(null)
    expect((await parse(score)).values.threshold).to.equal(undefined)
  })
})

describe('configuration files', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'densehybrid-cli-'))
  })
  after(() => rm(folder, { recursive: true }))

  const train = (...args: string[]) => runCli(['train', ...args, '--print-config', '--json'], { cwd: folder })

  for (const [name, text] of Object.entries({
    'run.yaml':
      'data: scenes:train\nout: "007"\nbatch: 4\nscale: [0.75, 1.5]\ncrop: 64x96\noption:\n  padding: same\n',
    'run.toml':
      'data = ["scenes:train"]\nout = "007"\nbatch = 4\nscale = [0.75, 1.5]\ncrop = "64x96"\n[option]\npadding = "same"\n',
    'run.json':
      '{"data": "scenes:train", "out": "007", "batch": 4, "scale": "0.75,1.5", "crop": [64, 96], "option": {"padding": "same"}}',
  })) {
    it(`${name} gives the options, flags win, defaults fill in`, async () => {
      await writeFile(join(folder, name), text)
      const { code, stdout, stderr } = await train('--config', name, '--batch', '2')
      expect(stderr).to.equal('')
      expect(code).to.equal(0)
      expect(JSON.parse(stdout)).to.include({ batch: 2, out: '007', epochs: 60, crop: '64x96' })
      expect(JSON.parse(stdout)).to.deep.include({
        data: ['scenes:train'],
        scale: [0.75, 1.5],
        option: { padding: 'same' },
      })
    })
  }

  it('--print-config can be read again and gives the same', async () => {
    const args = [
      'train',
      '--data',
      'scenes:train',
      '--out',
      'o',
      '--lr',
      '3e-5',
      '--hold-out',
      'car,person',
      '--print-config',
    ]
    const first = await runCli(args)
    expect(first.stdout).to.include('# weights: (not set)')
    await writeFile(join(folder, 'again.yaml'), first.stdout)
    const second = await runCli(['train', '--config', join(folder, 'again.yaml'), '--print-config'])
    expect(second.stderr).to.equal('')
    expect(second.stdout).to.equal(first.stdout)
  })

  it('a switch can be taken back by a flag', async () => {
    await writeFile(join(folder, 'switch.yaml'), 'data: scenes:train\nout: o\noverwrite: true\n')
    expect(JSON.parse((await train('--config', 'switch.yaml')).stdout).overwrite).to.equal(true)
    expect(
      JSON.parse((await train('--config', 'switch.yaml', '--overwrite=false')).stdout).overwrite,
    ).to.equal(false)
  })

  for (const [name, text, line] of [
    ['typo.yaml', 'archtecture: x\n', 'unknown option archtecture in typo.yaml. Did you mean architecture?'],
    [
      'value.toml',
      'steps = "many"\n',
      'expected a whole number from 1 to 1000000000 for steps in value.toml but received "many"',
    ],
    ['list.json', '[1]', 'expected names and values in list.json but it holds none'],
    ['run.ini', 'a=1', 'expected a .yaml, .toml or .json file for --config but received "run.ini"'],
  ]) {
    it(`refuses ${name}`, async () => {
      await writeFile(join(folder, name), text)
      const { code, stderr } = await train('--config', name)
      expect(stderr).to.equal(`densehybrid: ${line}\n`)
      expect(code).to.equal(2)
    })
  }

  it('names a file that is missing, and one that cannot be parsed', async () => {
    expect((await train('--config', 'nothing.yaml')).stderr).to.equal(
      'densehybrid: cannot read the configuration nothing.yaml: ENOENT\n',
    )
    await writeFile(join(folder, 'broken.toml'), 'steps = = 3\n')
    const { code, stderr } = await train('--config', 'broken.toml')
    expect(code).to.equal(2)
    expect(stderr).to.match(/^densehybrid: broken\.toml cannot be parsed: .+\n$/)
  })
})
