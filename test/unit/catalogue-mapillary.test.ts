import { rename, rm } from 'node:fs/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { CITYSCAPES_CLASSES } from '../../lib/data/catalogue/cityscapes-classes.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { openDataset } from '../../lib/data/registry.ts'
import { rejection, type TempFolder, tempFolder } from '../support/image-files.ts'
import { writeCityscapes } from '../support/trees/cityscapes.ts'
import {
  PEOPLE,
  vistasConfig,
  vistasId,
  vistasLabelMap,
  writeVistas,
  writeVistasNp,
} from '../support/trees/mapillary.ts'
import { VISTAS_LABELS } from '../support/trees/vistas-labels.ts'

/** Cityscapes classes of Vistas' labels as the authors' script has them; the rest is ignored. */
const CITYSCAPES_OF: Readonly<Record<string, string>> = {
  'construction--barrier--curb': 'sidewalk',
  'construction--barrier--fence': 'fence',
  'construction--barrier--guard-rail': 'fence',
  'construction--barrier--wall': 'wall',
  'construction--flat--bike-lane': 'road',
  'construction--flat--crosswalk-plain': 'road',
  'construction--flat--curb-cut': 'sidewalk',
  'construction--flat--parking': 'road',
  'construction--flat--pedestrian-area': 'sidewalk',
  'construction--flat--rail-track': 'road',
  'construction--flat--road': 'road',
  'construction--flat--service-lane': 'road',
  'construction--flat--sidewalk': 'sidewalk',
  'construction--structure--bridge': 'building',
  'construction--structure--building': 'building',
  'construction--structure--tunnel': 'building',
  'marking--crosswalk-zebra': 'road',
  'marking--general': 'road',
  'nature--sand': 'terrain',
  'nature--sky': 'sky',
  'nature--snow': 'terrain',
  'nature--terrain': 'terrain',
  'nature--vegetation': 'vegetation',
  'object--support--pole': 'pole',
  'object--support--traffic-sign-frame': 'traffic sign',
  'object--support--utility-pole': 'pole',
  'object--traffic-light': 'traffic light',
  'object--traffic-sign--front': 'traffic sign',
  'object--vehicle--bicycle': 'bicycle',
  'object--vehicle--bus': 'bus',
  'object--vehicle--car': 'car',
  'object--vehicle--motorcycle': 'motorcycle',
  'object--vehicle--on-rails': 'train',
  'object--vehicle--truck': 'truck',
}
const NP_CLASSES = CITYSCAPES_CLASSES.map(({ name }) => name).filter(
  (name) => name !== 'person' && name !== 'rider',
)
const FIRST = 'vistas/training/v1.2/labels/-0A4cqpJ8ezAxNTlpvbsLg.png'

