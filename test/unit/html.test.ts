import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import sharp from 'sharp'
import { DenseHybridError } from '../../lib/errors.ts'
import { escapeHtml, formatCell, type Report, renderReport, writeReport } from '../../lib/report/html.ts'
import { tensor } from '../../lib/tensor.ts'

const REPORT: Report = {
  title: 'A <report> & more',
  explanation: 'Scored "as is".',
  metrics: [
    {
      title: 'Anomaly detection',
      columns: ['AP', 'AUROC'],
      rows: [
        { name: 'hybrid', values: [0.8144, null], emphasis: true },
        { name: '<script>alert(1)</script>', values: ['n/a', Number.NaN] },
      ],
      note: 'Convention <a>.',
    },
  ],
  perClass: [
    { name: 'road', closed: 0.9, open: 0.85 },
    { name: 'sky & clouds', closed: 0.7, open: 0.6 },
    { name: 'pole', closed: null, open: null },
  ],
  classes: ['road', 'sky & clouds', 'pole'],
  pictures: [{ caption: '../etc/pass wd "x"', image: tensor(new Uint8Array(3 * 6).fill(7), [2, 3, 3]) }],
  settings: { seed: 0, model: '<none>' },
}

describe('renderReport', () => {
  const page = renderReport(REPORT, ['000.png'])

  it('escapes all text', () => {
    expect(page).to.include('<title>A &lt;report&gt; &amp; more</title>')
    expect(page).to.include('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(page).to.include('Convention &lt;a&gt;.').and.include('<dd>&lt;none&gt;</dd>')
    expect(page).to.include('alt="../etc/pass wd &quot;x&quot;"')
    expect(page).to.not.include('<script')
    expect(escapeHtml(`<a href="x" title='y'>&</a>`)).to.equal(
      '&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;&lt;/a&gt;',
    )
  })

  it('needs nothing from elsewhere', () => {
    const references = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, target]) => target)
    expect(references).to.deep.equal(['pictures/000.png', 'pictures/000.png'])
    expect(page).to.not.match(/https?:|@import|url\(|<link|<iframe/)
  })

  it('closes every element it opens', () => {
    const open: string[] = []
    for (const [, slash, name] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)) {
      if (['meta', 'img'].includes(name)) continue
      if (slash === '') open.push(name)
      else expect(open.pop()).to.equal(name)
    }
    expect(open).to.deep.equal([])
  })

  it('shows fractions in per cent, the gap by class, and means over the classes that occur', () => {
    expect(page).to.include('<th scope="row">hybrid</th><td>81.4</td><td>–</td>')
    expect(page).to.match(/sky &amp; clouds<\/th>.*<b>70\.0<\/b>.*<b>60\.0<\/b><\/td><td>10\.0<\/td>/)
    expect(page).to.match(/mean<\/th>.*<b>80\.0<\/b>.*<b>72\.5<\/b><\/td><td>7\.5<\/td>/)
    expect(page).to.match(/pole<\/th>.*<b>–<\/b>.*<b>–<\/b><\/td><td>–<\/td>/)
  })

  it('explains the colours of all classes, unknown and ignored', () => {
    expect([...page.matchAll(/<li><span style="background:rgb\((\d+),(\d+),(\d+)\)">/g)]).to.have.length(5)
  })

  it('leaves out what is not given', () => {
    const bare = renderReport({ title: 'T', explanation: 'E' })
    expect(bare).to.not.include('<h2>').and.not.include('<table')
  })
})

describe('formatCell', () => {
  it('never shows a negative zero', () => {
    expect([-0.0001, 0, -0.01, 1, 'x', null, Infinity].map(formatCell)).to.deep.equal([
      '0.0',
      '0.0',
      '-1.0',
      '100.0',
      'x',
      '–',
      '–',
    ])
  })
})

describe('writeReport', () => {
  let dir: string
  beforeEach(async () => {
    dir = join(await mkdtemp(join(tmpdir(), 'report-')), 'new', 'folder')
  })
  afterEach(() => rm(join(dir, '../..'), { recursive: true }))

  async function failure(work: Promise<unknown>): Promise<DenseHybridError> {
    return work.then(
      () => expect.fail('no error'),
      (error) => error,
    )
  }

  it('writes the page and its pictures, with names that are safe', async () => {
    const path = await writeReport(dir, REPORT)
    expect(path).to.equal(join(dir, 'index.html'))
    expect(await readdir(join(dir, 'pictures'))).to.deep.equal(['000-etc-pass-wd-x.png'])
    expect(await readFile(path, 'utf8')).to.include(
      'src="pictures/000-etc-pass-wd-x.png" width="3" height="2"',
    )
    const { data, info } = await sharp(join(dir, 'pictures', '000-etc-pass-wd-x.png'))
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([info.width, info.height, info.channels]).to.deep.equal([3, 2, 3])
    expect([...data]).to.deep.equal(Array(18).fill(7))
  })

  it('refuses bad input before it writes anything', async () => {
    const values = {
      ...REPORT,
      metrics: [{ title: 't', columns: ['a', 'b'], rows: [{ name: 'x', values: [1] }] }],
    }
    const image = { ...REPORT, pictures: [{ caption: '', image: tensor(new Uint8Array(4), [2, 2]) }] }
    const typo = { ...REPORT, tittle: '' } as Report
    const messages = [/metrics\[0\]\.rows\[0\]\.values/, /pictures\[0\]\.image/, /"tittle"/]
    for (const [i, report] of [values, image, typo].entries()) {
      const error = await failure(writeReport(dir, report))
      expect(error).to.be.instanceOf(DenseHybridError)
      expect(error.code).to.equal('INVALID_ARGUMENT')
      expect(error.message).to.match(messages[i])
    }
    expect(existsSync(dir)).to.equal(false)
  })

  it('reports a folder that cannot be made, and an abort', async () => {
    await writeFile(join(dir, '../..', 'file'), '')
    expect((await failure(writeReport(join(dir, '../..', 'file', 'x'), REPORT))).code).to.equal('IO')
    expect((await failure(writeReport(dir, REPORT, { signal: AbortSignal.abort() }))).code).to.equal(
      'ABORTED',
    )
    expect(existsSync(join(dir, 'index.html'))).to.equal(false)
  })
})
