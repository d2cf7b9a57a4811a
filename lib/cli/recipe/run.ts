import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { describeCommit, describeMachine } from '../../benchmark/machine.ts'
import { fileError } from '../../data/read-bytes.ts'
import { DenseHybridError } from '../../errors.ts'
import type { CommandContext } from '../command.ts'
import { COMMON_FLAGS, parseCommandLine } from '../options.ts'
import { clock, Ui } from '../ui.ts'
import { describeOutputs, type Manifest, readManifest, type StageRecord, writeManifest } from './manifest.ts'
import type { Recipe } from './recipe.ts'
import { REPORT_FILES } from './report.ts'
import { type DatasetRecord, datasetsOf, type StageData } from './stage-data.ts'
import { type ReadyStage, shellLine } from './stages.ts'

/** Commands that leave a state to go on from. */
const RESUMABLE = ['train', 'finetune', 'train-flow']

/** How the stages of a recipe are run. */
export interface RunOptions {
  readonly out: string
  readonly mode: 'new' | 'overwrite' | 'resume'
  readonly smoke: boolean
  readonly device: string
  /** What to type to do the same again. */
  readonly repeat: string
  readonly data: StageData
  /** Results of stages go to stdout. */
  readonly showResults: boolean
}

/**
 * Runs the stages one after the other and keeps the manifest. A stage that an earlier run has finished is not run again; a
 * training that was interrupted goes on.
 *
 * @throws DenseHybridError INVALID_ARGUMENT where the folder holds a run already, or a resumed one was another; ABORTED;
 * the errors of the stages
 */
export async function runStages(
  recipe: Recipe,
  stages: readonly ReadyStage[],
  options: RunOptions,
  context: CommandContext,
): Promise<Manifest> {
  const { out } = options
  const before = await prepare(options)
  const manifest = await newManifest(recipe, stages, options, context)
  if (before !== undefined) checkSame(before, manifest, stages, out)
  manifest.stages = { ...before?.stages }
  await makeFolder(out)
  await writeFileAtomic(join(out, 'recipe.yaml'), recipe.text)
  await writeManifest(out, manifest)
  for (const [index, ready] of stages.entries()) {
    const { stage } = ready
    const title = `${index + 1}/${stages.length} ${stage.name}`
    const record = manifest.stages[stage.name]
    if (record?.state === 'done') {
      context.ui.note(`${title}: done before, in ${clock(1000 * record.seconds)}`)
      continue
    }
    context.ui.note(`\n${title}\n${shellLine(ready.argv)}`)
    await runStage(ready, record, manifest, options, context)
  }
  return manifest
}

async function runStage(
  ready: ReadyStage,
  before: StageRecord | undefined,
  manifest: Manifest,
  options: RunOptions,
  context: CommandContext,
): Promise<void> {
  const { out, showResults } = options
  const started = Date.now()
  const record: StageRecord = {
    command: shellLine(ready.argv),
    state: 'running',
    started: new Date(started).toISOString(),
    seconds: before?.seconds ?? 0,
    outputs: [],
  }
  manifest.stages[ready.stage.name] = record
  await writeManifest(out, manifest)
  const values = await valuesOf(ready, before !== undefined)
  // With --json stdout holds one document, the recipe's.
  const ui = showResults ? context.ui : new Ui({ quiet: context.ui.quiet, stdout: process.stderr })
  try {
    await makeFolder(ready.folder)
    await ready.command.run(values as never, [...ready.inputs], { ...context, ui })
    record.state = 'done'
  } catch (error) {
    record.state = context.signal.aborted ? 'interrupted' : 'failed'
    record.error = error instanceof Error ? error.message : String(error)
    if (record.state === 'interrupted') {
      context.ui.note(`Interrupted in the stage ${ready.stage.name}. To go on, add --resume.`)
    } else context.ui.note(`The stage ${ready.stage.name} failed; --resume goes on there.`)
    throw error
  } finally {
    record.seconds += (Date.now() - started) / 1000
    if (record.state === 'done') record.outputs = await describeOutputs(ready.folder)
    await writeManifest(out, manifest)
  }
}

