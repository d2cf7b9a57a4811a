import type { Command } from './command.ts'

/** Commands in the order of the help; each is read from disk only when it runs, or for the list. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  doctor: async () => (await import('./commands/doctor.ts')).command,
  build: async () => (await import('./commands/build.ts')).command,
  demo: async () => (await import('./commands/demo.ts')).command,
  recipe: async () => (await import('./commands/recipe.ts')).command,
  train: async () => (await import('./commands/train.ts')).command,
  finetune: async () => (await import('./commands/finetune.ts')).command,
  'train-flow': async () => (await import('./commands/train-flow.ts')).command,
  score: async () => (await import('./commands/score.ts')).command,
  calibrate: async () => (await import('./commands/calibrate.ts')).command,
  evaluate: async () => (await import('./commands/evaluate.ts')).command,
  data: async () => (await import('./commands/data.ts')).command,
  convert: async () => (await import('./commands/convert.ts')).command,
  models: async () => (await import('./commands/models.ts')).command,
  bench: async () => (await import('./commands/bench.ts')).command,
}
