// What a user of the published package does: pack, install the tarball in an empty folder with an empty home, import it
// from ESM and from CommonJS, and segment an image. `npm run test:package`.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'densehybrid-package-'))
const home = join(folder, 'home')
const project = join(folder, 'project')

function run(command, args, cwd, env = {}) {
  console.log(`$ ${command} ${args.join(' ')}`)
  execFileSync(command, args, { cwd, stdio: 'inherit', env: { ...process.env, ...env } })
}

// The same steps in both module systems; an image of noise is enough to see labels and a finite score come back.
const steps = `
async function main({ Segmenter, info }) {
  const model = await Segmenter.create({ architecture: 'ladder-densenet-tiny', classes: 5, seed: 1 })
  const data = Uint8Array.from({ length: 96 * 128 * 3 }, (_, i) => (i * 7919) % 256)
  const { labels, scores } = await model.segment({ data, shape: [96, 128, 3] }, { scores: ['hybrid'] })
  if (labels.data.length !== 96 * 128 || !scores.hybrid.data.every(Number.isFinite)) throw new Error('wrong result')
  console.log(kind + ' ok: libtorch ' + info().libtorch + ', labels ' + labels.shape.join('×'))
  model.dispose()
}
`

try {
  run('npx', ['publint', '--strict'], root)
  mkdirSync(home)
  mkdirSync(project)
  run('npm', ['pack', '--silent', '--pack-destination', folder], root)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  writeFileSync(join(project, 'package.json'), '{ "name": "user", "private": true }\n')
  writeFileSync(
    join(project, 'esm.mjs'),
    `import * as densehybrid from 'densehybrid'\nconst kind = 'ESM'\n${steps}\nawait main(densehybrid)\n`,
  )
  writeFileSync(
    join(project, 'cjs.cjs'),
    `const densehybrid = require('densehybrid')\nconst kind = 'CommonJS'\n${steps}\nmain(densehybrid)\n`,
  )
  // The cache of libtorch is shared with the clone: fetching it again would only test the network.
  const cache = process.env.DENSEHYBRID_CACHE ?? join(process.env.HOME ?? '', '.cache', 'densehybrid')
  const env = { HOME: home, DENSEHYBRID_CACHE: cache }
  run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--foreground-scripts', join(folder, tarball)],
    project,
    env,
  )
  run('node', ['esm.mjs'], project, env)
  run('node', ['cjs.cjs'], project, env)
  run('npx', ['--no-install', 'densehybrid', '--version'], project, env)
  console.log('package ok')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
