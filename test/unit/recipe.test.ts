import { expect } from 'chai'
import { loadRecipe, parseRecipe, recipeNames } from '../../lib/cli/recipe/recipe.ts'
import { gatherResults } from '../../lib/cli/recipe/results.ts'
import { limitedSpec } from '../../lib/cli/recipe/smoke.ts'
import { readyStages, recipeLine, shellLine } from '../../lib/cli/recipe/stages.ts'
import { type TempFolder, tempFolder } from '../support/image-files.ts'

const HEAD = 'title: t\nabout: a\ndata: { camvid: CamVid }\n'
const TRAIN = '{ run: train, with: { data: "camvid:{camvid}?split=train", epochs: 3 } }'
const parse = (stages: string) => parseRecipe(`${HEAD}stages: ${stages}`, 'my.yaml')
const RUN = { out: 'runs/x', data: { camvid: '/data/Cam Vid' }, common: {}, overrides: {}, smoke: false }

/** What a promise rejects with. */
async function rejected(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => expect.fail('resolved'),
    (error) => error,
  )
}

describe('recipe files', () => {
  it('name stages with a command and its flags; anchors are merged', () => {
    const recipe = parseRecipe(
      `${HEAD}shared: { one: &one { epochs: 3, batch: 2 } }\nstages: { closed: { run: train, with: { <<: *one, batch: 4 } } }`,
      'folder/my.yaml',
    )
    expect(recipe.name).to.equal('my')
    expect(recipe.stages).to.deep.equal([
      { name: 'closed', command: 'train', flags: { epochs: 3, batch: 4 } },
    ])
  })

  const broken: [what: string, stages: string, message: RegExp][] = [
    ['YAML that cannot be parsed', '{ a: ', /my\.yaml is no recipe/],
    ['an unknown command', '{ a: { run: trian, with: {} } }', /stages\.a\.run/],
    ['an unknown key', '{ a: { run: train, with: {}, wiht: {} } }', /wiht/],
    ['a value that is no flag', '{ a: { run: train, with: { data: { x: 1 } } } }', /stages\.a\.with\.data/],
    ['no stages', '{}', /at least one/],
    [
      'a name that is not there',
      '{ a: { run: train, with: { data: "{kitti}" } } }',
      /\{kitti\} is neither data nor/,
    ],
    [
      'a stage before its own',
      '{ a: { run: finetune, with: { model: "{b}" } }, b: { run: train, with: {} } }',
      /\{b\} is/,
    ],
    ['a stage named like data', '{ camvid: { run: train, with: {} } }', /the name is that of a data set/],
  ]
  const nines = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name, i, all) => {
    const inner = i === 0 ? '9' : `*${all[i - 1]}`
    return `${name}: &${name} [${Array(9).fill(inner).join(', ')}]`
  })
  broken.push(
    ['an alias of nothing', '{ a: *nowhere }', /nowhere/],
    ['aliases that multiply', `{ a: { run: train, with: { ${nines.join(', ')} } } }`, /alias/],
  )
  for (const [what, stages, message] of broken) {
    it(`refuse ${what}`, () => {
      expect(() => parse(stages))
        .to.throw(message)
        .with.property('code', 'INVALID_CONFIG')
    })
  }

  it('of the package can all be run: every flag exists and has a value it takes', async () => {
    const names = await recipeNames()
    expect(names).to.include('camvid')
    for (const name of names) {
      const recipe = await loadRecipe(name)
      for (const smoke of [false, true]) {
        const stages = await readyStages(recipe, { ...RUN, smoke })
        expect(stages.length, name).to.be.above(2)
        expect(stages.at(-1)?.stage.command, `${name} ends with results`).to.equal('evaluate')
      }
      for (const key of Object.keys(recipe.data)) expect(recipe.text, name).to.include(`{${key}}`)
    }
  })

  it('that are not there are named with the nearest one', async () => {
    expect((await rejected(loadRecipe('camvit'))).message).to.match(/unknown recipe camvit.*camvid/)
    expect(await rejected(loadRecipe('none.yaml'))).to.include({ code: 'NOT_FOUND' })
  })
})

