import { join } from 'node:path'
import { expect } from 'chai'
import sharp from 'sharp'
import { datasetSchemes } from '../../lib/data/dataset-schemes.ts'
import { colourPng, greyPng, type TempFolder, tempFolder } from '../support/image-files.ts'
import { runCli } from './run-cli.ts'

describe('doctor', () => {
  it('ends with 0 exactly when nothing fails', async () => {
    const { code, stdout } = await runCli(['doctor', '--json'])
    const { ready, checks } = JSON.parse(stdout)
    expect(checks.map(({ name }: { name: string }) => name)).to.include.members([
      'Node',
      'addon',
      'libtorch',
      'CPU',
    ])
    expect(ready).to.equal(checks.every(({ status }: { status: string }) => status !== 'fail'))
    expect(code).to.equal(ready ? 0 : 1)
  })

  it('shows one sign and line a check, in colour only where it is asked for', async () => {
    const plain = await runCli(['doctor'])
    expect(plain.stdout).to.match(/^densehybrid \d+\.\d+\.\d+\n/)
    expect(plain.stdout).to.match(/^✔ Node {7}Node \d+/m)
    expect(plain.stdout).to.match(/\n(Ready|Not ready)\.\n$/)
    const colourful = await runCli(['doctor'], { env: { FORCE_COLOR: '1' } })
    expect(colourful.stdout).to.include('\u001b[32m✔\u001b[39m Node')
  })
})

describe('data check', () => {
  let folder: TempFolder
  before(async () => {
    folder = await tempFolder()
    for (const name of ['a', 'b']) {
      await folder.write(`images/${name}.png`, await colourPng(4, 2))
      await folder.write(`labels/${name}.png`, await greyPng(4, 2, [0, 0, 0, 0, 0, 0, 1, 255]))
    }
    await folder.write('names.json', '{"classes": ["road", "car", "tram"], "ignore_index": 255}')
  })
  after(() => folder.remove())
  const spec = () => `folder:${folder.path}?images=images&labels=labels&mapping=${folder.path}/names.json`

  it('shows counts, shares of labels, sizes and what will do harm', async () => {
    const { code, stdout, stderr } = await runCli(['data', 'check', spec()])
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(/: 2 images, 3 classes, 4×2\n/)
    expect(stdout)
      .to.match(/^ road +75\.000 +2$/m)
      .and.match(/^ ignore +12\.500 +2$/m)
    expect(stderr).to.include('warning: No pixel of tram.')
    const json = JSON.parse((await runCli(['data', 'check', spec(), '--json', '--quiet'])).stdout)
    expect(json).to.deep.include({ length: 2, unreadable: 0 })
  })

  it('names the first file that cannot be read and ends with 1', async () => {
    await folder.write('images/c.png', 'broken')
    await folder.write('labels/c.png', await greyPng(4, 2, [0, 0, 0, 0, 0, 0, 1, 255]))
    const { code, stdout, stderr } = await runCli(['data', 'check', spec()])
    expect(code).to.equal(1)
    expect(stdout).to.include(': 3 images')
    expect(stderr).to.match(
      /densehybrid: 1 of 3 images cannot be read\n {2}The first is item 2: .*images\/c\.png/,
    )
  })
})

describe('data list', () => {
  it('names every scheme of specs, and everything about one', async () => {
    const all = await runCli(['data', 'list', '--json'])
    const schemes = JSON.parse(all.stdout).map(({ scheme }: { scheme: string }) => scheme)
    expect(schemes).to.have.members([...Object.keys(datasetSchemes)])
    const table = (await runCli(['data', 'list'])).stdout
    for (const scheme of schemes) expect(table).to.match(new RegExp(`^ ${scheme} `, 'm'))
    const { stdout } = await runCli(['data', 'list', 'cityscapes'])
    expect(stdout)
      .to.match(/split=train +2975 images/)
      .and.match(/https:\/\/www\.cityscapes-dataset\.com/)
    expect(stdout).to.include('e.g. densehybrid data check "cityscapes:DIR?split=train"')
  })

  it('knows the nearest name', async () => {
    const { code, stderr } = await runCli(['data', 'list', 'citscapes'])
    expect(code).to.equal(2)
    expect(stderr).to.include('Did you mean cityscapes?')
    expect((await runCli(['data', 'lst'])).stderr).to.include('Did you mean list?')
  })
})

describe('data preview', () => {
  let folder: TempFolder
  before(async () => {
    folder = await tempFolder()
  })
  after(() => folder.remove())
  const preview = (...args: string[]) =>
    runCli(['data', 'preview', 'scenes:test?width=96&height=64', ...args], { cwd: folder.path })

  it('writes images with their labels to a PNG, and keeps one that is there', async () => {
    const { code, stdout, stderr } = await preview('--out', 'sheet.png', '--images', '4')
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(/^sheet\.png: 4 of 60 images/)
    const { width, height } = await sharp(join(folder.path, 'sheet.png')).metadata()
    expect(width).to.be.above(400)
    expect(height).to.be.above(100)
    const again = await preview('--out', 'sheet.png')
    expect(again.code).to.equal(2)
    expect(again.stderr).to.include('--overwrite')
    expect((await preview('--out', 'sheet.png', '--overwrite', '--images', '1')).code).to.equal(0)
  })

  it('says what is missing or wrong', async () => {
    expect((await preview()).stderr).to.include('needs --out FILE')
    expect((await preview('--out', 'sheet.jpg')).stderr).to.include('ends in .png')
    expect((await runCli(['data', 'preview'])).stderr).to.include('needs a SPEC')
  })
})
