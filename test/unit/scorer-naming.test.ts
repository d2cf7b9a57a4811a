import { appendFile, readFile } from 'node:fs/promises'
import { join, normalize, resolve } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { decode } from 'fast-png'
import { parse } from 'npyjs'
import {
  appendManifest,
  appendSkipped,
  beginRun,
  MANIFEST_FILE,
  type ManifestEntry,
  readManifest,
  SKIPPED_FILE,
} from '../../lib/scoring/manifest.ts'
import { commonFolder, OutputNames } from '../../lib/scoring/output-names.ts'
import { resolveScorerOptions, type ScorerOptions } from '../../lib/scoring/scorer-options.ts'
import { writeNpy } from '../../lib/scoring/writers/npy.ts'
import { writeOverlay } from '../../lib/scoring/writers/overlay.ts'
import { quantise, scoreRange, writePng16 } from '../../lib/scoring/writers/png16.ts'
import { tensor } from '../../lib/tensor.ts'
import { type TempFolder, tempFolder, thrown } from '../support/image-files.ts'

describe('names of results', () => {
  it('are paths relative to the common folder', () => {
    const paths = ['/data/a/1.jpg', '/data/b/c/1.jpg']
    const names = new OutputNames(commonFolder(paths))
    expect(paths.map((path) => names.nameOf(path))).to.deep.equal(['a/1', 'b/c/1'])
    expect(commonFolder(['/data/a/1.jpg'])).to.equal('/data/a')
    expect(commonFolder(['/data/ab/1.jpg', '/data/a/1.jpg'])).to.equal('/data')
    expect(commonFolder(['/1.jpg', '/a/2.jpg'])).to.equal('/')
    expect(commonFolder([])).to.equal(process.cwd())
  })

  it('keep the extension where the stem is taken', () => {
    const names = new OutputNames('/data')
    expect(['/data/1.jpg', '/data/1.png', '/data/1.jpg'].map((path) => names.nameOf(path))).to.deep.equal([
      '1',
      '1.png',
      '1',
    ])
  })

  it('stay what an earlier run gave', () => {
    const names = new OutputNames('/data', [['/other/1.jpg', '1']])
    expect(names.nameOf('/data/1.jpg')).to.equal('1.jpg')
    expect(names.nameOf('/other/1.jpg')).to.equal('1')
  })

  it('stay inside of the output folder for inputs outside of the root', () => {
    expect(new OutputNames('/data/x').nameOf('/data/y/1.jpg')).to.equal('data/y/1')
    expect(new OutputNames('/data').nameOf('/data/..hidden/1.jpg')).to.equal('..hidden/1')
  })

  it('never collide (property)', () => {
    const part = fc.constantFrom('a', 'b', 'a.png', '..', '1')
    const file = fc.constantFrom('1.jpg', '1.png', '1', '1.png.jpg', '.jpg', '1.tar.gz')
    const path = fc
      .tuple(fc.array(part, { maxLength: 3 }), file)
      .map(([parts, name]) => ['', ...parts, name].join('/'))
    fc.assert(
      fc.property(fc.array(path, { maxLength: 30 }), (paths) => {
        const names = new OutputNames('/a')
        const nameOf = new Map<string, string>()
        for (const given of paths) {
          const name = names.nameOf(given)
          expect(normalize(join('out', name)).startsWith('out/'), name).to.equal(true)
          const input = resolve(given)
          expect(nameOf.get(input) ?? name).to.equal(name)
          nameOf.set(input, name)
        }
        expect(new Set(nameOf.values()).size).to.equal(nameOf.size)
      }),
    )
  })
})

describe('manifest of results', () => {
  let folder: TempFolder
  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  const entry: ManifestEntry = {
    input: '/data/1.jpg',
    bytes: 10,
    modified: 1.5,
    name: '1',
    settings: 'abc',
    height: 2,
    width: 3,
    outputs: { labels: 'labels/1.png' },
  }

  it('is empty at first, and a later line replaces an earlier one', async () => {
    expect((await readManifest(folder.path)).size).to.equal(0)
    await appendManifest(folder.path, entry)
    await appendManifest(folder.path, { ...entry, settings: 'def' })
    expect([...(await readManifest(folder.path)).values()]).to.deep.equal([{ ...entry, settings: 'def' }])
  })

  it('survives a line that was cut off', async () => {
    await appendManifest(folder.path, entry)
    await appendFile(join(folder.path, MANIFEST_FILE), '{"input":"/data/2.jpg","by')
    expect([...(await readManifest(folder.path)).keys()]).to.deep.equal(['/data/1.jpg'])
    await beginRun(folder.path)
    await appendManifest(folder.path, { ...entry, input: '/data/3.jpg' })
    expect([...(await readManifest(folder.path)).keys()]).to.deep.equal(['/data/1.jpg', '/data/3.jpg'])
  })

  it('lists skipped inputs of the last run only', async () => {
    await beginRun(folder.path)
    await appendSkipped(folder.path, { path: 'a', code: 'INVALID_FILE', reason: 'empty' })
    await beginRun(folder.path)
    await appendSkipped(folder.path, { path: 'b', code: 'NOT_FOUND', reason: 'gone' })
    const lines = (await readFile(join(folder.path, SKIPPED_FILE), 'utf8')).trim().split('\n')
    expect(lines.map((line) => JSON.parse(line))).to.deep.equal([
      { path: 'b', code: 'NOT_FOUND', reason: 'gone' },
    ])
  })
})

