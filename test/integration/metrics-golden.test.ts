import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { METRIC_RUNNERS } from '../golden/cases/metrics.ts'
import { findCases, type GoldenCase } from '../golden/find-cases.ts'
import { defaultContext, runCase } from '../golden/run.ts'

const folder = join(process.env.DENSEHYBRID_SHARED ?? '../shared', 'golden', 'metrics')
const cases = existsSync(folder) ? ((await findCases(folder)) as GoldenCase[]) : []
/** Takes half a minute: `npm run test:golden` runs it. */
const LARGE = 'generated_pixels'

describe('golden metrics', () => {
  before(function () {
    if (cases.length > 0) return
    console.log(`      skipped: ${folder} is missing; set DENSEHYBRID_SHARED to the folder of reference data`)
    this.skip()
  })
  if (cases.length === 0) it('reference data is there', () => {})

  for (const golden of cases) {
    if (golden.description.case === LARGE) continue
    it(golden.description.case, async function () {
      this.timeout(30_000)
      const { status, line } = await runCase(golden, defaultContext())
      expect(status, line).to.equal('ok')
    })
  }

  it('has a runner for every kind of case', function () {
    if (cases.length === 0) this.skip()
    const starts = Object.keys(METRIC_RUNNERS)
    const without = cases.filter(
      (golden) => !starts.some((start) => golden.description.case.startsWith(start)),
    )
    expect(without.map(({ label }) => label)).to.deep.equal([])
  })
})
