import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import fc from 'fast-check'
import type { ErrorCode } from '../../lib/errors.ts'
import { Segmenter } from '../../lib/segmenter.ts'
import type { TorchScriptOptions } from '../../lib/torchscript.ts'
import { Trainer } from '../../lib/training/trainer.ts'
import { needAddon } from '../support/addon.ts'
import { editSafetensors, offsetsOf, type RawHeader } from '../support/edit-safetensors.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'
import type { Damage } from '../support/import-damaged.ts'
import { TOY_CLASSES } from '../support/toy-data.ts'

const file = join(import.meta.dirname, '../fixtures/torchscript/scripted.pt')
const FILE_BYTES = 31_004
const options: TorchScriptOptions = { classes: TOY_CLASSES, features: 'features' }
const PROGRAM = join(import.meta.dirname, '../support/import-damaged.ts')
const TSX = pathToFileURL(
  join(dirname(createRequire(import.meta.url).resolve('tsx/package.json')), 'dist/loader.mjs'),
)

function refused(given: unknown, code: ErrorCode = 'INVALID_ARGUMENT', path = file) {
  return rejection(Segmenter.fromTorchScript(path, given as TorchScriptOptions), code)
}

describe('imported TorchScript modules: what is refused', function () {
  this.timeout(120_000)
  let folder: TempFolder
  let checkpoint: string
  before(async function () {
    needAddon(this)
    folder = await tempFolder()
    checkpoint = join(folder.path, 'checkpoint.safetensors')
    const model = await Segmenter.fromTorchScript(file, options)
    await model.save(checkpoint)
    model.dispose()
  })
  after(() => folder?.remove())

  describe('options', () => {
    const wrong: [string, unknown, RegExp, RegExp?][] = [
      ['none at all', undefined, /an object with classes for options/],
      ['no classes', {}, /names of the classes that the module was trained on.* for classes/],
      ['no class', { classes: 0 }, /from 1 to 254 for classes/],
      ['a class twice', { classes: ['a', 'b', 'a'] }, /occur once for classes\[2\]/],
      ['too many classes', { classes: 4 }, /logits of 4 classes but .*3 channels/, /all the classes/],
      ['a misspelt option', { classes: 3, feature: 'x' }, /"feature"/, /features/],
      [
        'an unknown key of the logits',
        { classes: 3, logits: 'nope' },
        /keys out, features; there is no nope/,
      ],
      ['a key of something else', { classes: 3, logits: 'features' }, /3 classes but .*12 channels/],
      ['an index into a dict', { classes: 3, features: 0 }, /keys out, features; there are no features 0/],
      ['an unknown submodule', { classes: 3, features: 'bodi' }, /submodule bodi/, /body, classifier, stem/],
      ['an unknown submodule below', { classes: 3, features: 'body.9' }, /body\.9/, /body\.1, body\.2/],
      ['an empty name', { classes: 3, logits: '' }, /for logits/],
      ['a negative index', { classes: 3, features: -1 }, /for features/],
      ['no name', { classes: 3, features: {} }, /for features/],
      [
        'padTo with inputSize',
        { classes: 3, padTo: 32, inputSize: [64, 64] },
        /as inputSize is given for padTo/,
      ],
      ['padTo of nothing', { classes: 3, padTo: 0 }, /from 1 to 1024 for padTo/],
      ['padTo beyond reason', { classes: 3, padTo: 2048 }, /from 1 to 1024 for padTo/],
      ['one side', { classes: 3, inputSize: [64] }, /\[height, width\] for inputSize/],
      ['a size beyond reason', { classes: 3, inputSize: [64, 65_535] }, /to 8192 for inputSize\[1\]/],
      ['another order of channels', { classes: 3, channels: 'gbr' }, /rgb, bgr for channels/],
      ['a text that is no boolean', { classes: 3, alignCorners: 'no' }, /true or false for alignCorners/],
      ['a deviation of 0', { classes: 3, std: [1, 1, 0] }, /for std\[2\]/],
      ['two means', { classes: 3, mean: [0, 0] }, /three numbers .*for mean/],
      ['an unknown device', { classes: 3, device: 'gpu' }, /for device/],
      ['a negative seed', { classes: 3, seed: -1 }, /for seed/],
      ['precision', { classes: 3, precision: 'bf16' }, /"precision"/],
    ]
    for (const [name, given, message, hint] of wrong) {
      it(name, async () => {
        const error = await refused(given)
        expect(error.message).to.match(message)
        if (hint !== undefined) expect(error.hint).to.match(hint)
      })
    }

    it('bf16, in a checkpoint and in training', async () => {
      const loading = Segmenter.load(checkpoint, { precision: 'bf16' })
      expect((await rejection(loading, 'INVALID_ARGUMENT')).message).to.contain('float32 only')
      const model = await Segmenter.load(checkpoint, { precision: 'float32' })
      const { message } = thrown(
        () => new Trainer(model, { objective: 'closed-set', precision: 'bf16' }),
        'INVALID_ARGUMENT',
      )
      expect(message).to.contain('float32 only')
      new Trainer(model, { objective: 'closed-set' }).dispose()
      model.dispose()
    })
  })

  it('training in which nothing would be trained', async () => {
    const model = await Segmenter.fromTorchScript(file, options)
    const { message } = thrown(
      () => new Trainer(model, { objective: 'closed-set', freeze: 'backbone' }),
      'INVALID_ARGUMENT',
    )
    expect(message).to.contain('for freeze')
    new Trainer(model, { objective: 'hybrid', negatives: null, freeze: 'backbone' }).dispose()
    model.dispose()
  })

  describe('files', () => {
    it('that are none', async () => {
      expect((await refused(options, 'NOT_FOUND', join(folder.path, 'none.pt'))).message).to.contain(
        'none.pt',
      )
      await refused(options, 'INVALID_ARGUMENT', '')
      const path = join(folder.path, 'folder.pt')
      await mkdir(path)
      expect((await refused(options, 'INVALID_FILE', path)).message).to.equal(`${path} is no file.`)
    })

    it('of other kinds, saying what they are', async () => {
      const kinds: [string, string | Buffer, string][] = [
        ['empty.pt', '', 'is empty'],
        ['text.pt', 'import torch\n'.repeat(20), 'is something else, not a TorchScript module'],
        ['picture.pt', Buffer.from('89504e470d0a1a0a00', 'hex'), 'is a PNG file'],
        ['pointer.pt', 'version https://git-lfs.github.com/spec/v1\n', 'is a Git LFS pointer'],
      ]
      for (const [name, content, reason] of kinds) {
        const path = join(folder.path, name)
        await writeFile(path, content)
        const error = await refused(options, 'INVALID_FILE', path)
        expect(error.message).to.contain(`${path} ${reason}`)
        expect(error.hint).to.contain('torch.jit.script')
      }
      const weights = join(import.meta.dirname, '../fixtures/weights/checkpoint.pth')
      expect((await refused(options, 'INVALID_FILE', weights)).message).to.contain('holds weights')
      expect((await refused(options, 'INVALID_FILE', checkpoint)).hint).to.contain('Segmenter.load')
    })

    it('of this kind, where others are expected', async () => {
      await rejection(Segmenter.load(file), 'INVALID_FILE')
      const create = { architecture: 'ladder-densenet-tiny', classes: 3 } as const
      await rejection(Segmenter.create({ ...create, weights: file }), 'INVALID_FILE')
      await rejection(Segmenter.create({ ...create, weights: checkpoint }), 'ARCHITECTURE_MISMATCH')
      await rejection(
        Segmenter.create({ classes: 3, architecture: 'torchscript' as never }),
        'INVALID_ARGUMENT',
      )
    })

    it('that are cut off or have flipped bits, unless they still work; none ends the process', async () => {
      const position = fc.integer({ min: 0, max: FILE_BYTES - 1 })
      const flip = fc.record({ at: position, bits: fc.integer({ min: 1, max: 255 }) })
      const cut = fc.record({ at: position, bits: fc.constant(0) })
      const damages = [...fc.sample(flip, 150), ...fc.sample(cut, 30)]
      const outcomes = await importAll(damages)
      expect(outcomes).to.have.length(damages.length)
      const bad = damages.flatMap((damage, i) =>
        outcomes[i] === 'ok' || /^[A-Z_]+$/.test(outcomes[i]) ? [] : [{ ...damage, outcome: outcomes[i] }],
      )
      expect(bad).to.deep.equal([])
      expect(outcomes.slice(150).every((outcome) => outcome === 'INVALID_FILE')).to.equal(true)
      expect(outcomes).to.include('ok')
    })
  })

  describe('checkpoints', () => {
    async function damaged(
      change: (header: RawHeader, data: Buffer) => void,
      code: ErrorCode = 'INVALID_FILE',
    ) {
      const path = join(folder.path, 'edited.safetensors')
      await editSafetensors(checkpoint, path, change)
      const error = await rejection(Segmenter.load(path), code)
      expect(error.message).to.contain(path)
      return error.message
    }
    const archive = 'torchscript.archive'

    it('are read when they are unchanged', async () => {
      const path = join(folder.path, 'same.safetensors')
      await editSafetensors(checkpoint, path, () => {})
      const model = await Segmenter.load(path)
      expect(model.torchscript?.featureChannels).to.equal(12)
      model.dispose()
    })

    it('without code, or with damaged code', async () => {
      expect(await damaged((header) => delete header[archive])).to.contain(
        `lacks its code, the tensor ${archive}`,
      )
      const filled = (value: number) => (header: RawHeader, data: Buffer) => {
        data.fill(value, ...offsetsOf(header, archive))
      }
      for (const value of [0, 7, 255]) {
        expect(await damaged(filled(value))).to.contain('cannot be read as a TorchScript module')
      }
    })

    it('without a tensor of the module or of the head', async () => {
      expect(await damaged((header) => delete header['body.1.running_var'])).to.contain('body.1.running_var')
      const head = (header: RawHeader) => {
        for (const name of Object.keys(header)) if (name.startsWith('logits_ood.')) delete header[name]
      }
      expect(await damaged(head, 'ARCHITECTURE_MISMATCH')).to.contain('logits_ood.')
    })

    it('with tensors of another shape', async () => {
      const reshape = (header: RawHeader) => {
        header['classifier.weight'].shape = [12, 3, 1, 1] as never
      }
      expect(await damaged(reshape)).to.contain('[12, 3, 1, 1]')
    })

    it('with metadata that no import writes, naming the field', async () => {
      const cases: [string, unknown, string][] = [
        ['logits', 3, 'options.logits'],
        ['channels', 'gbr', 'options.channels'],
        ['padTo', '8', 'options.padTo'],
        ['padTo', 0, 'options.padTo'],
        ['padTo', 1e9, 'options.padTo'],
        ['padTo', -8, 'options.padTo'],
        ['padTo', 8.5, 'options.padTo'],
        ['inputHeight', 64, 'inputHeight alone'],
        ['inputHeight', 1e9, 'options.inputHeight'],
        ['alignCorners', 'no', 'options.alignCorners'],
        ['later', 1, 'later'],
        ['features', 'nope', 'submodule nope'],
      ]
      for (const [name, value, part] of cases) {
        const change = ({ __metadata__: metadata }: RawHeader) => {
          const content = JSON.parse(metadata.densehybrid)
          content.options[name] = value
          metadata.densehybrid = JSON.stringify(content)
        }
        expect(await damaged(change)).to.contain(part)
      }
    })

    it('with more classes than the module has', async () => {
      const message = await damaged(({ __metadata__: metadata }) => {
        const content = JSON.parse(metadata.densehybrid)
        content.classes.push('one more')
        content.palette.push([1, 2, 3])
        metadata.densehybrid = JSON.stringify(content)
      })
      expect(message).to.contain('4 classes').and.contain('3 channels')
    })
  })

  /** What importing damaged copies of the file, each in turn, came to. */
  async function importAll(damages: readonly Damage[]): Promise<string[]> {
    const args = ['--import', TSX.href, PROGRAM, file, folder.path, JSON.stringify(damages)]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    return stdout.trim().split('\n')
  }
})
