import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { type Batch, DataLoader } from '../../lib/data/loader.ts'
import { withPastedNegatives } from '../../lib/data/pasted.ts'
import { openDataset, openNegatives } from '../../lib/data/registry.ts'
import type { NegativeSource } from '../../lib/negatives/types.ts'

const DATA = join(process.env.DENSEHYBRID_SHARED ?? '../shared', 'data')
const STREET_CLASSES = 'person,bicycle,car,motorcycle,bus,train,truck,traffic light,stop sign'

describe('CamVid with COCO negatives', function () {
  this.timeout(60_000)
  before(function () {
    if (existsSync(DATA)) return
    console.log(`      skipped: there is no folder ${DATA}; set DENSEHYBRID_SHARED`)
    this.skip()
  })

  const coco = (more: string) =>
    openNegatives(
      `folder:${join(DATA, 'negatives')}?labels=masks&instances=instances&mapping=coco_categories.json` +
        `&skip=${STREET_CLASSES}&${more}`,
    )

  async function firstBatch(negatives: NegativeSource, concurrency: number): Promise<Batch> {
    const camvid = await openDataset(`camvid:${join(DATA, 'camvid-480')}?split=train`)
    const loader = new DataLoader(camvid, { batchSize: 8, crop: [192, 256], seed: 5, concurrency })
    for await (const batch of loader.epoch(1, { negatives })) return batch
    throw new Error('the epoch has no batch')
  }

  for (const mode of ['rectangle', 'segments', 'instance']) {
    it(`${mode}: the same batch at any concurrency, with a negative in every image`, async () => {
      const one = await firstBatch(await coco(`mode=${mode}`), 1)
      expect(await firstBatch(await coco(`mode=${mode}`), 6)).to.deep.equal(one)
      const pixels = 192 * 256
      for (let i = 0; i < 8; i++) {
        const labels = one.labels.data.subarray(i * pixels, (i + 1) * pixels)
        const share = labels.filter((label) => label === UNKNOWN_LABEL).length / pixels
        expect(share, one.ids[i]).to.be.within(0.001, 0.25)
      }
    })
  }

  it('pastes an object of 1 to 15 % of the area into every image of the test set', async () => {
    const camvid = await openDataset(`camvid:${join(DATA, 'camvid-480')}?split=test&limit=12`)
    const pasted = withPastedNegatives(camvid, await coco('mode=instance&half=b'), { seed: 1 })
    for (let index = 0; index < pasted.length; index++) {
      const { labels } = await pasted.item(index)
      const share = labels.data.filter((label) => label === UNKNOWN_LABEL).length / labels.data.length
      expect(share).to.be.within(0.005, 0.16)
    }
  })
})
