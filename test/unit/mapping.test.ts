import { expect } from 'chai'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { applyLabelTable } from '../../lib/data/datasets/label-table.ts'
import { parseMapping, readMapping } from '../../lib/data/datasets/mapping.ts'
import { tensor } from '../../lib/tensor.ts'
import { rejection, type TempFolder, tempFolder, thrown } from '../support/image-files.ts'

/** What the listed values 0 … `count` − 1 become; undefined where a value is not listed. */
const meaning = (mapping: unknown, count: number) => {
  const { table, listed } = parseMapping(mapping)
  return Array.from({ length: count }, (_, value) => (listed[value] === 1 ? table[value] : undefined))
}

describe('parseMapping', () => {
  it('numbers classes densely in the order of their ids', () => {
    const table = parseMapping({ '13': 'stop sign', '1': 'person', '3': 'car' })
    expect(table.classes).to.deep.equal(['person', 'car', 'stop sign'])
    expect([table.table[1], table.table[3], table.table[13]]).to.deep.equal([0, 1, 2])
  })

  it('lists nothing but what the mapping lists, and 255', () => {
    const { listed, table } = parseMapping({ '1': 'person', '3': 'car' })
    expect([...listed.keys()].filter((value) => listed[value] === 1)).to.deep.equal([1, 3, 255])
    expect(table[255]).to.equal(IGNORE_LABEL)
  })

  it('ignores every other value with unlisted: ignore', () => {
    const { listed, table, classes } = parseMapping({ '1': 'person' }, { unlisted: 'ignore' })
    expect(listed.every((value) => value === 1)).to.equal(true)
    expect([table[0], table[1], table[2], table[254]]).to.deep.equal([255, 0, 255, 255])
    expect(classes).to.deep.equal(['person'])
  })

  it('takes null, and the names ignore and unknown, for no class', () => {
    expect(meaning({ '0': null, '1': 'road', '2': 'ignore', '3': 'unknown', '4': 'car' }, 6)).to.deep.equal([
      IGNORE_LABEL,
      0,
      IGNORE_LABEL,
      UNKNOWN_LABEL,
      1,
      undefined,
    ])
    expect(parseMapping({ '0': 'background', '1': 'road' }).classes).to.deep.equal(['background', 'road'])
  })

  it('makes one class of ids with one name', () => {
    expect(meaning({ '4': 'vehicle', '2': 'road', '9': 'vehicle', '3': 'tree' }, 10)).to.deep.equal([
      ...[undefined, undefined, 0, 1, 2, undefined, undefined, undefined, undefined],
      2,
    ])
  })

  it('takes lists by index', () => {
    expect(parseMapping(['Sky', null, 'Road']).classes).to.deep.equal(['Sky', 'Road'])
    expect(meaning(['Sky', null, 'Road'], 4)).to.deep.equal([0, IGNORE_LABEL, 1, undefined])
  })

  it('takes classes with ignore_index inside or outside of the list, or several', () => {
    const inside = { classes: ['Sky', 'Void', 'Road'], ignore_index: 1 }
    expect(parseMapping(inside).classes).to.deep.equal(['Sky', 'Road'])
    expect(meaning(inside, 4)).to.deep.equal([0, IGNORE_LABEL, 1, undefined])
    expect(meaning({ classes: ['Sky', 'Road'], ignore_index: 3 }, 4)).to.deep.equal([0, 1, undefined, 255])
    expect(meaning({ classes: ['Sky', 'Road'], ignore_index: 255 }, 3)).to.deep.equal([0, 1, undefined])
    expect(meaning({ classes: ['Sky', 'Road'], ignore_index: [0, 2] }, 3)).to.deep.equal([255, 0, 255])
  })

  it('takes classes as objects', () => {
    const classes = [
      { id: 7, name: 'road' },
      { id: 0, name: 'unlabeled', ignore: true },
      { id: 4, name: 'car' },
      { id: 5, name: 'anomaly', unknown: true },
    ]
    expect(parseMapping({ classes }).classes).to.deep.equal(['car', 'road'])
    expect(meaning({ classes }, 8)).to.deep.equal([
      ...[IGNORE_LABEL, undefined, undefined, undefined, 0, UNKNOWN_LABEL, undefined, 1],
    ])
  })

  const wrong: [string, unknown, RegExp][] = [
    ['a string', 'Sky', /expected .* but received "Sky"/],
    ['an empty object', {}, /empty/],
    ['an empty list', [], /empty/],
    ['a key that is no id', { one: 'person' }, /key "one"/],
    ['an id above 255', { '300': 'person' }, /0 to 255, not 300/],
    ['the same id twice', { '1': 'a', '01': 'b' }, /id 1 is listed twice/],
    ['a name that is no string', { '1': 5 }, /id 1 must be a class name or null/],
    ['an empty name', ['Sky', ' '], /entry 1/],
    ['a class at 255', { '255': 'crowd' }, /255 always means ignore/],
    ['a repeated name in a list', ['Sky', 'Road', 'Sky'], /"Sky" is listed twice, at 0 and at 2/],
    ['another key beside classes', { classes: ['a'], ignoreIndex: 0 }, /unknown key "ignoreIndex"/],
    ['classes that are no list', { classes: { a: 1 } }, /"classes" must be a list/],
    ['an ignore_index below 0', { classes: ['a'], ignore_index: -1 }, /not -1/],
    ['a class without id', { classes: [{ name: 'a' }] }, /id must be a whole number/],
    [
      'a class both ignored and unknown',
      { classes: [{ id: 0, name: 'a', ignore: true, unknown: true }] },
      /one may be true/,
    ],
    ['a list of more than 256', Array.from({ length: 257 }, (_, i) => `c${i}`), /255/],
    ['255 classes', Array.from({ length: 255 }, (_, i) => `c${i}`), /255 classes; at most 254/],
  ]
  for (const [what, mapping, reason] of wrong) {
    it(`refuses ${what}`, () => {
      const error = thrown(() => parseMapping(mapping, { name: 'map.json' }), 'INVALID_FILE')
      expect(error.message).to.match(/^map\.json is not a label mapping/)
      expect(error.message).to.match(reason)
    })
  }
})

