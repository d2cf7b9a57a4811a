import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadRecipe, recipeNames } from '../../lib/cli/recipe/recipe.ts'
import { needAddon } from '../support/addon.ts'
import { type TempFolder, tempFolder } from '../support/image-files.ts'
import { RECIPE_TREES } from '../support/trees/recipes.ts'
import { runCli } from './run-cli.ts'

describe('recipe --smoke', function () {
  this.timeout(240_000)
  let folder: TempFolder
  beforeEach(async function () {
    needAddon(this)
    folder = await tempFolder()
  })
  afterEach(() => folder?.remove())

  // Names are read when mocha collects the tests, so that a recipe that is added has its test.
  it('covers every recipe of the package', async () => {
    for (const name of await recipeNames()) {
      const { data } = await loadRecipe(name)
      for (const key of Object.keys(data)) expect(RECIPE_TREES, `${name}: ${key}`).to.have.property(key)
    }
  })

  for (const name of ['camvid', 'coco20-80', 'fishyscapes', 'pascal-coco', 'smiyc', 'streethazards']) {
    it(`runs ${name} from end to end on the fixture trees of its data`, async () => {
      const recipe = await loadRecipe(name)
      const data: string[] = []
      for (const key of Object.keys(recipe.data))
        data.push('--data', `${key}=${await RECIPE_TREES[key](folder)}`)
      const { code, stdout, stderr } = await runCli(
        ['recipe', name, ...data, '--out', 'run', '--smoke', '--json'],
        { cwd: folder.path },
      )
      expect(code, stderr).to.equal(0)
      const { manifest, tables } = JSON.parse(stdout)
      for (const { name: stage } of recipe.stages)
        expect(manifest.stages[stage].state, stage).to.equal('done')
      const evaluated = recipe.stages.filter(({ command }) => command === 'evaluate')
      expect(tables.map(({ title }: { title: string }) => title)).to.have.members([
        ...new Set(evaluated.map(({ table }) => table)),
      ])
      for (const { title, rows } of tables) {
        for (const { name: row, values } of rows) {
          expect(values.some(Number.isFinite), `${title}, ${row}`).to.equal(true)
        }
      }
      expect(await readFile(join(folder.path, 'run/index.html'), 'utf8')).to.include('<img')
    })
  }
})
