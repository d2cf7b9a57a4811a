/**
 * Holds this package against reference values: `npm run test:golden -- DIR [--device cuda]`.
 * One line a case (`ok|FAIL|skip name maxAbs maxRel tolerance`), then the totals; exit code 1 on any failure.
 */
import { pathToFileURL } from 'node:url'
import type { NativeAddon } from '../../lib/binding/native.ts'
import type { Tensor, TypedArray } from '../../lib/tensor.ts'
import { runClassifier } from './cases/classifier.ts'
import { runDeepLabV3Plus } from './cases/deeplabv3plus.ts'
import { runFlow } from './cases/flow.ts'
import { runFlowLayer } from './cases/flow-layers.ts'
import { runStandAloneFlow } from './cases/flow-stand-alone.ts'
import { runHybridLoss } from './cases/hybrid-loss.ts'
import { runHybridScore } from './cases/hybrid-score.ts'
import { runJensenShannon } from './cases/jsd.ts'
import { runLadderDensenet121 } from './cases/ladder-densenet121.ts'
import { runLearningRateSchedule } from './cases/lr-schedule.ts'
import { METRIC_RUNNERS } from './cases/metrics.ts'
import { runPasting } from './cases/pasting.ts'
import { runTrainStep } from './cases/train-step.ts'
import { type Computed, compareCase, summarize } from './compare.ts'
import { type BrokenCase, findCases, type GoldenCase, loadTensors } from './find-cases.ts'

/** What a case needs from its surroundings. */
export interface Context {
  /** The addon; rejects with the reason when it cannot be loaded. */
  native(): Promise<NativeAddon>
  /** Where models run. */
  device: string
}

/** Computes all outputs of one case. */
export type RunCase = (
  golden: GoldenCase,
  reference: Record<string, Tensor<TypedArray>>,
  context: Context,
) => Promise<Computed>

/** What runs the cases of each kind. */
export const RUNNERS: Readonly<Record<string, RunCase>> = {
  deeplabv3plus_wrn38: runDeepLabV3Plus,
  flow_denseflow_repo: runStandAloneFlow,
  flow_layers: runFlowLayer,
  flow_rule: runFlow,
  flow_stored: runFlow,
  hybrid_loss: runHybridLoss,
  hybrid_score: runHybridScore,
  jsd: runJensenShannon,
  ladder_densenet121: runLadderDensenet121,
  lr_schedule: runLearningRateSchedule,
  pasting: runPasting,
  torchvision_classifiers: runClassifier,
  train_step: runTrainStep,
}

function runnerOf(kind: string): RunCase | undefined {
  if (Object.hasOwn(RUNNERS, kind)) return RUNNERS[kind]
  return Object.entries(METRIC_RUNNERS).find(([start]) => kind.startsWith(start))?.[1]
}

/** Outcome of one case: its status and the line that reports it. */
export interface Outcome {
  status: 'ok' | 'FAIL' | 'skip'
  label: string
  line: string
}

/** Runs one case. Never rejects: what goes wrong is a FAIL with its reason. */
export async function runCase(golden: GoldenCase | BrokenCase, context: Context): Promise<Outcome> {
  const { label } = golden
  const outcome = (status: Outcome['status'], rest: string): Outcome => ({
    status,
    label,
    line: `${status} ${label} ${rest.replaceAll(/\s+/g, ' ')}`,
  })
  if ('reason' in golden) return outcome('FAIL', `- - - (${golden.reason})`)
  const kind = golden.description.case
  const run = runnerOf(kind)
  if (run === undefined) return outcome('skip', `(no runner for cases of kind ${kind})`)
  try {
    const reference = await loadTensors(golden)
    const { measured, failures, notes } = compareCase(
      golden.description,
      reference,
      await run(golden, reference, context),
    )
    const tail = [
      ...failures.slice(0, 3),
      ...(failures.length > 3 ? [`${failures.length - 3} more`] : []),
      ...notes,
    ]
    const text = summarize(measured) + tail.map((note) => ` [${note}]`).join('')
    return outcome(failures.length === 0 ? 'ok' : 'FAIL', text)
  } catch (error) {
    return outcome('FAIL', `- - - [${(error as Error).message}]`)
  }
}

/** Runs every case below `folder`, printing as it goes; the exit code. */
export async function runFolder(
  folder: string,
  context: Context,
  print: (line: string) => void = console.log,
): Promise<0 | 1> {
  const count = { ok: 0, FAIL: 0, skip: 0 }
  let problem: string | undefined
  try {
    const cases = await findCases(folder)
    if (cases.length === 0) problem = `${folder} holds no case (a JSON file with the field "case")`
    for (const golden of cases) {
      const { status, line } = await runCase(golden, context)
      count[status]++
      print(line)
    }
  } catch (error) {
    problem = `${folder} cannot be read: ${(error as Error).message}`
  }
  if (problem !== undefined) console.error(`test:golden: ${problem}`)
  print(`${count.ok} passed, ${count.FAIL} failed, ${count.skip} skipped`)
  return problem !== undefined || count.FAIL > 0 ? 1 : 0
}

/** The context of a normal run: the built addon, loaded on first use. */
export function defaultContext(device = 'cpu'): Context {
  return { device, native: async () => (await import('../../lib/binding/load.ts')).loadNative() }
}

async function main(args: string[]): Promise<number> {
  const at = args.indexOf('--device')
  const device = at === -1 ? 'cpu' : args[at + 1]
  const rest = at === -1 ? args : args.toSpliced(at, 2)
  if (rest.length !== 1 || rest[0].startsWith('-') || device === undefined) {
    console.error('Usage: npm run test:golden -- DIR [--device cpu|cuda]')
    return 1
  }
  return runFolder(rest[0], defaultContext(device))
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main(process.argv.slice(2))
}
