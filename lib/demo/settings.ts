/** Generated objects, samples of a flow that is trained on the scenes, or both, each with probability one half. */
export const DEMO_NEGATIVES = ['real', 'synthetic', 'mixed'] as const

export type DemoNegatives = (typeof DEMO_NEGATIVES)[number]

/** Of the hybrid fine-tuning with one kind of negatives. */
export interface HybridSettings {
  readonly epochs: number
  readonly learningRate: number
  /** Weights of L_x and L_d. */
  readonly betaX: number
  readonly betaD: number
}

/** What a demo runs on and for how long. */
export interface DemoSettings {
  /** Scenes of train, val and test. */
  readonly scenes: { readonly train: number; readonly val: number; readonly test: number }
  readonly closedEpochs: number
  readonly closedLearningRate: number
  readonly hybrid: Readonly<Record<DemoNegatives, HybridSettings>>
  /** Smallest and largest share of the image that a pasted object covers. */
  readonly negativeArea: readonly [number, number]
  /** Of the flow's training by maximum likelihood: steps, side of its square crops, learning rate. */
  readonly flowSteps: number
  readonly flowCrop: number
  readonly flowLearningRate: number
  /** Of the flow in joint training, and λ. */
  readonly flowJointLearningRate: number
  readonly jsdWeight: number
  /** Smallest and largest side of a pasted sample. */
  readonly flowSides: readonly [number, number]
  readonly batchSize: number
  /** [height, width] */
  readonly crop: readonly [number, number]
  readonly scale: readonly [number, number]
}

/**
 * Learning rates and β are larger than the paper's, whose models start from pre-trained
 * weights and train for hours: a small network that starts from random weights has to learn d_out in a minute, and its
 * ln p̂ must not outweigh it.
 */
const HYBRID: HybridSettings = { epochs: 14, learningRate: 1e-3, betaX: 0.003, betaD: 2 }

/** Samples of a flow are no objects: what is learned from them beyond the first epochs does not carry over to objects. */
const GENTLE: HybridSettings = { ...HYBRID, epochs: 6, learningRate: 3e-4 }

/** A few minutes on two cores. */
export const FULL_DEMO: DemoSettings = {
  scenes: { train: 480, val: 40, test: 60 },
  closedEpochs: 18,
  closedLearningRate: 2e-3,
  hybrid: { real: HYBRID, synthetic: GENTLE, mixed: HYBRID },
  negativeArea: [0.008, 0.15],
  flowSteps: 3000,
  flowCrop: 32,
  flowLearningRate: 3e-3,
  flowJointLearningRate: 1e-4,
  jsdWeight: 0.03,
  flowSides: [16, 48],
  batchSize: 4,
  crop: [96, 128],
  scale: [0.6, 1.25],
}

const BRIEF: HybridSettings = { ...HYBRID, epochs: 4 }

/** Under a minute: shows every step, its numbers mean little. */
export const FAST_DEMO: DemoSettings = {
  ...FULL_DEMO,
  scenes: { train: 64, val: 12, test: 12 },
  closedEpochs: 8,
  hybrid: { real: BRIEF, synthetic: BRIEF, mixed: BRIEF },
  flowSteps: 60,
}
