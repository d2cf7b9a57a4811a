import { basename, dirname } from 'node:path'
import type { Dataset } from '../../data/dataset.ts'
import { profileModel } from '../../model-profile.ts'
import { STEPS as FLOW_STEPS } from '../commands/train-flow.ts'
import type { Speed } from './speed.ts'
import { datasetsOf, isOpenEnded, officialImages, type StageData } from './stage-data.ts'
import type { ReadyStage } from './stages.ts'

/** What a stage will take; what cannot be known is absent. */
export interface StagePlan {
  readonly name: string
  readonly command: string
  /** Images that it trains or measures on. */
  readonly images?: number
  /** `images` is the number that the publishers state: the folder was not given. */
  readonly official?: boolean
  /** Optimiser steps. */
  readonly steps?: number
  /** Of weights and maps of a training step, or of scoring one image. */
  readonly bytes?: number
  readonly seconds?: number
}

/** What a network is made of. */
interface Network {
  readonly architecture: string
  readonly options: Record<string, string | number | boolean>
}

/** Where estimates come from. */
export interface PlanSources {
  readonly data: StageData
  /** Absent: no times. */
  readonly speed?: Speed
}

/** Plans every stage. Reads the first image of each evaluation, for its size. */
export async function planStages(stages: readonly ReadyStage[], sources: PlanSources): Promise<StagePlan[]> {
  const plans: StagePlan[] = []
  for (const ready of stages) {
    const { stage } = ready
    const { images, official, datasets } = await imagesOf(ready, sources.data)
    const found = {
      name: stage.name,
      command: stage.command,
      ...(images !== undefined && { images }),
      ...(official && { official }),
    }
    const network = networkOf(ready, stages)
    plans.push({ ...found, ...(await effort(ready, network, images, datasets, sources)) })
  }
  return plans
}

async function effort(
  ready: ReadyStage,
  network: Network | undefined,
  images: number | undefined,
  datasets: readonly Dataset[],
  { speed }: PlanSources,
): Promise<Pick<StagePlan, 'steps' | 'bytes' | 'seconds'>> {
  const { command } = ready.stage
  if (command === 'convert') return {}
  if (command === 'train-flow') return flowEffort(ready.values, images, speed)
  if (network === undefined) return {}
  if (command === 'train' || command === 'finetune')
    return trainingEffort(ready.values, network, images, datasets, speed)
  return scoringEffort(ready.values, network, images, datasets, speed)
}

async function trainingEffort(
  values: ReadyStage['values'],
  network: Network,
  images: number | undefined,
  [dataset]: readonly Dataset[],
  speed: Speed | undefined,
) {
  const batchSize = values.batch as number
  const crop = values.crop as readonly [number, number]
  const steps = stepsOf(values, images, batchSize)
  const checkpointing = values.checkpointing as 'auto' | 'on' | 'off'
  const { trainingBytes } = await profileModel({
    ...network,
    ...(dataset !== undefined && { classes: dataset.classes.length }),
    crop,
    batchSize: Math.max(2, batchSize),
    gradientCheckpointing: checkpointing === 'auto' ? 'auto' : checkpointing === 'on',
  })
  const perPixel = await speed?.training(network.architecture, network.options)
  return {
    ...(steps !== undefined && { steps }),
    bytes: trainingBytes,
    ...(steps !== undefined &&
      perPixel !== undefined && { seconds: steps * perPixel * batchSize * crop[0] * crop[1] }),
  }
}

async function flowEffort(
  values: ReadyStage['values'],
  images: number | undefined,
  speed: Speed | undefined,
) {
  const batchSize = values.batch as number
  const crop = values.crop as number
  const steps =
    values.epochs === undefined
      ? ((values.steps as number | undefined) ?? FLOW_STEPS)
      : stepsOf(values, images, batchSize)
  const perPixel = await speed?.flow((values.architecture as string | undefined) ?? 'denseflow')
  return {
    ...(steps !== undefined && { steps }),
    ...(steps !== undefined &&
      perPixel !== undefined && { seconds: steps * perPixel * batchSize * crop * crop }),
  }
}

async function scoringEffort(
  values: ReadyStage['values'],
  network: Network,
  images: number | undefined,
  [dataset]: readonly Dataset[],
  speed: Speed | undefined,
) {
  if (images === undefined || dataset === undefined || dataset.length === 0) return {}
  const [height, width] = (await dataset.item(0)).image.shape
  const { inferenceBytes } = await profileModel({ ...network, size: [height, width] })
  const perPixel = await speed?.scoring(network.architecture, network.options)
  // Thresholds that are calibrated on the measured images take a second pass.
  const passes = values.calibrateOnSelf === true || values.secondFold !== undefined ? 2 : 1
  return {
    bytes: inferenceBytes,
    ...(perPixel !== undefined && { seconds: passes * images * perPixel * height * width }),
  }
}

function stepsOf(values: ReadyStage['values'], images: number | undefined, batchSize: number) {
  if (typeof values.steps === 'number') return values.steps
  if (images === undefined || typeof values.epochs !== 'number') return undefined
  return values.epochs * Math.max(1, Math.floor(images / batchSize))
}

/** Images of the data that is trained or measured on; all of it has to be known. */
async function imagesOf(
  ready: ReadyStage,
  data: StageData,
): Promise<{ images?: number; official?: boolean; datasets: Dataset[] }> {
  const { val: _, ...read } = ready.values
  const used = datasetsOf({ stage: ready.stage, values: read }).filter(({ use }) => use === 'images')
  if (used.some(({ spec }) => isOpenEnded(spec))) {
    const counts = used.map(({ spec }) => officialImages(spec))
    const known = counts.every((count) => count !== undefined)
    return known ? { images: sum(counts), official: true, datasets: [] } : { datasets: [] }
  }
  const opened = await Promise.all(used.map((one) => data.open(one)))
  const datasets = opened.filter((dataset) => dataset !== undefined)
  return { images: sum(datasets.map(({ length }) => length)), datasets }
}

/** The network of a stage: its own, or that of the stage whose model it takes. */
function networkOf(ready: ReadyStage, stages: readonly ReadyStage[]): Network | undefined {
  const { values, stage } = ready
  if (stage.command === 'train-flow') return undefined
  if (stage.command === 'train' || stage.command === 'convert') {
    return {
      architecture: values.architecture as string,
      options: values.option as Network['options'],
    }
  }
  const from = basename(dirname(String(values.model)))
  const source = stages.find((one) => one.stage.name === from && one !== ready)
  return source && networkOf(source, stages)
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