describe('applyLabelTable', () => {
  it('replaces values by labels', () => {
    const table = parseMapping({ '1': 'a', '7': 'b', '0': null })
    const labels = applyLabelTable(table, tensor(Uint8Array.from([0, 1, 7, 255, 7, 1]), [2, 3]), 'x.png')
    expect(labels.shape).to.deep.equal([2, 3])
    expect([...labels.data]).to.deep.equal([255, 0, 1, 255, 1, 0])
  })

  it('names the file, the value, its first pixel and the known values', () => {
    const table = parseMapping({ '1': 'a', '2': 'b', '3': 'c', '7': 'd' }, { name: 'map.json' })
    const raw = tensor(Uint8Array.from([1, 1, 1, 2, 9, 3, 9, 8]), [2, 4])
    const error = thrown(() => applyLabelTable(table, raw, 'dir/x.png'), 'INVALID_FILE')
    expect(error.message).to.equal(
      'dir/x.png holds the label 9, first at row 1, column 0, which map.json does not list.',
    )
    expect(error.hint).to.include('Known values: 1–3, 7, 255.').and.to.include('unlisted')
  })
})

describe('readMapping', () => {
  let folder: TempFolder
  before(async () => {
    folder = await tempFolder()
  })
  after(() => folder.remove())

  it('reads a file, with or without byte order mark', async () => {
    for (const mark of ['', '\uFEFF']) {
      const path = await folder.write('map.json', `${mark}{"0":"road"}`)
      expect((await readMapping(path)).classes).to.deep.equal(['road'])
    }
  })

  it('names the file that is missing, no JSON or no mapping', async () => {
    const broken = await folder.write('broken.json', '{"0":')
    expect((await rejection(readMapping(broken), 'INVALID_FILE')).message).to.include(
      `${broken} is not valid JSON`,
    )
    const number = await folder.write('number.json', '5')
    expect((await rejection(readMapping(number), 'INVALID_FILE')).message).to.include(
      `${number} is not a label`,
    )
    await rejection(readMapping(`${folder.path}/none.json`), 'NOT_FOUND')
  })
})
