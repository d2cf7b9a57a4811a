import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkDataset, type DatasetCheck } from '../../lib/data/check.ts'
import { openDataset, openNegatives } from '../../lib/data/registry.ts'
import { random } from '../../lib/random.ts'

const DATA = join(process.env.DENSEHYBRID_SHARED ?? '../shared', 'data')

/** Per cent of all pixels of a class. */
const share = (report: DatasetCheck, name: string): number => {
  const total = Object.values(report.labelHistogram).reduce((sum, count) => sum + count, 0)
  return (100 * report.labelHistogram[name]) / total
}

describe('real data sets', function () {
  this.timeout(60_000)
  before(function () {
    if (existsSync(DATA)) return
    console.log(`      skipped: there is no folder ${DATA}; set DENSEHYBRID_SHARED`)
    this.skip()
  })

  const camvid = (more: string) => `camvid:${join(DATA, 'camvid-480')}?${more}`

  it('CamVid val: 101 images of 480×360 with the published shares of classes', async () => {
    const report = await checkDataset(await openDataset(camvid('split=val')))
    expect(report.length).to.equal(101)
    expect(report.unreadable).to.equal(0)
    expect(report.warnings).to.deep.equal([])
    expect(report.classes).to.deep.equal([
      'Sky',
      'Building',
      'Pole',
      'Road',
      'Pavement',
      'Tree',
      'SignSymbol',
      'Fence',
      'Car',
      'Pedestrian',
      'Bicyclist',
    ])
    const size = { width: 480, height: 360 }
    expect(report.sizes).to.deep.equal({ min: size, max: size, distinct: 1 })
    const expected = {
      Sky: 9.177,
      Building: 25.962,
      Pole: 0.564,
      Road: 28.953,
      Car: 1.746,
      Bicyclist: 2.217,
      ignore: 1.703,
    }
    for (const [name, percent] of Object.entries(expected)) {
      expect(share(report, name), name).to.be.closeTo(percent, 0.0006)
    }
    expect(report.labelHistogram.unknown).to.equal(0)
    expect(report.imageHistogram.Car).to.equal(101)
  })

  it('CamVid train and test: counts, order and ids', async () => {
    const both = await openDataset(camvid('split=train,test'))
    expect(both.length).to.equal(367 + 233)
    expect((await both.item(0)).id).to.match(/^train\/0001TP_/)
    expect((await both.item(367)).id).to.match(/^test\/0001TP_/)
  })

  it('CamVid with Car and Bicyclist held out: their pixels are unknown', async () => {
    const spec = 'split=val&limit=10&hold-out=Car,Bicyclist&held-out=unknown'
    const report = await checkDataset(await openDataset(camvid(spec)))
    const whole = await checkDataset(await openDataset(camvid('split=val&limit=10')))
    expect(report.classes).to.have.length(9)
    expect(report.classes).not.to.include('Car')
    const { Car, Bicyclist, Pedestrian } = whole.labelHistogram
    expect(Car).to.be.above(0)
    expect(report.labelHistogram.unknown).to.equal(Car + Bicyclist)
    expect(report.labelHistogram.Pedestrian).to.equal(Pedestrian)
  })

  it('32-class CamVid labels: missing for one image, which is named', async () => {
    const spec = `folder:${join(DATA, 'camvid-480/val')}?labels=labels32&mapping=../classes.json`
    const error = await openDataset(spec).catch((caught: Error) => caught)
    expect((error as Error).message)
      .to.include('0016E5_08159')
      .and.to.include('has no label map')
  })

  const negatives = join(DATA, 'negatives')
  const coco = 'labels=masks&instances=instances&mapping=coco_categories.json'

  it('COCO negatives: 263 images, 80 classes, crowds and the unlabelled ignored', async () => {
    const dataset = await openDataset(`folder:${negatives}?${coco}&unlisted=ignore`)
    expect(dataset.length).to.equal(263)
    expect(dataset.classes).to.have.length(80)
    expect(dataset.classes[0]).to.equal('person')
    const report = await checkDataset(dataset)
    expect(report.unreadable).to.equal(0)
    expect(Math.max(report.sizes!.max.width, report.sizes!.max.height)).to.equal(480)
    expect(share(report, 'ignore')).to.be.within(30, 80)
    const sample = await dataset.item(0)
    expect(sample.id).to.equal('images/000000000139')
    // The manifest counts 20 instances and a labelled fraction of 0.1401.
    expect(new Set(sample.instances!.data.filter((id) => id > 0 && id < 255)).size).to.equal(20)
    const labelled = sample.labels.data.filter((label) => label !== 255).length / sample.labels.data.length
    expect(labelled).to.be.closeTo(0.1401, 0.0001)
  })

  it('COCO negatives: without unlisted, the first unlabelled pixel is an error that names its file', async () => {
    const dataset = await openDataset(`folder:${negatives}?${coco}`)
    const error = await dataset.item(0).catch((caught: Error) => caught)
    expect((error as Error).message).to.match(/masks\/000000000139\.png holds the label 0/)
  })

  it('COCO negatives: objects that belong to no street are pasted', async () => {
    const skip = 'person,bicycle,car,motorcycle,bus,train,truck,traffic light,stop sign'
    const source = await openNegatives(
      `folder:${negatives}?${coco}&skip=${skip}&mode=instance&half=a&limit=60`,
    )
    const negative = await source.sample(random(5), { height: 360, width: 480 })
    const area = negative.mask.data.reduce((sum, value) => sum + value, 0)
    expect(area / (360 * 480)).to.be.within(0.003, 0.2)
  })

  it('road anomalies: 36 images of 1280×720 with the published shares', async () => {
    const report = await checkDataset(await openDataset(`anomaly:${join(DATA, 'anomalies/road_anomaly_cc')}`))
    expect(report.length).to.equal(36)
    expect(report.unreadable).to.equal(0)
    expect(report.sizes).to.deep.include({ max: { width: 1280, height: 720 }, distinct: 1 })
    expect(share(report, 'inlier')).to.be.closeTo(88.63, 0.006)
    expect(share(report, 'unknown')).to.be.closeTo(11.366, 0.0006)
    expect(report.labelHistogram.ignore).to.equal(0)
    expect(report.warnings).to.deep.equal([])
  })
})
