import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { datasets, openDataset, openNegatives } from '../../lib/data/registry.ts'
import { parseSpec } from '../../lib/data/spec.ts'
import { labelValues, rangeValue, sizeValue } from '../../lib/data/spec-values.ts'
import { random } from '../../lib/random.ts'
import { colourPng, greyPng, rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'

const SCHEMES = { folder: ['images', 'mode'], camvid: ['split'] }

describe('parseSpec', () => {
  it('splits scheme, path and keys', () => {
    const spec = parseSpec('folder:/data/x?images=a/b&mode=p,q', SCHEMES)
    expect([spec.scheme, spec.path]).to.deep.equal(['folder', '/data/x'])
    expect([...spec.values]).to.deep.equal([
      ['images', 'a/b'],
      ['mode', 'p,q'],
    ])
  })

  it('keeps spaces, colons, equals signs, percent and question marks in paths', () => {
    for (const path of ['my data', 'C:/x:y', 'a=b&c', '50%20', 'what?/x', '']) {
      expect(parseSpec(`folder:${path}?images=i`, SCHEMES).path, path).to.equal(path)
    }
    expect(parseSpec('folder:what?/x?', SCHEMES).path).to.equal('what?/x')
    expect(parseSpec('folder:~/x', SCHEMES).path).to.equal(join(homedir(), 'x'))
  })

  it('keeps equals signs and colons in values', () => {
    expect(parseSpec('folder:x?images=a=b:c d', SCHEMES).values.get('images')).to.equal('a=b:c d')
  })

  const wrong: [string, string, string][] = [
    ['foldr:x', 'unknown scheme "foldr"', 'Did you mean folder:x?'],
    ['/data/x', 'does not start with a scheme', 'folder, camvid'],
    ['', 'does not start with a scheme', 'scheme:path'],
    ['constructor:x', 'unknown scheme', 'folder'],
    ['folder:x?image=y', 'unknown key "image"', 'Did you mean images?'],
    ['folder:x?zzzzzzzz=y', 'unknown key "zzzzzzzz"', 'images, mode'],
    ['folder:x?images=a&images=b', 'images is given twice', ''],
    ['folder:x?images=', 'images has no value', ''],
    ['folder:x?images', 'images has no value', ''],
  ]
  for (const [text, reason, hint] of wrong) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const error = thrown(() => parseSpec(text, SCHEMES), 'INVALID_CONFIG')
      expect(error.message).to.include(reason)
      expect(error.hint ?? '').to.include(hint)
    })
  }
})

describe('values of specs', () => {
  const value = (text: string) => parseSpec(`x:?k=${text}`, { x: ['k'] })

  it('read sizes, ranges and label values', () => {
    expect(sizeValue(value('640x360'), 'k')).to.deep.equal({ width: 640, height: 360 })
    expect(rangeValue(value('0.01-0.15'), 'k', 0, 1)).to.deep.equal([0.01, 0.15])
    expect(labelValues(value('1,4-6'), 'k')).to.deep.equal([1, 4, 5, 6])
  })

  it('refuse others', () => {
    for (const text of ['640', '0x4', '640x360x3', '-1x2']) {
      thrown(() => sizeValue(value(text), 'k'), 'INVALID_CONFIG')
    }
    for (const text of ['0.1', '0.2-0.1', '0.1-2', 'a-b', '-0.5', '0.1-0.2-0.3']) {
      thrown(() => rangeValue(value(text), 'k', 0, 1), 'INVALID_CONFIG')
    }
    for (const text of ['256', '5-4', 'a', '1,,2', '1-300']) {
      thrown(() => labelValues(value(text), 'k'), 'INVALID_CONFIG')
    }
  })
})

