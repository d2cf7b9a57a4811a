import type { Dataset } from '../../data/dataset.ts'
import { defineCommand } from '../command.ts'
import { NEGATIVES_FLAGS, openFinetuneNegatives } from '../finetune-negatives.ts'
import { integer, number, text } from '../flags.ts'
import {
  applyThreads,
  checkTrainingFlags,
  OPTIMISER_HELP,
  openTrainingData,
  RUN_HELP,
  runTraining,
  TRAINING_FLAGS,
  trainingPrecision,
  trainingScope,
} from '../training.ts'
import { UsageError } from '../usage-error.ts'

/** The command `finetune`. */
export const command = defineCommand({
  name: 'finetune',
  summary: 'Hybrid fine-tuning: teaches a closed-set model what is unknown.',
  usage: '--model CKPT --data SPEC --negatives KIND --out DIR',
  examples: [
    'finetune --model runs/closed/model.safetensors --out runs/hybrid \\',
    '    --data "camvid:CamVid?split=train" --negatives "folder:COCO?labels=masks"',
  ],
  flags: {
    ...TRAINING_FLAGS,
    model: text('CKPT', { required: true }),
    ...NEGATIVES_FLAGS,
    betaX: number(0, 1000, { default: 0.03 }),
    betaD: number(0, 1000),
    epochs: integer(1, 1e6, { default: 10 }),
    lr: number(0, 100, { default: 1e-5 }),
    minLr: number(0, 100, { default: 1e-7 }),
    backboneFactor: number(0, 100, { default: 0.25 }),
    batchNormMomentum: number(0, 1, { default: 0.01 }),
  },
  help: [
    ['model,out', 'closed-set checkpoint; folder of the run'],
    ['negatives', 'real, synthetic, mixed, or the --real of real ones'],
    ['real,flow', 'where they come from: folder:… scenes:, a flow'],
    ['realProbability', 'S, share of real ones among mixed (0.5)'],
    ['lambda,flowLr', 'weight of L_jsd ({lambda}); rate of the flow ({flowLr})'],
    ['flowSides', 'sides of its samples in pixels ({flowSides})'],
    ['freezeFlow', 'do not train it along'],
    ...RUN_HELP,
    ['holdOut', 'may name the classes that the model does not know'],
    ['betaX,betaD', 'weights of L_x ({betaX}), L_d (10 × --beta-x); paper'],
    ['epochs,steps', 'length of the run ({epochs} epochs)'],
    ['backboneFactor', 'backbone: this times --lr ({backboneFactor}, paper)'],
    ['batchNormMomentum', '({batchNormMomentum}, paper)'],
    ...OPTIMISER_HELP,
  ],
  async run(options, _inputs, context) {
    const { signal, ui } = context
    checkTrainingFlags(options)
    await applyThreads(options.threads)
    const { alignClasses } = await import('../../data/align-classes.ts')
    const { Segmenter } = await import('../../segmenter.ts')
    const data = await openTrainingData(options, signal)
    const { negatives, spec, flow } = await openFinetuneNegatives(options, { device: options.device, signal })
    const segmenter = await Segmenter.load(options.model, { device: options.device })
    const align = (given: Dataset) => {
      const { dataset, heldOut } = alignClasses(given, segmenter.classes, { as: 'ignore' })
      checkHoldOut(options.holdOut, heldOut, given)
      if (heldOut.length > 0 && given === data.dataset) {
        ui.note(`Held out, as the model does not know them: ${heldOut.join(', ')}`)
      }
      return dataset
    }
    try {
      return await runTraining(
        {
          title: 'finetune',
          dataset: align(data.dataset),
          data: data.data,
          ...(data.validation && { validation: align(data.validation) }),
          negatives,
          ...(spec && { negativesSpec: spec }),
          epochs: options.epochs,
          createSegmenter: async () => segmenter,
          trainer: {
            objective: 'hybrid',
            ...(flow !== undefined && !options.freezeFlow && { flow }),
            jsdWeight: options.lambda,
            flowLearningRate: options.flowLr,
            betaX: options.betaX,
            ...(options.betaD === undefined ? {} : { betaD: options.betaD }),
            learningRate: options.lr,
            minLearningRate: options.minLr,
            backboneFactor: options.backboneFactor,
            batchNormMomentum: options.batchNormMomentum,
            schedule: options.schedule,
            clipNorm: options.clipNorm,
            ...trainingScope(options),
            precision: trainingPrecision(options.precision),
            seed: options.seed,
          },
          next: (model) => `densehybrid calibrate --model ${model} --data … --out …`,
        },
        options,
        context,
      )
    } finally {
      segmenter.dispose()
      flow?.dispose()
    }
  },
})

/** `--hold-out` may repeat what follows from the model, not contradict it. */
function checkHoldOut(named: readonly string[], heldOut: readonly string[], { name }: Dataset): void {
  const same = named.every((one) => heldOut.includes(one)) && heldOut.every((one) => named.includes(one))
  if (named.length === 0 || same) return
  throw new UsageError(
    `--hold-out ${named.join(',')} contradicts the model: of ${name} it does not know ${heldOut.join(', ') || 'nothing'}`,
  )
}
