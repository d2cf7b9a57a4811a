import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkMemory } from '../../lib/weights/memory.ts'
import { renameWeights, withoutCounters } from '../../lib/weights/rename.ts'
import { thrown } from '../support/image-files.ts'

const model = [
  'backbone.conv1.weight',
  'backbone.bn1.weight',
  'backbone.bn1.num_batches_tracked',
  'logits.conv.weight',
]

describe('renameWeights', () => {
  it('keeps names that are those of the model', () => {
    expect([...renameWeights(model, model)]).to.deep.equal(model.map((name) => [name, name]))
  })

  it('puts a backbone in its place, and leaves out the head of a classifier', () => {
    const renamed = renameWeights(['conv1.weight', 'bn1.weight', 'fc.weight', 'extra'], model)
    expect([...renamed.values()]).to.deep.equal([
      'backbone.conv1.weight',
      'backbone.bn1.weight',
      undefined,
      'backbone.extra',
    ])
  })

  for (const prefix of ['module.', 'model.', 'net.', 'module.model.', 'state_dict.module.']) {
    it(`looks behind ${prefix}`, () => {
      for (const names of [model, ['conv1.weight', 'bn1.weight']]) {
        const renamed = renameWeights(
          names.map((name) => prefix + name),
          model,
        )
        const expected = names.map((name) =>
          name.includes('.conv') || name.startsWith('backbone') ? name : `backbone.${name}`,
        )
        expect([...renamed.values()]).to.deep.equal(expected)
      }
    })
  }

  it('does as it is told with a prefix', () => {
    expect([...renameWeights(['conv1.weight', 'fc.weight'], model, 'backbone.').values()]).to.deep.equal([
      'backbone.conv1.weight',
      'backbone.fc.weight',
    ])
  })

  it("maps every tensor of torchvision's DenseNet file, old names and new", async function () {
    const shared = process.env.DENSEHYBRID_SHARED ?? '../shared'
    const path = join(shared, 'golden/torchvision_classifiers/densenet121.json')
    if (!existsSync(path)) {
      console.log(`      skipped: ${path} is missing`)
      this.skip()
    }
    interface Row {
      torchvision: string
      checkpoint_file: string
      ladder_densenet: string | null
    }
    const { map } = JSON.parse(await readFile(path, 'utf8')).imagenet_checkpoint_key_map as { map: Row[] }
    expect(map.length).to.be.above(600)
    const names = map.flatMap(({ ladder_densenet: name }) => name ?? [])
    for (const from of ['checkpoint_file', 'torchvision'] as const) {
      const renamed = renameWeights(
        map.map((row) => row[from]),
        names,
      )
      for (const row of map) expect(renamed.get(row[from]) ?? null, row[from]).to.equal(row.ladder_densenet)
    }
  })

  it('does not miss the counters that older files lack', () => {
    expect(withoutCounters(model)).to.deep.equal(model.filter((name) => !name.includes('tracked')))
  })
})

describe('checkMemory', () => {
  it('refuses what does not fit, with both sizes', () => {
    checkMemory('a.pth', 100, 100)
    const { message } = thrown(() => checkMemory('a.pth', 9 * 2 ** 30, 2 ** 30), 'IO')
    expect(message).to.equal('a.pth takes 9.0 GiB and 1.0 GiB of memory are free.')
  })
})