describe('openDataset and openNegatives', () => {
  let root: TempFolder
  before(async () => {
    root = await tempFolder()
    for (const [name, values] of [
      ['a', [0, 1, 2, 3]],
      ['b', [3, 2, 1, 0]],
      ['c', [1, 1, 1, 1]],
    ] as const) {
      await root.write(`my set: 1/images/${name}.png`, await colourPng(2, 2))
      await root.write(`my set: 1/labels/${name}.png`, await greyPng(2, 2, values))
      await root.write(
        `my set: 1/masks/${name}.png`,
        await greyPng(
          2,
          2,
          values.map((v) => (v > 2 ? 255 : v)),
        ),
      )
      await root.write(`camvid/val/images/${name}.png`, await colourPng(2, 2))
      await root.write(`camvid/val/labels/${name}.png`, await greyPng(2, 2, values))
    }
    const classes = ['sky', 'car', 'bed, double', 'void']
    await root.write('my set: 1/map.json', JSON.stringify({ classes, ignore_index: 3 }))
    await root.write('camvid/classes.json', JSON.stringify({ classes, ignore_index: 3 }))
  })
  after(() => root.remove())

  const path = () => join(root.path, 'my set: 1')
  const folderSpec = (more = '') => `folder:${path()}?labels=labels&mapping=map.json${more}`

  it('opens folders', async () => {
    const dataset = await openDataset(folderSpec())
    expect(dataset.classes).to.deep.equal(['sky', 'car', 'bed, double'])
    const sample = await dataset.item(0)
    expect(sample.id).to.equal('images/a')
    expect([...sample.labels.data]).to.deep.equal([0, 1, 2, 255])
  })

  it('opens CamVid and anomaly masks', async () => {
    const camvid = await openDataset(`camvid:${join(root.path, 'camvid')}?split=val`)
    expect([camvid.length, camvid.classes.length]).to.deep.equal([3, 3])
    const masks = await openDataset(`anomaly:${path()}?inlier=0&anomaly=1-2`)
    expect([...(await masks.item(0)).labels.data]).to.deep.equal([0, 254, 254, 255])
  })

  it('applies limit, hold-out and size', async () => {
    const dataset = await openDataset(
      folderSpec('&limit=2&hold-out=car,bed%2C double&held-out=unknown&size=4x6'),
    )
    expect(dataset.length).to.equal(2)
    expect(dataset.classes).to.deep.equal(['sky'])
    const { labels, image } = await dataset.item(0)
    expect(image.shape).to.deep.equal([6, 4, 3])
    expect([...labels.data.subarray(0, 4)]).to.deep.equal([0, 0, 254, 254])
    expect([...labels.data.subarray(20)]).to.deep.equal([254, 254, 255, 255])
  })

  it('ignores held-out classes by default, and a limit above the length', async () => {
    const dataset = await openDataset(folderSpec('&hold-out=sky&limit=50'))
    expect(dataset.length).to.equal(3)
    expect([...(await dataset.item(0)).labels.data]).to.deep.equal([255, 0, 1, 255])
  })

  it('refuses what is wrong in a spec with the spec in the message', async () => {
    const wrong: [string, RegExp][] = [
      [folderSpec('&limit=0'), /limit .*"0"/],
      [folderSpec('&limit=ten'), /limit .*"ten"/],
      [folderSpec('&held-out=ignore'), /held-out is given without hold-out/],
      [folderSpec('&hold-out=sky&held-out=drop'), /one of ignore, unknown for held-out/],
      [folderSpec('&hold-out=sly'), /names\[0\].*"sly"/],
      [folderSpec('&unlisted=warn'), /unlisted/],
      [`folder:${path()}?labels=labels`, /options\.mapping/],
      ['folder:?images=x', /the folder is missing/],
      [`camvid:${path()}`, /split is missing/],
      [`camvid:${path()}?split=vall`, /"vall"/],
      [`anomaly:${path()}?anomaly=0`, /options\.anomaly/],
      ['scenes:tests', /"tests"/],
    ]
    for (const [spec, reason] of wrong) {
      const error = await rejection(openDataset(spec), 'INVALID_CONFIG')
      expect(error.message).to.match(reason)
      expect(error.message).to.include(JSON.stringify(spec))
    }
    expect((await rejection(openDataset(folderSpec('&hold-out=sly')), 'INVALID_CONFIG')).hint).to.include(
      'sky',
    )
    await rejection(openDataset(undefined as never), 'INVALID_ARGUMENT')
    await rejection(openDataset('folder:/nowhere/at all'), 'NOT_FOUND')
    await rejection(openDataset(folderSpec(), { signal: AbortSignal.abort() }), 'ABORTED')
  })

  it('opens the embedded scenes', async function () {
    this.timeout(20_000)
    const dataset = await openDataset('scenes:test?length=2&seed=3&limit=1&width=96&height=64')
    expect(dataset.length).to.equal(1)
    const sample = await dataset.item(0)
    expect(sample.image.shape).to.deep.equal([64, 96, 3])
    expect(sample.labels.data.includes(254)).to.equal(true)
    const without = await openDataset('scenes:test?length=2&seed=3&width=96&height=64&anomalies=false')
    expect((await without.item(0)).labels.data.includes(254)).to.equal(false)
    const same = datasets.scenes({ split: 'test', length: 2, seed: 3, width: 96, height: 64 })
    expect((await same.item(0)).image.data).to.deep.equal(sample.image.data)
  })

  it('opens negatives of folders, where unlisted labels are ignored by default', async () => {
    await root.write('negatives/images/a.png', await colourPng(64, 64))
    await root.write(
      'negatives/masks/a.png',
      await greyPng(
        64,
        64,
        Array.from({ length: 4096 }, (_, i) => +(i > 2000)),
      ),
    )
    await root.write('negatives/map.json', '{"1":"dog"}')
    const folder = `folder:${join(root.path, 'negatives')}?labels=masks&mapping=map.json`
    const source = await openNegatives(
      `${folder}&mode=segments,rectangle&crop-size=32&rectangle-probability=0.5`,
    )
    const negative = await source.sample(random(1), { height: 64, width: 64 })
    expect(negative.image.shape.slice(0, 2)).to.deep.equal(negative.mask.shape)
    expect(negative.mask.data.some((value) => value === 1)).to.equal(true)
    const strict = await openNegatives(`${folder}&unlisted=error`)
    await rejection(strict.sample(random(1), { height: 64, width: 64 }), 'INVALID_FILE')
    expect((await rejection(openNegatives(`${folder}&skip=dgo`), 'INVALID_CONFIG')).hint).to.include('dog')
    await rejection(openNegatives(`${folder}&half=c`), 'INVALID_CONFIG')
    await rejection(openNegatives(`${folder}&hold-out=dog`), 'INVALID_CONFIG')
    await rejection(openNegatives('camvid:x?split=train'), 'INVALID_CONFIG')
  })

  it('opens negatives of the embedded scenes', async () => {
    const source = await openNegatives('scenes:?seed=1')
    const negative = await source.sample(random(1), { height: 96, width: 128 })
    expect(negative.mask.data.some((value) => value === 1)).to.equal(true)
    await rejection(openNegatives('scenes:test'), 'INVALID_CONFIG')
  })
})
