import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { Segmenter } from '../../lib/segmenter.ts'
import { needAddon } from '../support/addon.ts'
import { noiseImages } from '../support/toy-data.ts'

/** Megabytes of resident memory that 150 passes may add after the first 50: one pass allocates 2 to 10 MB. */
const ALLOWED_GROWTH = 40

describe('memory', function () {
  this.timeout(600_000)
  before(function () {
    needAddon(this)
  })

  it('does not grow over 200 passes of changing sizes', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const resident = async () => {
      // Buffers are freed by finalisers, which run in later turns of the event loop.
      for (let i = 0; i < 3; i++) {
        collect()
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return process.memoryUsage().rss / 2 ** 20
    }
    const model = await Segmenter.create({ architecture: 'ladder-densenet-tiny', classes: 12 })
    let settled = 0
    for (let pass = 0; pass < 200; pass++) {
      const [height, width] = [64 + 16 * (pass % 5), 96 + 16 * (pass % 7)]
      const image = noiseImages([height, width, 3], pass)
      await model.segment(image, { scores: ['hybrid', 'entropy'] })
      await model.forward(image)
      if (pass === 49) settled = await resident()
    }
    const growth = (await resident()) - settled
    model.dispose()
    console.log(
      `      resident memory: ${settled.toFixed(0)} MB after 50 passes, ${growth.toFixed(1)} MB more after 200`,
    )
    expect(growth).to.be.below(ALLOWED_GROWTH)
  })
})
