import { clock, formatTable } from '../ui.ts'
import type { StagePlan } from './plan.ts'
import type { Recipe } from './recipe.ts'
import { type ReadyStage, shellLine } from './stages.ts'

/** What a run will do and take, as text. */
export function formatPlan(
  recipe: Recipe,
  stages: readonly ReadyStage[],
  plans: readonly StagePlan[],
): string {
  const known = plans.flatMap(({ seconds }) => (seconds === undefined ? [] : [seconds]))
  const total = known.reduce((sum, seconds) => sum + seconds, 0)
  const open = plans.length - known.length
  const time =
    known.length === 0
      ? []
      : [
          ` In all ${duration(total)}${open > 0 ? ' and the stages without a time' : ''}, estimated from a step on two images of 128×128 here.`,
        ]
  const official = plans.some((plan) => plan.official)
    ? [' * as the publishers state it; the folder was not given']
    : []
  return [
    `${recipe.title}\n${recipe.about}\n`,
    formatTable(['stage', 'command', 'images', 'steps', 'GiB', 'time'], plans.map(row)),
    ...time,
    ...official,
    '',
    ...stages.map(({ argv }) => shellLine(argv)),
  ].join('\n')
}

function row({ name, command, images, official, steps, bytes, seconds }: StagePlan): string[] {
  return [
    name,
    command,
    images === undefined ? '–' : `${images}${official ? '*' : ''}`,
    steps === undefined ? '–' : String(steps),
    bytes === undefined ? '–' : (bytes / 2 ** 30).toFixed(1),
    seconds === undefined ? '–' : duration(seconds),
  ]
}

/** Days where there are any; "1:23" for 83 s. */
function duration(seconds: number): string {
  const days = Math.floor(seconds / 86_400)
  return days === 0 ? clock(1000 * seconds) : `${days} d ${clock(1000 * (seconds - days * 86_400))}`
}