describe('mapillary', () => {
  let folder: TempFolder
  let root: string
  beforeEach(async () => {
    folder = await tempFolder()
    root = await writeVistas(folder)
  })
  afterEach(() => folder.remove())

  const idsOf = async (spec: string): Promise<string[]> => {
    const dataset = await openDataset(`mapillary:${root}?${spec}`)
    return Array.from({ length: dataset.length }, (_, index) => dataset.source!(index).id)
  }

  it('maps every id of a palette PNG by config.json', async () => {
    await folder.write(FIRST, await vistasLabelMap(VISTAS_LABELS.map((_, id) => id)))
    const dataset = await openDataset(`mapillary:${root}?split=train`)
    expect(dataset.classes).to.deep.equal(VISTAS_LABELS.slice(0, 65).map(([, readable]) => readable))
    expect(dataset.palette?.[21]).to.deep.equal([255, 0, 100])
    const { labels } = await dataset.item(0)
    expect([...labels.data.subarray(0, 66)]).to.deep.equal([
      ...Array.from({ length: 65 }, (_, id) => id),
      IGNORE_LABEL,
    ])
  })

  it('reads the splits of Vistas; testing has no labels', async () => {
    expect(await idsOf('split=train')).to.deep.equal([
      'train/-0A4cqpJ8ezAxNTlpvbsLg',
      'train/0035fkbjWljhaftpVM37-g',
      'train/00qclUcInksIYnm19b1Xfw',
    ])
    expect(await idsOf('split=val')).to.deep.equal([
      'val/-BXkjLWqQfWpPgjTWqSlyA',
      'val/0OT6tGbk6PBBWVS0SsjRWw',
    ])
    const test = await openDataset(`mapillary:${root}?split=test`)
    expect(test.length).to.equal(1)
    expect(new Set((await test.item(0)).labels.data)).to.deep.equal(new Set([IGNORE_LABEL]))
    const lengths = await Promise.all(
      ['train', 'val', 'test', 'train,val'].map((split) => openDataset(`mapillary:${root}?split=${split}`)),
    )
    expect(lengths.map(({ officialLength }) => officialLength)).to.deep.equal([18000, 2000, 5000, 20000])
  })

  it('has the classes of Cityscapes, so that both can be joined, with people among them', async () => {
    await folder.write(FIRST, await vistasLabelMap(VISTAS_LABELS.map((_, id) => id)))
    const dataset = await openDataset(`mapillary:${root}?split=train&view=cityscapes`)
    const { classes, palette } = await openDataset(`cityscapes:${await writeCityscapes(folder)}?split=train`)
    expect(dataset.classes).to.deep.equal(classes)
    expect(dataset.palette).to.deep.equal(palette)
    const { labels } = await dataset.item(0)
    const labelOf = (name: string) => labels.data[vistasId(name)]
    expect(labelOf('human--person')).to.equal(11)
    expect(labelOf('human--rider--bicyclist')).to.equal(12)
    expect(labelOf('object--vehicle--bicycle')).to.equal(18)
    expect(labelOf('animal--bird')).to.equal(IGNORE_LABEL)
  })

  for (const version of ['both', 'first'] as const) {
    it(`finds the labels of version 1.2 in the archive of ${version}`, async () => {
      await rm(root, { recursive: true })
      await writeVistas(folder, version)
      const dataset = await openDataset(`mapillary:${root}?split=val`)
      expect(dataset.classes).to.have.length(65)
      expect([...new Set((await dataset.item(1)).labels.data)]).to.deep.equal([15, 17])
      expect(await idsOf('split=test&view=np')).to.have.length(2)
    })
  }

  it('makes Vistas-NP: images with people are the test set', async () => {
    expect(await idsOf('split=train&view=np')).to.deep.equal([
      'train/-0A4cqpJ8ezAxNTlpvbsLg',
      'train/00qclUcInksIYnm19b1Xfw',
    ])
    expect(await idsOf('split=val&view=np')).to.deep.equal(['val/0OT6tGbk6PBBWVS0SsjRWw'])
    const test = ['train/0035fkbjWljhaftpVM37-g', 'val/-BXkjLWqQfWpPgjTWqSlyA']
    expect(await idsOf('split=test&view=np')).to.deep.equal(test)
    expect(await idsOf('split=test,val&view=np')).to.deep.equal([...test, 'val/0OT6tGbk6PBBWVS0SsjRWw'])
    const dataset = await openDataset(`mapillary:${root}?split=test&view=np`)
    expect(dataset.classes).to.deep.equal(NP_CLASSES)
    expect(dataset.palette?.[11]).to.deep.equal([0, 0, 142])
    expect(dataset.officialLength).to.equal(undefined)
    expect([...new Set((await dataset.item(0)).labels.data)]).to.deep.equal([0, 10, UNKNOWN_LABEL])
  })

  it('maps every id in Vistas-NP', async () => {
    await folder.write(FIRST, await vistasLabelMap(VISTAS_LABELS.map((_, id) => id)))
    const dataset = await openDataset(`mapillary:${root}?split=test&view=np`)
    const { id, labels } = await dataset.item(0)
    expect(id).to.equal('train/-0A4cqpJ8ezAxNTlpvbsLg')
    for (const [value, [path]] of VISTAS_LABELS.entries()) {
      const name = CITYSCAPES_OF[path]
      const expected = name === undefined ? IGNORE_LABEL : NP_CLASSES.indexOf(name)
      expect(labels.data[value], path).to.equal(PEOPLE.includes(value) ? UNKNOWN_LABEL : expected)
    }
  })

  it('reads Vistas-NP as the script of its authors wrote it', async () => {
    root = await writeVistasNp(folder)
    expect(await idsOf('split=train&view=np')).to.deep.equal([
      'train/-0A4cqpJ8ezAxNTlpvbsLg',
      'train/00qclUcInksIYnm19b1Xfw',
    ])
    expect(await idsOf('split=val&view=np')).to.deep.equal(['val/0OT6tGbk6PBBWVS0SsjRWw'])
    const test = await openDataset(`mapillary:${root}?split=test&view=np`)
    expect(test.source!(0).id).to.equal('test/-BXkjLWqQfWpPgjTWqSlyA')
    expect([...new Set((await test.item(0)).labels.data)]).to.deep.equal([1, UNKNOWN_LABEL])
    // The folders tell the splits: no label file is read at opening.
    await folder.write('vistas-np/training/labels/-0A4cqpJ8ezAxNTlpvbsLg.png', 'damaged')
    expect(await idsOf('split=train&view=np')).to.have.length(2)
  })

  it('says where the right root is', async () => {
    for (const wrong of [`${root}/training`, folder.path]) {
      for (const view of ['closed', 'np']) {
        const error = await rejection(openDataset(`mapillary:${wrong}?split=train&view=${view}`), 'NOT_FOUND')
        expect(error.message).to.include('does not look like Mapillary Vistas')
        expect(error.hint).to.match(/^Did you mean .*vistas\?$/)
      }
    }
  })

  it('names a missing label map, and a value that config.json does not have', async () => {
    await folder.write(FIRST, await vistasLabelMap([13, 66]))
    const dataset = await openDataset(`mapillary:${root}?split=train`)
    const value = await rejection(dataset.item(0), 'INVALID_FILE')
    expect(value.message).to.include('label 66,').and.to.include(FIRST)
    expect((await rejection(idsOf('split=val,train&view=np'), 'INVALID_FILE')).message).to.include('66')
    await rename(`${folder.path}/${FIRST}`, `${folder.path}/${FIRST}.bak`)
    expect((await rejection(idsOf('split=train'), 'NOT_FOUND')).message).to.include('-0A4cqpJ8ezAxNTlpvbsLg')
  })

  it('refuses a configuration that is damaged or of another version', async () => {
    const error = async (text: string, view = 'closed') => {
      await folder.write('vistas/config.json', text)
      const { message } = await rejection(idsOf(`split=val&view=${view}`), 'INVALID_FILE')
      expect(message).to.include('config.json')
      return message
    }
    expect(await error('{"labels": ')).to.include('JSON')
    for (const text of ['[]', 'null', '{}', '{"labels": {}}']) expect(await error(text)).to.include('labels')
    expect(await error(vistasConfig(VISTAS_LABELS.slice(1)))).to.include('65 labels')
    const change = (id: number, label: unknown) => {
      const config = JSON.parse(vistasConfig())
      config.labels[id] = label
      return JSON.stringify(config)
    }
    const label = { name: 'a--b', readable: 'B', color: [1, 2, 3], evaluate: true }
    expect(await error(change(7, null))).to.include('label 7')
    expect(await error(change(7, { ...label, readable: 3 }))).to.include('label 7')
    expect(await error(change(7, { ...label, color: [1, 2, 300] }))).to.include('"color" of label 7')
    expect(await error(change(7, { ...label, evaluate: 'no' }))).to.include('"evaluate" of label 7')
    expect(await error(change(7, { ...label, readable: 'Bird' }))).to.include('labels 0 and 7')
    const person = vistasId('human--person')
    expect(await error(change(person, label), 'np')).to.include('human--person')
    await fc.assert(
      fc.asyncProperty(fc.nat(65), fc.jsonValue(), async (id, value) => {
        expect(await error(change(id, value))).to.include(`label ${id}`)
        expect(await error(JSON.stringify({ labels: value }))).to.include('labels')
      }),
      { numRuns: 50 },
    )
  })
})
