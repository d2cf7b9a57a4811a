import { defineCommand } from '../command.ts'
import { assignments, integer, number, text } from '../flags.ts'
import {
  applyThreads,
  checkTrainingFlags,
  downloadProgress,
  OPTIMISER_HELP,
  openTrainingData,
  RUN_HELP,
  runTraining,
  TRAINING_FLAGS,
  trainingPrecision,
  trainingScope,
} from '../training.ts'

/** The command `train`. */
export const command = defineCommand({
  name: 'train',
  summary: 'Closed-set training: images with labels in, a checkpoint out.',
  usage: '--data SPEC --out DIR [options]',
  examples: [
    'train --data "camvid:CamVid?split=train" --hold-out Bicyclist \\',
    '    --val "camvid:CamVid?split=val" --epochs 60 --out runs/closed',
    'train --out runs/closed --resume',
  ],
  flags: {
    ...TRAINING_FLAGS,
    architecture: text('NAME', { default: 'ladder-densenet121' }),
    option: assignments('NAME=VALUE'),
    weights: text('FILE'),
    epochs: integer(1, 1e6, { default: 60 }),
    lr: number(0, 100, { default: 4e-4 }),
    minLr: number(0, 100, { default: 1e-6 }),
    backboneFactor: number(0, 100),
    batchNormMomentum: number(0, 1),
  },
  help: [
    ['out', 'folder of the run'],
    ...RUN_HELP,
    ['holdOut', 'classes to leave out: their pixels are ignored'],
    ['architecture', 'network ({architecture})'],
    ['option', 'of the network, e.g. padding=same'],
    ['weights', 'imagenet, or a file: .safetensors, .pth'],
    ['epochs,steps', 'length of the run ({epochs} epochs)'],
    ['backboneFactor', 'backbone: this times --lr (0.25 with --weights, else 1)'],
    ['batchNormMomentum', '(0.01 with --weights, else 0.1)'],
    ...OPTIMISER_HELP,
  ],
  async run(options, _inputs, context) {
    checkTrainingFlags(options)
    await applyThreads(options.threads)
    const { holdOut } = await import('../../data/hold-out.ts')
    const { Segmenter } = await import('../../segmenter.ts')
    const data = await openTrainingData(options, context.signal)
    const hide = (dataset: typeof data.dataset) =>
      options.holdOut.length === 0 ? dataset : holdOut(dataset, options.holdOut, { as: 'ignore' })
    const dataset = hide(data.dataset)
    return runTraining(
      {
        title: 'train',
        dataset,
        data: data.data,
        ...(data.validation && { validation: hide(data.validation) }),
        epochs: options.epochs,
        createSegmenter: () =>
          Segmenter.create({
            architecture: options.architecture,
            classes: [...dataset.classes],
            ...(dataset.palette && { palette: dataset.palette }),
            options: options.option,
            ...(options.weights === undefined ? {} : { weights: options.weights }),
            onDownload: downloadProgress(context),
            device: options.device,
            seed: options.seed,
          }),
        trainer: {
          objective: 'closed-set',
          learningRate: options.lr,
          minLearningRate: options.minLr,
          // Weights that are kept move slowly; random ones, and their statistics, have to move fast.
          backboneFactor: options.backboneFactor ?? (options.weights === undefined ? 1 : 0.25),
          batchNormMomentum: options.batchNormMomentum ?? (options.weights === undefined ? 0.1 : 0.01),
          schedule: options.schedule,
          clipNorm: options.clipNorm,
          ...trainingScope(options),
          precision: trainingPrecision(options.precision),
          seed: options.seed,
        },
        next: (model) => `densehybrid finetune --model ${model} --data … --negatives … --out …`,
      },
      options,
      context,
    )
  },
})