describe('stages of a recipe', () => {
  it('are commands with the folders of data and stages in place of their names', async () => {
    const recipe = parse(
      `{ closed: ${TRAIN}, tau: { run: calibrate, with: { model: "{closed}/model.safetensors", data: "camvid:{camvid}?split=val" } } }`,
    )
    const [closed, tau] = await readyStages(recipe, RUN)
    expect(shellLine(closed.argv)).to.equal(
      "densehybrid train --data 'camvid:/data/Cam Vid?split=train' --epochs 3 --out runs/x/closed",
    )
    expect(shellLine(tau.argv)).to.include('--model runs/x/closed/model.safetensors')
    expect(shellLine(tau.argv)).to.include('--out runs/x/tau/model.safetensors')
    expect(closed.values).to.include({ epochs: 3, out: 'runs/x/closed' })
  })

  it('take common flags where they have them, and overrides', async () => {
    const recipe = parse(`{ closed: ${TRAIN} }`)
    const [stage] = await readyStages(recipe, {
      ...RUN,
      common: { seed: 5, 'no-such-flag': 1 },
      overrides: { 'closed.epochs': '9', 'closed.weights': '007', 'closed.resume': 'false' },
    })
    expect(stage.values).to.include({ seed: 5, epochs: 9, weights: '007', resume: false })
  })

  it('say which stage a wrong flag is of', async () => {
    const wrong = parse('{ closed: { run: train, with: { data: "camvid:{camvid}", epohcs: 3 } } }')
    expect((await rejected(readyStages(wrong, RUN))).message).to.match(
      /in the stage closed: .*--epohcs.*--epochs/,
    )
    const recipe = parse(`{ closed: ${TRAIN} }`)
    for (const key of ['clsoed.epochs', 'epochs'])
      expect((await rejected(readyStages(recipe, { ...RUN, overrides: { [key]: '1' } }))).message).to.match(
        /--set/,
      )
  })

  it('refuse a word for a switch that is neither true nor false', async () => {
    const error = await rejected(
      readyStages(parse(`{ closed: ${TRAIN} }`), { ...RUN, overrides: { 'closed.resume': 'yes' } }),
    )
    expect(error.message).to.include('expected true or false for --set closed.resume but received "yes"')
  })

  it('can be typed again, whatever their paths', () => {
    const run = { ...RUN, data: { camvid: "/it's/1e3" }, overrides: { 'closed.epochs': '9' }, smoke: true }
    expect(recipeLine('mine.yaml', run)).to.equal(
      "densehybrid recipe mine.yaml --data 'camvid=/it'\\''s/1e3' --set closed.epochs=9 --smoke --out DIR",
    )
  })

  it('are small with smoke: two steps, few images, no fetched weights', async () => {
    const recipe = parse(
      '{ closed: { run: train, with: { data: ["camvid:{camvid}?split=train", "camvid:{camvid}?split=val&limit=2"], epochs: 3, weights: imagenet } } }',
    )
    const [{ values }] = await readyStages(recipe, { ...RUN, smoke: true })
    expect(values).to.deep.include({
      steps: 2,
      weights: undefined,
      data: ['camvid:/data/Cam Vid?split=train&limit=8', 'camvid:/data/Cam Vid?split=val&limit=2'],
    })
    expect(limitedSpec('folder:/a')).to.equal('folder:/a?limit=8')
    expect(limitedSpec('folder:/what?is')).to.equal('folder:/what?is&limit=8')
    expect(limitedSpec('scenes:test')).to.equal('scenes:test')
    expect(limitedSpec('synthetic')).to.equal('synthetic')
  })
})

describe('results of a recipe', () => {
  let folder: TempFolder
  before(async () => {
    folder = await tempFolder()
  })
  after(() => folder.remove())

  it('join evaluations of one row, and lose none where two have the same column', async () => {
    const results = (ap: number, closedMIoU?: number) =>
      JSON.stringify({
        tpr: 0.95,
        convention: 'a',
        detectors: [{ detector: 'hybrid', ap, auroc: 0.5, fpr: 0.25 }],
        closedMIoU,
      })
    await folder.write('one/results.json', results(0.75))
    await folder.write('two/results.json', results(0.5, 0.625))
    const stage = (name: string) => ({
      stage: { name, command: 'evaluate', flags: {}, row: 'real', table: 'T' },
      folder: `${folder.path}/${name}`,
    })
    const [table, ...more] = await gatherResults([stage('one'), stage('two')] as never)
    expect(more).to.deep.equal([])
    expect(table).to.deep.equal({
      title: 'T',
      columns: ['AP', 'AUROC', 'FPR95 (a)', 'AP, two', 'closed mIoU'],
      rows: [{ name: 'real: hybrid s_H', values: [0.75, 0.5, 0.25, 0.5, 0.625] }],
    })
  })
})