describe('score files', () => {
  let folder: TempFolder
  before(async () => {
    folder = await tempFolder()
  })
  after(() => folder.remove())
  const values = Float32Array.of(-50, -40, -1e-3, 0, 1.2345, 39.9999, 40, 1e30)

  it('npy is exact', async () => {
    const path = join(folder.path, 'deep/er/scores.npy')
    await writeNpy(path, tensor(values, [2, 4]))
    const bytes = await readFile(path)
    const { data, shape, dtype, fortranOrder } = parse(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
    )
    expect({ shape, dtype, fortranOrder }).to.deep.equal({ shape: [2, 4], dtype: 'f4', fortranOrder: false })
    expect([...(data as Float32Array)]).to.deep.equal([...values])
  })

  it('png16 is within half a step inside of the range, and counts what is outside', async () => {
    const path = join(folder.path, 'scores.png')
    const range = scoreRange('hybrid', 12)
    expect(await writePng16(path, tensor(values, [2, 4]), range)).to.equal(2)
    const png = decode(await readFile(path))
    expect([png.width, png.height, png.depth, png.channels]).to.deep.equal([4, 2, 16, 1])
    const step = (range.max - range.min) / 65_535
    for (const [i, grey] of png.data.entries()) {
      const expected = Math.min(range.max, Math.max(range.min, values[i]))
      expect(range.min + grey * step, `value ${i}`).to.be.closeTo(expected, step * 0.501)
    }
  })

  it('png16 keeps the order of scores (property)', async () => {
    const float = fc.float({ noNaN: true, min: -60, max: 60 })
    await fc.assert(
      fc.asyncProperty(fc.array(float, { minLength: 2, maxLength: 50 }), async (scores) => {
        const sorted = Float32Array.from(scores).sort()
        const { grey } = await quantise(sorted, scoreRange('hybrid', 3))
        for (let i = 1; i < grey.length; i++) expect(grey[i]).to.be.at.least(grey[i - 1])
      }),
    )
  })

  it('overlays of large images are reduced, without shifting the score', async () => {
    const [height, width] = [30, 1300]
    const map = <T extends Uint8Array | Float32Array>(data: T) => tensor(data, [height, width])
    const left = (x: number) => (x % width < width / 2 ? 0 : 1)
    const score = map(Float32Array.from({ length: height * width }, (_, i) => left(i)))
    const labels = map(Uint8Array.from({ length: height * width }, (_, i) => left(i)))
    const image = tensor(new Uint8Array(height * width * 3), [height, width, 3])
    const path = join(folder.path, 'overlay.png')
    const classes = ['a', 'b']
    await writeOverlay(path, { image, closed: labels, open: labels, score, scoreRange: [0, 1], classes })
    const png = decode(await readFile(path))
    expect(png.width).to.be.within(4 * 640, 4 * 640 + 20)
    const gap = (png.width - 4 * 640) / 3
    const pixel = (panel: number, x: number) => {
      const at = ((png.height - 5) * png.width + panel * (640 + gap) + x) * 3
      return [...png.data.slice(at, at + 3)].join()
    }
    for (const panel of [1, 2, 3]) {
      expect(pixel(panel, 0), `panel ${panel}`).to.equal(pixel(panel, 319))
      expect(pixel(panel, 320), `panel ${panel}`).to.equal(pixel(panel, 639))
      expect(pixel(panel, 319), `panel ${panel}`).not.to.equal(pixel(panel, 320))
    }
  })

  it('ranges hold what a score can be', () => {
    expect(scoreRange('maxSoftmax', 5)).to.deep.equal({ min: -1, max: 0 })
    expect(scoreRange('entropy', 5)).to.deep.equal({ min: 0, max: Math.log(5) })
    expect(scoreRange('entropy', 1).max).to.be.above(0)
    expect(scoreRange('discriminative', 5).max).to.equal(0)
  })
})

describe('scorer options', () => {
  it('have defaults that follow the threshold', () => {
    const resolved = resolveScorerOptions({ out: 'x' }, 2)
    expect(resolved).to.deep.include({
      formats: ['png16', 'labels'],
      scores: ['hybrid'],
      threshold: 2,
      overwrite: false,
    })
    expect(resolved.overlayRange).to.deep.equal([-8, 12])
    expect(resolveScorerOptions({ out: 'x', threshold: null }, 2).threshold).to.equal(undefined)
    expect(resolveScorerOptions({ out: 'x', threshold: 3 }, 2).threshold).to.equal(3)
  })

  it('name the option that is wrong', () => {
    const wrong: [string, unknown][] = [
      ['out', ''],
      ['formats', []],
      ['formats', ['png']],
      ['scores', ['hybird']],
      ['scores', []],
      ['threshold', Number.NaN],
      ['maxSide', 0],
      ['concurrency', 0],
      ['overwrite', 'yes'],
      ['overlayRange', [1, 1]],
      ['root', 3],
    ]
    for (const [name, value] of wrong) {
      const options = { out: 'x', [name]: value } as ScorerOptions
      expect(thrown(() => resolveScorerOptions(options, undefined), 'INVALID_ARGUMENT').message).to.contain(
        name,
      )
    }
  })
})