/** The stage's options; a training that was begun before goes on where it has a state, else it begins anew. */
async function valuesOf(ready: ReadyStage, begun: boolean): Promise<ReadyStage['values']> {
  if (!begun || !RESUMABLE.includes(ready.stage.command)) return ready.values
  const { access } = await import('node:fs/promises')
  const { RUN_FILES } = await import('../../training/training-run.ts')
  const { FLOW_RUN_FILES } = await import('../../training/flow-training-run.ts')
  const { state } = ready.stage.command === 'train-flow' ? FLOW_RUN_FILES : RUN_FILES
  const hasState = await access(join(ready.folder, state)).then(
    () => true,
    () => false,
  )
  const argv = [...ready.argv.slice(1), hasState ? '--resume' : '--overwrite']
  const flags = { ...COMMON_FLAGS, ...ready.command.flags }
  return (await parseCommandLine(ready.command.name, flags, argv)).values
}

/** The manifest of the run to go on with, or undefined for a new one. */
async function prepare({ out, mode }: RunOptions): Promise<Manifest | undefined> {
  if (mode === 'overwrite') {
    // Only what a recipe has written is removed; the results go first, since they must not outlive their stages.
    const old = await readManifest(out)
    if (old === undefined) return undefined
    for (const name of [...Object.values(REPORT_FILES), ...Object.keys(old.stages)])
      await rm(join(out, name), { recursive: true, force: true })
    return undefined
  }
  const found = await readManifest(out)
  if (mode === 'resume') {
    if (found === undefined)
      throw new DenseHybridError('NOT_FOUND', `There is no run of a recipe in ${out} to resume.`)
    return found
  }
  if (found === undefined) return undefined
  throw new DenseHybridError('INVALID_ARGUMENT', `${out} already holds a run of ${found.recipe.name}.`, {
    hint: 'Go on with it (--resume), replace it (--overwrite), or choose another folder.',
  })
}

async function newManifest(
  recipe: Recipe,
  stages: readonly ReadyStage[],
  { smoke, device, repeat, data }: RunOptions,
  { ui, signal }: CommandContext,
): Promise<Manifest> {
  const used = new Map(stages.flatMap(datasetsOf).map((one) => [`${one.use} ${one.spec}`, one]))
  const progress = ui.progress('data', used.size, 'sets')
  const datasets: DatasetRecord[] = []
  let done = 0
  for (const one of used.values()) {
    signal.throwIfAborted()
    const record = await data.record(one)
    if (record !== undefined) datasets.push(record)
    progress.update(++done)
  }
  progress.stop('')
  return {
    format: 1,
    recipe: { name: recipe.name, title: recipe.title, sha256: recipe.hash },
    repeat,
    smoke,
    version: describeCommit(),
    machine: { ...describeMachine(device) },
    device,
    datasets,
    stages: {},
  }
}

/** A run is resumed with the same recipe, the same options and the same data. */
function checkSame(before: Manifest, now: Manifest, stages: readonly ReadyStage[], out: string): void {
  const fail = (what: string) => {
    throw new DenseHybridError('INVALID_ARGUMENT', `The run in ${out} ${what}.`, {
      hint: 'Resume with what it was started with, or start a new run in another folder.',
    })
  }
  if (before.recipe.name !== now.recipe.name)
    fail(`is of the recipe ${before.recipe.name}, not ${now.recipe.name}`)
  if (before.smoke !== now.smoke)
    fail(before.smoke ? 'was started with --smoke' : 'was started without --smoke')
  for (const { stage, argv } of stages) {
    const was = before.stages[stage.name]?.command
    const is = shellLine(argv)
    if (was !== undefined && was !== is) fail(`ran "${was}", not "${is}"`)
  }
  for (const { spec, use, hash } of before.datasets) {
    const same = now.datasets.find((one) => one.spec === spec && one.use === use)
    if (same !== undefined && same.hash !== hash) fail(`had other files in ${spec}`)
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw fileError(path, error)
  }
}
