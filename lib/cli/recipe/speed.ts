import type { Tensor } from '../../tensor.ts'

/** Side of the crops and patches that are timed. */
const SIDE = 128
/** Images of a timed step; statistics of a batch need two. */
const IMAGES = 2
/** Timed calls: something else may slow one down. */
const CALLS = 3

/**
 * How fast this machine is: seconds a pixel, each found once from steps on two images of 128×128. An estimate: small crops keep a GPU less busy than large ones.
 */
export class Speed {
  readonly #device: string
  readonly #known = new Map<string, Promise<number>>()

  constructor(device: string) {
    this.#device = device
  }

  /** Of a training step. */
  training(architecture: string, options: Record<string, string | number | boolean>): Promise<number> {
    return this.#once(`training ${architecture} ${JSON.stringify(options)}`, async () => {
      const { Segmenter } = await import('../../segmenter.ts')
      const { Trainer } = await import('../../training/trainer.ts')
      const model = await Segmenter.create({ architecture, classes: 19, options, device: this.#device })
      const trainer = new Trainer(model, { objective: 'closed-set' })
      try {
        return await timed(() => trainer.step({ ...picturesWithLabels(), ids: ['a', 'b'] }))
      } finally {
        trainer.dispose()
        model.dispose()
      }
    })
  }

  /** Of scoring. */
  scoring(architecture: string, options: Record<string, string | number | boolean>): Promise<number> {
    return this.#once(`scoring ${architecture} ${JSON.stringify(options)}`, async () => {
      const { Segmenter } = await import('../../segmenter.ts')
      const model = await Segmenter.create({ architecture, classes: 19, options, device: this.#device })
      try {
        return await timed(() => model.segment(pictures(), { scores: ['hybrid'] }))
      } finally {
        model.dispose()
      }
    })
  }

  /** Of a flow's training step. */
  flow(architecture: string): Promise<number> {
    return this.#once(`flow ${architecture}`, async () => {
      const { DenseFlow } = await import('../../dense-flow.ts')
      const { FlowTrainer } = await import('../../training/flow-trainer.ts')
      const flow = await DenseFlow.create({ architecture, device: this.#device })
      const trainer = new FlowTrainer(flow)
      try {
        return await timed(() => trainer.step(pictures()))
      } finally {
        trainer.dispose()
        flow.dispose()
      }
    })
  }

  #once(key: string, measure: () => Promise<number>): Promise<number> {
    const found = this.#known.get(key) ?? measure()
    this.#known.set(key, found)
    return found
  }
}

/** Seconds a pixel of the fastest call after the first, which allocates. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  await work()
  let least = Infinity
  for (let call = 0; call < CALLS; call++) {
    const started = performance.now()
    await work()
    least = Math.min(least, performance.now() - started)
  }
  return least / 1000 / (IMAGES * SIDE * SIDE)
}

/** Two pictures without a pattern: what they show does not matter. */
function pictures(): Tensor<Uint8Array> {
  const data = Uint8Array.from({ length: IMAGES * SIDE * SIDE * 3 }, (_, i) => (i * 97) % 251)
  return { data, shape: [IMAGES, SIDE, SIDE, 3] }
}

function picturesWithLabels(): { images: Tensor<Uint8Array>; labels: Tensor<Uint8Array> } {
  const labels = Uint8Array.from({ length: IMAGES * SIDE * SIDE }, (_, i) => i % 19)
  return { images: pictures(), labels: { data: labels, shape: [IMAGES, SIDE, SIDE] } }
}
