import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadNative } from '../../lib/binding/load.ts'
import { insideOf, Segmenter } from '../../lib/segmenter.ts'
import { type Tensor, type TypedArray, tensor } from '../../lib/tensor.ts'
import { readPth } from '../../lib/weights/pth/read-pth.ts'
import { writePth } from '../../lib/weights/pth/write-pth.ts'
import { needAddon } from '../support/addon.ts'
import { type TempFolder, tempFolder } from '../support/image-files.ts'
import { runCli } from './run-cli.ts'

describe('convert', function () {
  this.timeout(60_000)
  let folder: TempFolder
  const file = (name: string) => join(folder.path, name)
  let tensors: Record<string, Tensor<TypedArray>>
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
    const model = await Segmenter.create({
      architecture: 'ladder-densenet-tiny',
      classes: ['a', 'b'],
      seed: 3,
    })
    tensors = await insideOf(model).model.tensors()
    await model.save(file('model.safetensors'))
    model.dispose()
  })
  after(() => folder?.remove())

  it('checkpoint to .pth and back to .safetensors: every value', async () => {
    const out = await runCli(['convert', file('model.safetensors'), file('state.pth'), '--prefix', 'module.'])
    expect(out.code, out.stderr).to.equal(0)
    expect(out.stdout).to.match(/state\.pth: pth, \d+ tensors, 0\.\d\d M values/)
    expect(Object.keys(await readPth(file('state.pth')))[0]).to.equal(`module.${Object.keys(tensors)[0]}`)
    const back = await runCli([
      'convert',
      file('state.pth'),
      file('plain.safetensors'),
      '--strip',
      'module.',
      '--json',
    ])
    expect(JSON.parse(back.stdout)).to.deep.include({
      format: 'safetensors',
      tensors: Object.keys(tensors).length,
    })
    const { tensors: read, metadata } = await loadNative().readSafetensors(file('plain.safetensors'))
    expect(metadata).to.deep.equal({})
    expect(Object.keys(read).sort()).to.deep.equal(Object.keys(tensors).sort())
    for (const [name, { data }] of Object.entries(tensors)) expect(read[name].data, name).to.deep.equal(data)
  })

  it('weights to a checkpoint that runs, with a report of what it lacks', async () => {
    const backbone = Object.fromEntries(
      Object.entries(tensors)
        .filter(([name]) => name.startsWith('backbone.'))
        .map(([name, value]) => [`module.${name.slice('backbone.'.length)}`, value]),
    )
    await writePth(file('backbone.pth'), {
      ...backbone,
      'module.classifier.weight': tensor(new Float32Array(4), [2, 2]),
      'module.other': tensor(new Float32Array(1), [1]),
    })
    const flags = ['--architecture', 'ladder-densenet-tiny', '--classes', 'x,y,z', '--mean', '0.4,0.5,0.6']
    const { code, stdout, stderr } = await runCli([
      'convert',
      file('backbone.pth'),
      file('start.safetensors'),
      ...flags,
    ])
    expect(code, stderr).to.equal(0)
    expect(stdout)
      .to.include('checkpoint')
      .and.to.include(`Loaded: ${Object.keys(backbone).length} tensors`)
    expect(stdout).to.match(/Missing, so initialised at random: \d+ \(spp\./)
    expect(stdout).to.include('Unexpected, so left out: 1 (module.other)')
    expect(stdout).to.include('Head of a classifier, left out: 1 (module.classifier.weight)')
    const model = await Segmenter.load(file('start.safetensors'))
    expect(model.classes).to.deep.equal(['x', 'y', 'z'])
    expect(model.mean).to.deep.equal([0.4, 0.5, 0.6])
    const name = 'backbone.features.conv0.weight'
    expect((await insideOf(model).model.tensors([name]))[name].data).to.deep.equal(tensors[name].data)
    model.dispose()
  })

  it('another number of classes is an error, unless it is to be left out', async () => {
    const target = [
      file('model.safetensors'),
      file('five.safetensors'),
      '--architecture',
      'ladder-densenet-tiny',
    ]
    const refused = await runCli(['convert', ...target, '--classes', '5'])
    expect(refused.code).to.equal(1)
    expect(refused.stderr).to.include('logits.conv.weight is [2,64,1,1] there and [5,64,1,1] in the model')
    const { code, stdout } = await runCli(['convert', ...target, '--classes', '5', '--skip-mismatched'])
    expect(code).to.equal(0)
    expect(stdout).to.include(
      'Of another shape, so left out: 2 (logits.conv.weight [2,64,1,1] for [5,64,1,1]',
    )
  })

  it('a TorchScript module to a checkpoint', async () => {
    const module = join(import.meta.dirname, '../fixtures/torchscript/scripted.pt')
    const flags = ['--classes', '3', '--features', 'features', '--overwrite']
    const { code, stderr } = await runCli(['convert', module, file('module.safetensors'), ...flags])
    expect(code, stderr).to.equal(0)
    const model = await Segmenter.load(file('module.safetensors'))
    expect(model.architecture).to.equal('torchscript')
    model.dispose()
    const bare = await runCli(['convert', module, file('x.safetensors')])
    expect(bare.code).to.equal(2)
    expect(bare.stderr).to.include('--classes')
  })

  it('names what is wrong, and leaves files alone', async () => {
    await writeFile(file('nan.txt'), 'no weights')
    const broken = { ...tensors, 'logits.conv.bias': tensor(Float32Array.of(Number.NaN, 1), [2]) }
    await writePth(file('nan.pth'), broken)
    const model = file('model.safetensors')
    const before = await readFile(model)
    const tiny = ['--architecture', 'ladder-densenet-tiny', '--classes', '2']
    const cases: [string[], number, string][] = [
      [[model, model], 1, 'another file than the input'],
      [[model, file('start.bin')], 1, '.safetensors or .pth'],
      [[file('gone.pth'), file('y.safetensors')], 1, 'gone.pth'],
      [[file('nan.txt'), file('y.safetensors')], 1, 'nan.txt'],
      [[file('nan.pth'), file('y.safetensors'), ...tiny], 1, 'logits.conv.bias holds 1 of 2 values'],
      [[model, file('y.pth'), ...tiny], 1, '.safetensors'],
      [[model, file('y.pth'), '--strip', 'module.'], 1, 'strip'],
      [[model, file('y.safetensors'), '--classes', '2'], 2, '--architecture'],
      [[model, file('y.safetensors'), '--features', 'x'], 2, '--features'],
      [
        [model, file('y.safetensors'), '--architecture', 'ladder-densenet-tin', '--classes', '2'],
        1,
        'ladder-densenet-tiny',
      ],
      [[model], 2, 'IN and OUT'],
    ]
    for (const [args, expected, says] of cases) {
      const { code, stderr } = await runCli(['convert', ...args])
      expect(stderr, args.join(' ')).to.include(says)
      expect(code, args.join(' ')).to.equal(expected)
    }
    const again = await runCli(['convert', file('backbone.pth'), model])
    expect(again.stderr).to.include('exists already').and.to.include('--overwrite')
    expect((await readFile(model)).equals(before)).to.equal(true)
  })
})
