import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import type { Tensor, TypedArray } from '../../lib/tensor.ts'
import { compareCase } from './compare.ts'
import { type BrokenCase, findCases, type GoldenCase, loadTensors } from './find-cases.ts'
import { defaultContext, RUNNERS, runCase, runFolder } from './run.ts'
import { readReference, writeReference } from './safetensors.ts'
import { excludedElements } from './where.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures/golden')
const context = defaultContext()
const cases = (await findCases(FIXTURES)) as GoldenCase[]

describe('golden values', () => {
  it('cover every kind of case that the runner knows but those that need large files', () => {
    const kinds = new Set(cases.map(({ description }) => description.case))
    expect([...kinds].sort()).to.deep.equal(
      Object.keys(RUNNERS)
        .filter((kind) => !['deeplabv3plus_wrn38', 'flow_stored', 'train_step'].includes(kind))
        .sort(),
    )
  })

  for (const golden of cases) {
    it(golden.label, async function () {
      this.timeout(60_000)
      const { status, line } = await runCase(golden, context)
      expect(status, line).to.equal('ok')
    })

    it(`${golden.label}: no output passes once its reference is wrong`, async function () {
      this.timeout(60_000)
      const { description } = golden
      const reference = await loadTensors(golden)
      const computed = await RUNNERS[description.case](golden, reference, context)
      for (const [name, check] of Object.entries(description.checks)) {
        if (check.role !== 'output' || computed.omitted?.[name] !== undefined) continue
        const excluded = excludedElements(description, reference, name)
        const index = reference[name].data.findIndex((_: unknown, i: number) => !excluded?.(i))
        const wrong = {
          ...reference,
          [name]: shifted(reference[name], index, check.rtol ?? 0, check.atol ?? 0),
        }
        const { failures } = compareCase(description, wrong, computed)
        expect(failures.join(), `${name}[${index}]`).to.include(`${name}[${index}]`)
      }
    })
  }
})

describe('golden runner', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'golden-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  async function run(args: string[]): Promise<{ code: number; lines: string[]; stderr: string }> {
    const script = join(import.meta.dirname, 'run.ts')
    const done = await promisify(execFile)(process.execPath, ['--import=tsx', script, ...args]).then(
      (result) => ({ code: 0, ...result }),
      (error) => error as { code: number; stdout: string; stderr: string },
    )
    return { code: done.code, lines: done.stdout.trimEnd().split('\n'), stderr: done.stderr }
  }

  async function copyCase(label: string): Promise<string> {
    const target = join(folder, basename(label))
    for (const type of ['json', 'safetensors'])
      await cp(join(FIXTURES, `${label}.${type}`), `${target}.${type}`)
    return target
  }

  it('exits 0 when all cases pass, and closes with the totals', async function () {
    this.timeout(30_000)
    await copyCase('lr_schedule/hybrid_finetune_ldn121')
    const { code, lines } = await run([folder])
    expect(lines[0]).to.match(/^ok hybrid_finetune_ldn121 \S+ \S+ rtol=1e-12,atol=0 /)
    expect(lines.at(-1)).to.equal('1 passed, 0 failed, 0 skipped')
    expect(code).to.equal(0)
  })

  it('exits 1 when one value of one tensor is off, and names it', async function () {
    this.timeout(30_000)
    const target = await copyCase('lr_schedule/hybrid_finetune_ldn121')
    await copyCase('lr_schedule/hybrid_finetune_dlv3')
    const tensors = await readReference(`${target}.safetensors`)
    tensors.lr_per_epoch = shifted(tensors.lr_per_epoch, 7, 1e-12, 0)
    await writeReference(`${target}.safetensors`, tensors)
    const { code, lines } = await run([folder])
    expect(lines[1]).to.match(/^FAIL hybrid_finetune_ldn121 .*lr_per_epoch\[7\]: got/)
    expect(lines.at(-1)).to.equal('1 passed, 1 failed, 0 skipped')
    expect(code).to.equal(1)
  })

  it('fails without a folder, on a missing folder and on one without cases', async function () {
    this.timeout(30_000)
    await mkdir(join(folder, 'empty'))
    await writeFile(join(folder, 'empty', 'manifest.json'), '{"files": 3}')
    const runs = await Promise.all([run([]), run([join(folder, 'missing')]), run([join(folder, 'empty')])])
    expect(runs.map(({ code }) => code)).to.deep.equal([1, 1, 1])
    expect(runs[1].stderr).to.include('missing cannot be read')
    expect(runs[2].stderr).to.include('holds no case')
  })

  it('skips kinds it does not know with the reason, and fails broken files', async () => {
    await writeFile(join(folder, 'a.json'), '{"case": "toString", "name": "a"}')
    await writeFile(join(folder, 'b.json'), '{"case": "jsd", ')
    await writeFile(
      join(folder, 'c.json'),
      JSON.stringify({ case: 'pasting', tensors: { x: { shape: [1] } } }),
    )
    const lines: string[] = []
    expect(await runFolder(folder, context, (line) => lines.push(line))).to.equal(1)
    expect(lines[0]).to.equal('skip a (no runner for cases of kind toString)')
    expect(lines[1]).to.match(/^FAIL b .*unreadable JSON/)
    expect(lines[2]).to.match(/^FAIL c .*ENOENT/)
    expect(lines[3]).to.equal('0 passed, 2 failed, 1 skipped')
  })

  it('fails on an output without a value, a wrong variant, and a condition it cannot read', async () => {
    const label = 'lr_schedule/hybrid_finetune_dlv3'
    const golden = cases.find((found: GoldenCase | BrokenCase) => found.label === label)!
    const reference = await loadTensors(golden)
    const { tensors } = await RUNNERS.lr_schedule(golden, reference, context)
    const { lr_per_epoch: _, ...rest } = tensors
    expect(compareCase(golden.description, reference, { tensors: rest }).failures.join()).to.include(
      'lr_per_epoch',
    )
    const checks = {
      lr_per_epoch: { role: 'output' as const, exact: true, except_where: 'the moon is full' },
    }
    const description = { ...golden.description, checks }
    expect(() => compareCase(description, reference, { tensors })).to.throw('the moon is full')
  })
})

/** A copy with element `index` moved by four times its tolerance, or by 1 where it must be exact. */
function shifted(
  { data, shape }: Tensor<TypedArray>,
  index: number,
  rtol: number,
  atol: number,
): Tensor<TypedArray> {
  const copy = data.slice() as Float64Array
  const tolerance = atol + rtol * Math.abs(copy[index])
  // Integers wrap around where they have to: any other value is wrong.
  copy[index] += tolerance === 0 ? 1 : 4 * tolerance
  return { data: copy, shape }
}
