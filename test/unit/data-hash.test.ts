import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import type { Dataset } from '../../lib/data/dataset.ts'
import { folder } from '../../lib/data/datasets/folder.ts'
import { hashDataset } from '../../lib/data/hash.ts'
import { holdOut } from '../../lib/data/hold-out.ts'
import { withPastedNegatives } from '../../lib/data/pasted.ts'
import { scenes } from '../../lib/data/scenes/index.ts'
import { cached, concat, resized, subset } from '../../lib/data/subset.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'
import { memoryDataset, rowSample } from '../support/memory-dataset.ts'
import { toyNegatives } from '../support/toy-data.ts'

const hashOf = async (dataset: Dataset) => (await hashDataset(dataset)).hash

/** Hashing does not look into files, so these hold no pictures. */
async function fill(root: TempFolder): Promise<void> {
  for (const name of ['a', 'b', 'deep/c']) {
    await root.write(`images/${name}.jpg`, `image ${name}`)
    await root.write(`labels/${name}.png`, new Uint8Array(20_000).fill(name.length))
    await root.write(`instances/${name}.png`, `instances ${name}`)
  }
}

const open = (root: string) =>
  folder({ root, labels: 'labels', instances: 'instances', mapping: ['road', 'car'] })

describe('hashDataset', () => {
  let root: TempFolder
  let original: string
  beforeEach(async () => {
    root = await tempFolder()
    await fill(root)
    original = await hashOf(await open(root.path))
  })
  afterEach(() => root.remove())

  it('is the SHA-256 of ids and files, wherever they lie', async () => {
    expect(original).to.match(/^[0-9a-f]{64}$/)
    expect((await hashDataset(await open(root.path))).hashOf).to.equal('files')
    const elsewhere = await tempFolder()
    await fill(elsewhere)
    expect(await hashOf(await open(elsewhere.path))).to.equal(original)
    await elsewhere.remove()
  })

  it('changes with every file that is added, removed or renamed', async () => {
    const seen = [original]
    const changed = async () => {
      const hash = await hashOf(await open(root.path))
      expect(seen).not.to.include(hash)
      seen.push(hash)
    }
    await root.write('images/d.jpg', 'image d')
    await root.write('labels/d.png', 'labels d')
    await root.write('instances/d.png', 'instances d')
    await changed()
    for (const kind of ['images', 'labels', 'instances'])
      await rename(
        join(root.path, kind, kind === 'images' ? 'd.jpg' : 'd.png'),
        join(root.path, kind, kind === 'images' ? 'e.jpg' : 'e.png'),
      )
    await changed()
    await rename(join(root.path, 'images/e.jpg'), join(root.path, 'images/e.jpeg'))
    await changed()
    await rm(join(root.path, 'images/e.jpeg'))
    expect(await hashOf(await open(root.path))).to.equal(original)
    await rm(join(root.path, 'images/a.jpg'))
    await changed()
  })

  it('changes with the first and last bytes and the size of any file, not with the bytes between', async () => {
    for (const file of ['images/a.jpg', 'labels/deep/c.png', 'instances/b.png']) {
      const path = join(root.path, file)
      const before = await readFile(path)
      const seen = new Set([original])
      for (const at of [0, Math.min(4095, before.length - 1), before.length - 1]) {
        const after = Buffer.from(before)
        after[at] ^= 1
        await writeFile(path, after)
        seen.add(await hashOf(await open(root.path)))
      }
      await writeFile(path, Buffer.concat([before, before.subarray(-1)]))
      seen.add(await hashOf(await open(root.path)))
      expect(seen.size).to.equal(before.length > 4096 ? 5 : 4)
      await writeFile(path, before)
    }
    const path = join(root.path, 'labels/a.png')
    const middle = await readFile(path)
    middle[10_000] ^= 1
    await writeFile(path, middle)
    expect(await hashOf(await open(root.path))).to.equal(original)
  })

  it('covers every byte of files up to 8 kB', async () => {
    const path = join(root.path, 'labels/a.png')
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8192 }), fc.nat(), async (size, salt) => {
        const content = new Uint8Array(size).fill(7)
        await writeFile(path, content)
        const before = await hashOf(await open(root.path))
        content[salt % size] = 8
        await writeFile(path, content)
        expect(await hashOf(await open(root.path))).not.to.equal(before)
      }),
      { numRuns: 40 },
    )
  })

  it('does not depend on the order of the items, but on which and how many', async () => {
    const all = await open(root.path)
    expect(await hashOf(subset(all, [2, 0, 1]))).to.equal(original)
    expect(await hashOf(subset(all, [0, 1]))).not.to.equal(original)
    expect(await hashOf(subset(all, [0, 1, 2, 2]))).not.to.equal(original)
  })

  it('stays the same through what leaves the items as they are', async () => {
    const all = await open(root.path)
    const wrapped = [
      cached(all, 1000),
      resized(all, { width: 4, height: 4 }),
      holdOut(all, ['car'], { as: 'ignore' }),
      withPastedNegatives(all, toyNegatives),
    ]
    for (const one of wrapped) expect(await hashOf(one), one.name).to.equal(original)
    const [joined, same] = [concat([all, all]), concat([all, subset(all, [0, 1, 2])])]
    expect(await hashOf(joined))
      .to.equal(await hashOf(same))
      .and.not.to.equal(original)
  })

  it('takes generated data by ids and recipe, without rendering', async () => {
    const options = { split: 'val', length: 5 } as const
    const { hash, hashOf: covers } = await hashDataset(scenes(options))
    expect(covers).to.equal('ids')
    expect(await hashOf(scenes({ ...options }))).to.equal(hash)
    for (const change of [
      { seed: 1 },
      { length: 6 },
      { width: 200 },
      { anomalies: false },
      { split: 'test' },
    ])
      expect(await hashOf(scenes({ ...options, ...change } as never))).not.to.equal(hash)
    const source = scenes(options)
    expect(source.source?.(3).id).to.equal((await source.item(3)).id)
  })

  it('says ids where one part of joined data has no files', async () => {
    const pixels = { split: 'train', length: 2 } as const
    const generated = { ...scenes(pixels), classes: ['road', 'car'] }
    expect((await hashDataset(concat([await open(root.path), generated]))).hashOf).to.equal('ids')
  })

  it('takes data sets without source by their files, else by reading ids', async () => {
    const samples = ['x', 'y'].map((id) => rowSample(id, [0, 1]))
    const { files: _, ...memory } = memoryDataset(['a', 'b'], samples)
    const found = await hashDataset(memory)
    expect(found.hashOf).to.equal('ids')
    expect([...memory.reads].sort()).to.deep.equal([0, 1])
    const other = memoryDataset(['a', 'b'], [rowSample('x', [0, 1]), rowSample('z', [0, 1])])
    expect(await hashOf({ ...other, files: undefined } as never)).not.to.equal(found.hash)
    const image = join(root.path, 'images/a.jpg')
    const withFiles = await hashDataset({ ...memory, files: () => ({ image }) })
    expect(withFiles.hashOf).to.equal('files')
    expect(memory.reads).to.have.length(2)
    expect((await hashDataset(memoryDataset([], []))).hashOf).to.equal('ids')
  })

  it('names a file that is gone, stops at the signal, and refuses what is no data set', async () => {
    const dataset = await open(root.path)
    await rm(join(root.path, 'labels/b.png'))
    expect((await rejection(hashDataset(dataset), 'NOT_FOUND')).message).to.include('labels/b.png')
    await rejection(hashDataset(dataset, { signal: AbortSignal.abort() }), 'ABORTED')
    await rejection(hashDataset('scenes:val' as never), 'INVALID_ARGUMENT')
    await rejection(hashDataset(dataset, { singal: undefined } as never), 'INVALID_ARGUMENT')
    expect(thrown(() => dataset.source?.(3), 'INVALID_ARGUMENT').message).to.include('index')
  })
})
