import { defineCommand } from '../command.ts'
import { choice, integer, number, pair, text, texts, toggle } from '../flags.ts'
import { savedConfig } from '../options.ts'
import { applyThreads, openJoined } from '../training.ts'
import { UsageError } from '../usage-error.ts'

/** Length of a run that names none. */
export const STEPS = 20_000
const ARCHITECTURE = 'denseflow'

/** Decoded images that are kept in memory, in bytes: a step reads as many images as it has patches. */
const CACHE = 2 ** 30

/** Flags that a resumed run may be given anew. */
const CHANGEABLE: readonly string[] = [
  ...['epochs', 'steps', 'out', 'device', 'threads', 'log-every', 'samples-every'],
]

/** The command `train-flow`. */
export const command = defineCommand({
  name: 'train-flow',
  summary: 'Pre-trains a flow on patches of images, for synthetic negatives.',
  usage: '--data SPEC --out DIR [options]',
  examples: [
    'train-flow --data "camvid:CamVid?split=train" --out runs/flow',
    'train-flow --data scenes:train --architecture denseflow-tiny \\',
    '    --crop 32 --steps 500 --out runs/tiny',
    'train-flow --out runs/flow --resume',
  ],
  flags: {
    data: texts('SPEC', { required: true }),
    out: text('DIR', { required: true }),
    resume: toggle(),
    overwrite: toggle(),
    flow: text('CKPT'),
    architecture: choice(['denseflow', 'denseflow-tiny', 'denseflow-attention'], { placeholder: 'NAME' }),
    crop: integer(1, 4096, { default: 64 }),
    batch: integer(1, 4096, { default: 16 }),
    scale: pair(0.01, { default: [1, 1], placeholder: 'A,B' }),
    flip: number(0, 1, { default: 0.5, placeholder: 'P' }),
    steps: integer(1, 1e9),
    epochs: integer(1, 1e6),
    lr: number(0, 100, { default: 1e-3 }),
    minLr: number(0, 100),
    clipNorm: number(0, Infinity, { default: 100 }),
    samplesEvery: integer(1, 1e9, { default: 500 }),
    logEvery: integer(1, 1e9, { default: 10 }),
    seed: integer(0, 2 ** 31 - 1, { default: 0 }),
    device: text('NAME', { default: 'cpu' }),
    threads: integer(1, 1024),
  },
  help: [
    ['data', 'images; labels are not used; repeat to join'],
    ['out', 'folder of the run: flow, state, config, log, samples'],
    ['resume,overwrite', 'go on with the run in --out, or replace it'],
    ['flow', 'go on from this flow instead of a new one'],
    ['architecture', `${ARCHITECTURE} (default), denseflow-tiny for a CPU, or denseflow-attention`],
    ['crop,batch', 'side of patches ({crop}, paper), patches a step ({batch})'],
    ['scale,flip', 'random scale ({scale}) and mirroring ({flip})'],
    ['steps,epochs', `length of the run (${STEPS} steps)`],
    ['lr,minLr', 'learning rate, first and last ({lr}, 1e-5)'],
    ['clipNorm', 'largest norm of the gradient; 0 = any ({clipNorm})'],
    ['samplesEvery,logEvery', 'steps per picture ({samplesEvery}) and line of log ({logEvery})'],
    ['seed', 'of weights, crops and noise ({seed})'],
    ['device,threads', 'cpu, cuda or cuda:1 ({device}); CPU threads (all)'],
  ],
  async run(options, _inputs, { ui, signal }) {
    const { flow: from, crop, out } = options
    if (options.resume && options.overwrite)
      throw new UsageError('--resume and --overwrite exclude each other')
    if (options.steps !== undefined && options.epochs !== undefined) {
      throw new UsageError('--steps and --epochs exclude each other')
    }
    if (from !== undefined && options.architecture !== undefined) {
      throw new UsageError('--flow and --architecture exclude each other: the checkpoint has its own')
    }
    if (options.minLr !== undefined && options.minLr > options.lr) {
      throw new UsageError(`expected at most --lr ${options.lr} for --min-lr but received ${options.minLr}`)
    }
    await applyThreads(options.threads)
    const { cached } = await import('../../data/cached.ts')
    const { DenseFlow } = await import('../../dense-flow.ts')
    const { FLOW_RUN_FILES, SAMPLES, trainFlowInFolder } = await import('../../training/flow-training-run.ts')
    const dataset = await openJoined(options.data, signal)
    const createFlow = async () => {
      const { architecture = ARCHITECTURE, device, seed } = options
      const flow =
        from === undefined
          ? await DenseFlow.create({ architecture, device, seed })
          : await DenseFlow.load(from, { device })
      if (crop % flow.reduction === 0) return flow
      flow.dispose()
      throw new UsageError(`expected a multiple of ${flow.reduction} for --crop but received "${crop}"`)
    }
    let progress: ReturnType<typeof ui.progress> | undefined
    const length =
      options.epochs === undefined ? { steps: options.steps ?? STEPS } : { epochs: options.epochs }
    const run = await trainFlowInFolder({
      dir: out,
      mode: options.resume ? 'resume' : options.overwrite ? 'overwrite' : 'new',
      config: savedConfig(options),
      changeable: CHANGEABLE,
      createFlow,
      dataset: cached(dataset, CACHE),
      patches: { crop, batchSize: options.batch, scale: options.scale, flip: options.flip },
      trainer: {
        learningRate: options.lr,
        ...(options.minLr === undefined ? {} : { minLearningRate: options.minLr }),
        clipNorm: options.clipNorm,
        seed: options.seed,
      },
      device: options.device,
      ...length,
      samplesEvery: options.samplesEvery,
      logEvery: options.logEvery,
      signal,
      onStart: ({ flow, step, steps }) => {
        const size = `${(flow.parameterCount / 1e6).toFixed(1)} M parameters`
        ui.note(
          `${flow.config.architecture}, ${size}, on ${flow.device}; ` +
            `${crop}×${crop} patches of ${dataset.length} images of ${dataset.name}`,
        )
        if (step > 0) ui.note(`Resuming after step ${step}.`)
        progress = ui.progress('train-flow', steps, 'steps')
      },
      onProgress: ({ epoch, epochs, step, bitsPerDim, patchesPerSecond, waiting }) => {
        const slow = waiting > 0.5 ? `  waiting for data ${Math.round(100 * waiting)} %` : ''
        progress?.update(
          step,
          `epoch ${epoch + 1}/${epochs}  ${bitsPerDim.toFixed(3)} bits/dim  ${patchesPerSecond.toFixed(1)} patches/s${slow}`,
        )
      },
    }).catch((error) => {
      progress?.stop()
      if (progress !== undefined && signal.aborted) ui.note(`State saved in ${out}. To go on, add --resume.`)
      throw error
    })
    progress?.stop(`${run.bitsPerDim.toFixed(3)} bits/dim`)
    const { path, samples, epoch, step, bitsPerDim, initialBitsPerDim, reconstruction } = run
    if (options.json) {
      ui.json({ flow: path, epoch, step, bitsPerDim, initialBitsPerDim, reconstruction, samples })
      return
    }
    const before = from === undefined ? 'untrained, after its initialisation' : 'before'
    const { max, mean } = reconstruction
    ui.result(
      [
        path,
        `bits/dim ${bitsPerDim.toFixed(3)} (${before}: ${initialBitsPerDim.toFixed(3)})`,
        `|x − f⁻¹(f(x))| at most ${max.toPrecision(2)}, on average ${mean.toPrecision(2)} grey levels`,
        `Samples: ${out}/${SAMPLES}, log: ${out}/${FLOW_RUN_FILES.log}`,
      ].join('\n'),
    )
    ui.note(`Next: densehybrid finetune --model … --data … --negatives synthetic --flow ${path} --out …`)
  },
})
