import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import type { Tensor, TypedArray } from '../../lib/tensor.ts'
import { readPth } from '../../lib/weights/pth/read-pth.ts'
import { writePth } from '../../lib/weights/pth/write-pth.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'

const python = process.env.DENSEHYBRID_PYTHON

/** Makes files in the folder that is its argument, and prints what the tensors of some are. */
const MAKE = `
import sys, os, json, pathlib, argparse, torch, numpy
from collections import OrderedDict
os.chdir(sys.argv[1])
torch.manual_seed(0)
def value(t):
    t = t.detach()
    flat = t.contiguous().reshape(-1)
    numbers = [str(x) for x in flat.tolist()] if not t.is_floating_point() else [repr(x) for x in flat.double().tolist()]
    return {'shape': list(t.shape), 'numbers': numbers}
model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
state = model.state_dict()
kinds = OrderedDict()
for name in ['float64', 'float32', 'float16', 'bfloat16']:
    kinds[name] = torch.randn(3, 5).to(getattr(torch, name))
for name in ['int64', 'int32', 'int16', 'int8', 'uint8', 'uint16', 'bool']:
    kinds[name] = torch.randint(0, 2, (2, 3)).to(getattr(torch, name))
base = torch.randn(6, 7, 8)
kinds['sliced'], kinds['permuted'], kinds['tied'] = base[1::2, 2:5, ::3], base.permute(2, 0, 1), base
kinds['channels_last'] = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
kinds['expanded'], kinds['empty'], kinds['scalar'] = torch.randn(1, 3).expand(4, 3), torch.zeros(2, 0), torch.tensor(-2.5)
kinds['parameter'] = torch.nn.Parameter(torch.randn(2))
kinds['marked'] = torch.nn.Parameter(torch.randn(2)); kinds['marked'].mark = 5
files = {}
def save(name, content, expected, **options):
    torch.save(content, name, **options)
    files[name] = {key: value(t) for key, t in expected.items()}
save('state.pth', state, state)
save('kinds.pth', kinds, kinds)
for protocol in [3, 4, 5]:
    save(f'protocol{protocol}.pth', dict(kinds), kinds, pickle_protocol=protocol)
optimizer = torch.optim.Adam(model.parameters()); model(torch.randn(1, 3, 4, 6)).sum().backward(); optimizer.step()
state = {'module.' + key: t for key, t in model.state_dict().items()}
save('checkpoint.pth', {'model': state, 'optimizer': optimizer.state_dict(), 'epoch': 3, 'best': numpy.float64(0.1),
    'step': numpy.int64(7), 'loss': numpy.zeros(3), 'device': torch.device('cpu'),
    'scheduler': torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 7]).state_dict(), 'random': torch.get_rng_state().tolist(),
    'args': argparse.Namespace(data=pathlib.Path('a/b'), seed=numpy.random.get_state()), 'tags': {1, 'x'}, 'size': torch.Size([1, 2])}, state)
torch.save(state, 'legacy.pth', _use_new_zipfile_serialization=False)
torch.save(model, 'module.pth')
torch.jit.script(model).save('script.pth')
torch.save({'w': torch.zeros(2, dtype=torch.complex64)}, 'complex.pth')
torch.save({'w': torch.view_as_complex(torch.zeros(2, 2)).conj()}, 'conjugated.pth')
torch.save({'w': torch.zeros(2, 2).to_sparse()}, 'sparse.pth')
print(json.dumps(files))
`

/** Prints the tensors of a file: name, type, shape and numbers. */
const LOAD = `
import sys, json, torch
loaded = [torch.load(sys.argv[1], weights_only=True, mmap=mmap) for mmap in [False, True]]
assert all(torch.equal(t, loaded[1][key]) for key, t in loaded[0].items())
assert all(t.data_ptr() % 64 == 0 or t.numel() == 0 for t in loaded[1].values())
print(json.dumps([[key, str(t.dtype), list(t.shape), [str(x) for x in t.reshape(-1).tolist()]]
    for key, t in loaded[0].items()]))
`

/** Writes a legacy file anew as the hint of its error says. */
const REWRITE = 'import sys, os; os.chdir(sys.argv[1]); '

async function run(script: string, argument: string): Promise<string> {
  return (
    await promisify(execFile)(python!, ['-W', 'ignore', '-c', script, argument], { maxBuffer: 2 ** 26 })
  ).stdout
}

