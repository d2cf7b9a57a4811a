import { expect } from 'chai'
import fc from 'fast-check'
import { alignClasses } from '../../lib/data/align-classes.ts'
import type { Dataset } from '../../lib/data/dataset.ts'
import { camvid } from '../../lib/data/datasets/camvid.ts'
import { folder } from '../../lib/data/datasets/folder.ts'
import { parseMapping } from '../../lib/data/datasets/mapping.ts'
import { holdOut } from '../../lib/data/hold-out.ts'
import { withPastedNegatives } from '../../lib/data/pasted.ts'
import { scenes } from '../../lib/data/scenes/index.ts'
import { cached, concat, resized, subset } from '../../lib/data/subset.ts'
import { type Colour, checkPalette, classColours, IGNORE_COLOUR, UNKNOWN_COLOUR } from '../../lib/palette.ts'
import { labelColours } from '../../lib/report/colormap.ts'
import { tempFolder, thrown } from '../support/image-files.ts'
import { memoryDataset } from '../support/memory-dataset.ts'
import { toyNegatives } from '../support/toy-data.ts'

const RED: Colour = [255, 0, 0]
const GREEN: Colour = [0, 255, 0]
const BLUE: Colour = [0, 0, 255]

const streets: Dataset = { ...memoryDataset(['road', 'car', 'sky'], []), palette: [RED, GREEN, BLUE] }

describe('classColours with chosen colours', () => {
  it('keeps them and gives the others distinct ones', () => {
    const byte = fc.integer({ min: 0, max: 255 })
    const names = ['road', 'sky', 'thing', 'car', 'other']
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.tuple(byte, byte, byte), { nil: undefined }), { maxLength: 5 }),
        (chosen) => {
          const colours = classColours(names, chosen)
          chosen.forEach((colour, label) => {
            if (colour !== undefined) expect(colours[label]).to.deep.equal(colour)
          })
          const given = chosen.filter((colour) => colour !== undefined)
          const found = colours.filter((_, label) => chosen[label] === undefined)
          const all = [...found, UNKNOWN_COLOUR, IGNORE_COLOUR, ...given].map(String)
          for (const colour of found.map(String))
            expect(all.filter((one) => one === colour)).to.have.length(1)
        },
      ),
    )
  })

  it('does not give a usual colour twice', () => {
    const [car] = classColours(['car'])
    expect(classColours(['car', 'thing'], [undefined, car])[0]).not.to.deep.equal(car)
  })
})

describe('checkPalette', () => {
  it('names what is wrong', () => {
    const wrong: [unknown, string][] = [
      ['red', 'palette'],
      [[RED], 'palette.length'],
      [[RED, GREEN, BLUE], 'palette.length'],
      [[RED, [0, 0]], 'palette[1]'],
      [[[0, 256, 0], RED], 'palette[0]'],
      [[[0, -1, 0], RED], 'palette[0]'],
      [[[0, 0.5, 0], RED], 'palette[0]'],
      [[[0, '1', 0], RED], 'palette[0]'],
    ]
    for (const [palette, name] of wrong)
      expect(thrown(() => checkPalette(palette, 2), 'INVALID_ARGUMENT').message).to.include(`${name} `)
    expect(checkPalette([RED, GREEN], 2)).to.deep.equal([RED, GREEN])
  })

  it('guards labelColours, which keeps the unknown and the ignored apart', () => {
    const { data } = labelColours(['road', 'sky'], [RED, GREEN])
    const at = (label: number) => [...data.slice(3 * label, 3 * label + 3)]
    expect([at(0), at(1), at(2), at(254), at(255)]).to.deep.equal([
      ...[RED, GREEN, UNKNOWN_COLOUR, UNKNOWN_COLOUR, IGNORE_COLOUR].map((colour) => [...colour]),
    ])
    thrown(() => labelColours(['road', 'sky'], [RED]), 'INVALID_ARGUMENT')
  })
})

describe('palettes of data sets', () => {
  it('CamVid has its own, and classes of other names distinct ones', async () => {
    const root = await tempFolder()
    await root.write('classes.json', '["Sky", "Tram", "Road", "Bicyclist"]')
    await root.write('val/images/x.jpg', 'x')
    await root.write('val/labels/x.png', 'x')
    const { palette = [] } = await camvid({ root: root.path, split: 'val' })
    expect([palette[0], palette[2], palette[3]]).to.deep.equal([
      [128, 128, 128],
      [128, 64, 128],
      [0, 128, 192],
    ])
    expect(new Set(palette.map(String)).size).to.equal(4)
    await root.remove()
  })

  it('the embedded scenes have one colour for every class', () => {
    const { palette, classes } = scenes({ split: 'test' })
    expect(palette).to.have.length(classes.length)
    expect(new Set(palette?.map(String)).size).to.equal(classes.length)
  })

  it('mappings may give colours', async () => {
    const classes = [
      { id: 7, name: 'road', color: RED },
      { id: 0, name: 'unlabelled', ignore: true, color: BLUE },
      { id: 3, name: 'lane' },
      { id: 9, name: 'lane', color: GREEN },
      { id: 11, name: 'sky' },
    ]
    const { classes: names, palette } = parseMapping({ classes })
    expect(names).to.deep.equal(['lane', 'road', 'sky'])
    expect(palette).to.deep.equal(classColours(names, [GREEN, RED]))
    expect(parseMapping({ classes: classes.map(({ color: _, ...rest }) => rest) })).not.to.have.property(
      'palette',
    )
    for (const color of [[1, 2], [1, 2, 256], '#ff0000', null]) {
      const broken = { classes: [{ id: 4, name: 'road', color }] }
      expect(thrown(() => parseMapping(broken), 'INVALID_FILE').message).to.include('"color" of id 4')
    }
    const root = await tempFolder()
    await root.write('images/x.jpg', 'x')
    await root.write('labels/x.png', 'x')
    await root.write('map.json', JSON.stringify({ classes }))
    const opened = await folder({ root: root.path, labels: 'labels', mapping: 'map.json' })
    expect(opened.palette).to.deep.equal(palette)
    await root.remove()
  })

  it('stay with their classes through every wrapper', () => {
    const same = [
      subset(streets, []),
      cached(streets, 0),
      resized(streets, { width: 1, height: 1 }),
      withPastedNegatives(streets, toyNegatives),
      concat([streets, streets]),
      concat([{ ...streets, palette: undefined } as Dataset, streets]),
    ]
    for (const { name, palette } of same) expect(palette, name).to.deep.equal([RED, GREEN, BLUE])
    expect(holdOut(streets, ['car'], { as: 'ignore' }).palette).to.deep.equal([RED, BLUE])
    const { dataset } = alignClasses(streets, ['sky', 'road'], { as: 'ignore' })
    expect(dataset.palette).to.deep.equal([BLUE, RED])
  })

  it('are absent where nothing is known', () => {
    const { palette: _, ...plain } = streets
    expect(holdOut(plain, ['car'], { as: 'ignore' })).not.to.have.property('palette')
    expect(alignClasses(plain, ['sky'], { as: 'ignore' }).dataset).not.to.have.property('palette')
    expect(concat([plain, plain])).not.to.have.property('palette')
  })
})
