import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { DenseHybridError } from '../../lib/errors.ts'
import {
  applyLabelMapping,
  parseLabelMapping,
  readLabelMapping,
} from '../../lib/evaluation/readers/label-mapping.ts'
import { LABEL_PRESETS } from '../../lib/evaluation/readers/label-presets.ts'

const tableOf = (text: string) => [...parseLabelMapping(text).table]
const thrown = (text: unknown): DenseHybridError => {
  try {
    parseLabelMapping(text as string)
  } catch (error) {
    expect(error).to.be.instanceOf(DenseHybridError)
    return error as DenseHybridError
  }
  throw new Error(`${text} was taken`)
}

describe('label mappings', () => {
  it('give every value a label, by values, ranges and rest', () => {
    const table = tableOf('0=inlier,1=anomaly,2..200=anomaly,255=ignore,rest=ignore')
    expect(table[0]).to.equal(0)
    expect(new Set(table.slice(1, 201))).to.deep.equal(new Set([UNKNOWN_LABEL]))
    expect(new Set(table.slice(201))).to.deep.equal(new Set([IGNORE_LABEL]))
  })

  it('leave values out without rest', () => {
    const { table, classes } = parseLabelMapping(' 0 = inlier ,\n 1=anomaly, ')
    expect([...table.slice(0, 3)]).to.deep.equal([0, UNKNOWN_LABEL, -1])
    expect(table[255]).to.equal(-1)
    expect(classes).to.equal(0)
  })

  it('number classes, one by one and in ranges; the first rule counts', () => {
    const { table, classes } = parseLabelMapping('5..7=1..3, 9=0, 0..10=ignore, 11..12=4')
    expect([...table.slice(4, 13)]).to.deep.equal([255, 1, 2, 3, 255, 0, 255, 4, 4])
    expect(classes).to.equal(5)
  })

  it('know benchmarks by name', () => {
    for (const preset of Object.keys(LABEL_PRESETS)) expect(parseLabelMapping(preset).name).to.equal(preset)
    expect(tableOf('smiyc').slice(0, 3)).to.deep.equal([0, UNKNOWN_LABEL, -1])
    expect(tableOf('smiyc')[255]).to.equal(IGNORE_LABEL)
    expect(tableOf('fishyscapes')[7]).to.equal(IGNORE_LABEL)
    expect(tableOf('road-anomaly')[2]).to.equal(UNKNOWN_LABEL)
    expect([0, 1, 2, 200, 201].map((value) => tableOf('lost-and-found')[value])).to.deep.equal([
      IGNORE_LABEL,
      0,
      UNKNOWN_LABEL,
      UNKNOWN_LABEL,
      IGNORE_LABEL,
    ])
    expect(tableOf('streethazards').slice(0, 16)).to.deep.equal([
      ...[-1, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, UNKNOWN_LABEL, -1],
    ])
    const classes = parseLabelMapping('streethazards-classes')
    expect([...classes.table.slice(1, 15)]).to.deep.equal([
      ...[0, 1, 2, 255, 3, 4, 5, 6, 7, 8, 9, 10, 11, UNKNOWN_LABEL],
    ])
    expect(classes.classes).to.equal(12)
  })

  it('number Cityscapes ids as its training ids', () => {
    const ids = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    const { table, classes } = parseLabelMapping('cityscapes')
    for (let id = 0; id <= 33; id++) {
      const train = ids.indexOf(id)
      expect(table[id], `id ${id}`).to.equal(train < 0 ? IGNORE_LABEL : train)
    }
    expect([table[34], classes]).to.deep.equal([-1, 19])
  })

  it('name the rule that is wrong', () => {
    const wrong: [unknown, RegExp][] = [
      ['', /expected VALUE=TARGET/],
      [',', /it is empty/],
      [3, /expected VALUE=TARGET/],
      ['smyic', /"smyic" is neither/],
      ['0=inlier=1', /"0=inlier=1" is neither/],
      ['256=inlier', /"256" is no value/],
      ['9..2=ignore', /"9..2" is no value/],
      ['-1=ignore', /"-1" is no value/],
      ['0=outlier', /"outlier" is no target of 0/],
      ['0=254', /"254" is no target/],
      ['0..3=1..3', /"1..3" is no target of 0..3/],
      ['0=inlier, 0=anomaly', /0 is listed twice/],
      ['0=inlier, 1=3', /both inliers and classes/],
    ]
    for (const [text, message] of wrong) {
      const error = thrown(text)
      expect(error.code).to.equal('INVALID_ARGUMENT')
      expect(error.message).to.match(message)
    }
    expect(thrown('smyic').hint).to.equal('Did you mean smiyc?')
  })

  it('map every label file of listed values, or tell how many pixels are strange (property)', () => {
    const mapping = parseLabelMapping('0=inlier, 1..9=anomaly, 255=ignore')
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (values) => {
        const strange = [...values].filter((value) => value > 9 && value < 255)
        if (strange.length === 0) {
          const expected = [...values].map((value) => (value === 0 ? 0 : value < 10 ? UNKNOWN_LABEL : 255))
          expect([...applyLabelMapping(mapping, values, 'a.png')]).to.deep.equal(expected)
          return
        }
        const least = Math.min(...strange)
        const count = strange.filter((value) => value === least).length
        expect(() => applyLabelMapping(mapping, values, 'a.png')).to.throw(
          `a.png has the label ${least}, which means nothing here, in ${count} of ${values.length} pixels`,
        )
      }),
    )
  })

  describe('in files', () => {
    let root: string
    before(async () => {
      root = await mkdtemp(join(tmpdir(), 'densehybrid-mapping-'))
    })
    after(() => rm(root, { recursive: true }))
    const read = async (name: string, text: string) => {
      await writeFile(join(root, name), text)
      return readLabelMapping(join(root, name))
    }

    it('are JSON or YAML objects of rules, or the text itself', async () => {
      const rules = '0=inlier, 2..200=anomaly, rest=ignore'
      const expected = tableOf(rules)
      const files = {
        'a.json': '{"0": "inlier", "2..200": "anomaly", "rest": "ignore"}',
        'a.yaml': '0: inlier\n2..200: anomaly\nrest: ignore\n',
        'b.yml': rules,
        'b.json': JSON.stringify(rules),
      }
      for (const [name, text] of Object.entries(files)) {
        const mapping = await read(name, text)
        expect([...mapping.table], name).to.deep.equal(expected)
        expect(mapping.name).to.include(name)
      }
      // A plain object would put the whole number first.
      const ordered = '{"0..10": "inlier", "5": "anomaly", "rest": "ignore"}'
      expect((await read('order.json', ordered)).table[5]).to.equal(0)
      expect([...(await read('c.json', '{"7": 0}')).table.slice(6, 9)]).to.deep.equal([-1, 0, -1])
      expect((await read('d.yaml', 'smiyc')).table[1]).to.equal(UNKNOWN_LABEL)
    })

    it('are refused by name', async () => {
      for (const [text, message] of [
        ['{', /bad\.json is not a label mapping/],
        ['[1]', /expected an object of rules/],
        ['{"0": "outlier"}', /"outlier" is no target of 0/],
        ['{"0": null}', /"null" is no target/],
        ['{}', /it is empty/],
      ] as const) {
        const error = await read('bad.json', text).then(
          () => undefined,
          (reason) => reason,
        )
        expect(error, text).to.have.property('code', 'INVALID_FILE')
        expect(error.message).to.match(message).and.to.include('bad.json')
      }
      const missing = await readLabelMapping(join(root, 'nowhere.yaml')).catch((error) => error)
      expect(missing).to.have.property('code', 'NOT_FOUND')
    })
  })
})