describe('.pth files and PyTorch', function () {
  this.timeout(120_000)
  let folder: TempFolder
  let made: Record<string, Record<string, { shape: number[]; numbers: string[] }>>
  before(async function () {
    if (python === undefined) {
      console.log('      skipped: set DENSEHYBRID_PYTHON to a Python that has torch')
      this.skip()
    }
    folder = await tempFolder()
    made = JSON.parse(await run(MAKE, folder.path))
  })
  after(() => folder?.remove())
  const at = (name: string) => join(folder.path, name)

  it('what PyTorch writes is read with equal values', async () => {
    for (const [file, expected] of Object.entries(made)) {
      const tensors = await readPth(at(file))
      expect(Object.keys(tensors), file).to.deep.equal(Object.keys(expected))
      for (const [name, { shape, numbers }] of Object.entries(expected)) {
        const { data, shape: read } = tensors[name]
        expect(read, `${file} ${name}`).to.deep.equal(shape)
        const wanted = numbers.map((text) => (text === 'True' ? 1 : text === 'False' ? 0 : Number(text)))
        expect(Array.from(data, Number), `${file} ${name}`).to.deep.equal(wanted)
      }
    }
    expect(Object.keys(made)).to.have.length(6)
  })

  it('what is written is read by torch.load with weights_only, mapped into memory, too', async () => {
    const tensors: [string, string, Tensor<TypedArray>][] = [
      ['module.b', 'torch.float32', { data: Float32Array.of(1.5, -2, 3e-30, 4, 5, 6), shape: [2, 3] }],
      ['a', 'torch.float64', { data: Float64Array.of(0.1), shape: [] }],
      ['7', 'torch.int64', { data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), shape: [2] }],
      ['int32', 'torch.int32', { data: Int32Array.of(-5), shape: [1, 1, 1] }],
      ['int16', 'torch.int16', { data: Int16Array.of(-5), shape: [1] }],
      ['int8', 'torch.int8', { data: Int8Array.of(-5), shape: [1] }],
      ['uint8', 'torch.uint8', { data: Uint8Array.of(255), shape: [1] }],
      ['uint16', 'torch.uint16', { data: Uint16Array.of(65_535, 1), shape: [2] }],
      ['größe.重み', 'torch.float32', { data: new Float32Array(0), shape: [0, 300] }],
      ['large', 'torch.int16', { data: new Int16Array(70_000).fill(3), shape: [7, 10_000] }],
    ]
    await writePth(at('ours.pth'), new Map(tensors.map(([name, , tensor]) => [name, tensor])))
    const loaded = JSON.parse(await run(LOAD, at('ours.pth')))
    expect(loaded).to.deep.equal(
      tensors.map(([name, dtype, { data, shape }]) => [name, dtype, shape, numbersOf(dtype, data)]),
    )
  })

  it('what cannot be read is refused by what it is', async () => {
    const refused = async (name: string, message: RegExp) => {
      const error = await rejection(readPth(at(name)), 'INVALID_FILE')
      expect(error.message).to.match(message)
      return error.hint!
    }
    await refused(
      'module.pth',
      /an object of the class torch\.nn\.modules\.container\.Sequential, not only weights/,
    )
    await refused('script.pth', /is a TorchScript module; use Segmenter\.fromTorchScript/)
    await refused('complex.pth', /"w" of type torch\.complex64/)
    await refused('conjugated.pth', /arguments|complex64/)
    await refused('sparse.pth', /asks to call torch\._utils\._rebuild_sparse_tensor/)
    const hint = await refused('legacy.pth', /is in the format of PyTorch before 1\.6/)
    const code = hint.replace(/^Rewrite it in Python: (.*)\.$/, '$1').replace('old.pth', 'legacy.pth')
    await run(REWRITE + code, folder.path)
    expect(await readPth(at('new.pth'))).to.deep.equal(await readPth(at('checkpoint.pth')))
  })
})

/** As Python prints them. */
function numbersOf(dtype: string, data: TypedArray): string[] {
  return Array.from<number | bigint, string>(data, (value) => {
    if (!dtype.startsWith('torch.float')) return String(value)
    return Number.isInteger(value) ? `${value}.0` : String(value)
  })
}
