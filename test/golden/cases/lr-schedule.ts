import { tensor } from '../../../lib/tensor.ts'
import { cosineLearningRate } from '../../../lib/training/schedule.ts'
import type { RunCase } from '../run.ts'

interface Hyper {
  lr: number
  lr_min: number
  epochs: number
  /** First learning rate of every parameter group. */
  groups: number[]
}

/** The cosine schedule, epoch by epoch and group by group; a group's floor scales with its learning rate. */
export const runLearningRateSchedule: RunCase = async (golden) => {
  const { lr, lr_min: lrMin, epochs, groups } = golden.description.hyper as unknown as Hyper
  const at = (epoch: number) =>
    groups.map((group) => cosineLearningRate(epoch, epochs, group, (lrMin * group) / lr))
  const rates = Array.from({ length: epochs }, (_, epoch) => at(epoch)).flat()
  return {
    tensors: {
      lr_per_epoch: tensor(Float64Array.from(rates), [epochs, groups.length]),
      lr_after_last_epoch: tensor(Float64Array.from(at(epochs)), [groups.length]),
    },
  }
}
