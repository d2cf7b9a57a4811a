import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  COCO_CLASSES,
  COCO_NAMES,
  COCO_STUFF,
  COCO_THINGS,
  VOC_THINGS,
} from '../../lib/data/catalogue/coco-classes.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { COCO_SIZE, writeCoco } from '../support/trees/coco.ts'
import { stripes } from '../support/trees/pictures.ts'

const VOC =
  'person bicycle car motorcycle airplane bus train boat bird cat dog horse sheep cow bottle chair couch'

describe('pascal-coco', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeCoco(folder)
  })
  afterEach(() => folder.remove())

  const open = (query: string) => openDataset(`pascal-coco:${root}?${query}`)
  const labelsOf = async (query: string) => (await (await open(query)).item(0)).labels.data

  it('divides the classes as voc_20_60 by default', async () => {
    expect(VOC_THINGS).to.deep.equal([...VOC.split(' '), 'potted plant', 'dining table', 'tv'])
    const known = [...VOC_THINGS, ...COCO_STUFF]
    for (const [query, other] of [
      ['split=train', IGNORE_LABEL],
      ['split=train&view=closed', IGNORE_LABEL],
      ['split=train&view=open', UNKNOWN_LABEL],
    ] as const) {
      expect((await open(query)).classes).to.deep.equal(known)
      const labels = await labelsOf(query)
      for (const [value, name] of COCO_NAMES.entries()) {
        const label = known.indexOf(name)
        const unknown = COCO_THINGS.includes(name) ? other : IGNORE_LABEL
        expect(labels[value], name).to.equal(label < 0 ? unknown : label)
      }
      expect(labels[182]).to.equal(IGNORE_LABEL)
    }
    expect(
      [...(await labelsOf('split=train&view=open')).subarray(0, 183)].filter((x) => x === UNKNOWN_LABEL),
    ).to.have.length(60)
  })

  it('reads both splits', async () => {
    const both = await open('split=val,train')
    expect([both.length, both.officialLength]).to.deep.equal([4, 123287])
    expect((await both.item(0)).id).to.equal('val/000000000139')
  })

  it('takes another division from a file, labels in its order', async () => {
    await folder.write('coco/split.json', '\uFEFF{"known": ["road", "person"], "unknown": ["traffic light"]}')
    for (const file of ['split.json', join(root, 'split.json')]) {
      const query = `split=val&classes=${file}`
      expect((await open(query)).classes).to.deep.equal(['road', 'person'])
      expect([...new Set(await labelsOf(query))]).to.deep.equal([1, IGNORE_LABEL, 0])
      expect([...new Set(await labelsOf(`${query}&view=open`))]).to.deep.equal([
        1,
        IGNORE_LABEL,
        UNKNOWN_LABEL,
        0,
      ])
    }
    await folder.write('coco/split.json', '{"known": ["car"]}')
    expect([...new Set(await labelsOf('split=val&classes=split.json&view=open'))]).to.deep.equal([255, 0])
  })

  it('refuses a file that does not divide the classes', async () => {
    const error = async (text: string) => {
      await folder.write('coco/split.json', text)
      const found = await rejection(open('split=val&classes=split.json'), 'INVALID_FILE')
      expect(found.message).to.include('split.json')
      return found
    }
    for (const text of ['null', '[]', '3', '"person"']) {
      expect((await error(text)).message).to.include('{"known": […], "unknown": […]}')
    }
    expect((await error('{"known": ')).message).to.include('JSON')
    expect((await error('{}')).message).to.include('"known" must be a list')
    expect((await error('{"known": []}')).message).to.include('names no class')
    expect((await error('{"known": ["car"], "unknown": "dog"}')).message).to.include('"unknown" must be')
    expect((await error('{"known": ["car", 3]}')).message).to.include('"known"[1]')
    expect((await error('{"known": ["car", "car"]}')).message).to.include('"car" twice')
    expect((await error('{"known": ["car"], "unknown": ["car"]}')).message).to.include('known and unknown')
    expect((await error('{"known": ["car"], "ignored": ["dog"]}')).message).to.include('"ignored"')
    const typo = await error('{"known": ["car", "trafic light"]}')
    expect(typo.message).to.include('"trafic light"').and.to.include('no class of COCO-Stuff')
    expect(typo.hint).to.equal('Did you mean traffic light?')
    expect((await error('{"known": ["street sign"]}')).message).to.include('no pixels')
    expect((await rejection(open('split=val&classes=lost.json'), 'NOT_FOUND')).message).to.include(
      'lost.json',
    )
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        await error(JSON.stringify(value))
        await error(JSON.stringify({ known: ['car'], unknown: [value] }))
      }),
      { numRuns: 50 },
    )
  })

  it('opens any division of the classes', async () => {
    const division = fc.tuple(fc.shuffledSubarray([...COCO_CLASSES], { minLength: 1 }), fc.nat(171))
    await fc.assert(
      fc.asyncProperty(division, async ([names, at]) => {
        const known = names.slice(0, Math.max(1, at))
        const unknown = names.slice(known.length)
        await folder.write('coco/split.json', JSON.stringify({ known, unknown }))
        const labels = await labelsOf('split=train&view=open&classes=split.json')
        for (const [value, name] of COCO_NAMES.entries()) {
          const label = known.indexOf(name)
          const other = unknown.includes(name) ? UNKNOWN_LABEL : IGNORE_LABEL
          expect(labels[value], name).to.equal(label < 0 ? other : label)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('names a wrong root, a missing label map and a value that releases do not have', async () => {
    for (const wrong of [`${root}/images`, folder.path]) {
      const error = await rejection(openDataset(`pascal-coco:${wrong}?split=val`), 'NOT_FOUND')
      expect(error.message).to.include('Pascal-COCO')
      expect(error.hint).to.match(/^Did you mean .*coco/)
    }
    const file = 'labels/val2017/000000000139.png'
    await folder.write(`coco/${file}`, await stripes([0, 183], COCO_SIZE))
    const value = await rejection((await open('split=val')).item(0), 'INVALID_FILE')
    expect(value.message).to.include('label 183,').and.to.include(file)
    await rm(`${root}/${file}`)
    expect((await rejection(open('split=val'), 'NOT_FOUND')).message).to.include(file)
  })
})
