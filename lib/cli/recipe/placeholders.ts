import type { Recipe, Stage, StageValue } from './recipe.ts'

const PLACEHOLDER = /\{([a-z0-9-]+)\}/g

/** `text` with every `{name}` replaced by the folder of that name; names without a folder stay. */
export function fill(text: string, folders: Readonly<Record<string, string>>): string {
  return text.replace(PLACEHOLDER, (whole, name: string) =>
    Object.hasOwn(folders, name) ? folders[name] : whole,
  )
}

/** {@link fill} for every text of a flag's value. */
export function fillValue(value: StageValue, folders: Readonly<Record<string, string>>): StageValue {
  if (typeof value === 'string') return fill(value, folders)
  if (!Array.isArray(value)) return value
  return value.map((one: string | number) => (typeof one === 'string' ? fill(one, folders) : one))
}

/** The names that a stage refers to. */
export function namesIn({ flags, input = '' }: Pick<Stage, 'flags' | 'input'>): string[] {
  const texts = [input, ...Object.values(flags).flat().map(String)]
  return [...new Set(texts.flatMap((text) => [...text.matchAll(PLACEHOLDER)].map(([, name]) => name)))]
}

/** What is wrong with the names of a recipe, if anything: one is used twice, or none's, or before its stage has run. */
export function checkPlaceholders({ data, stages }: Pick<Recipe, 'data' | 'stages'>): string | undefined {
  const known = new Set(Object.keys(data))
  for (const stage of stages) {
    const missing = namesIn(stage).find((name) => !known.has(name))
    if (missing !== undefined) {
      return `stages.${stage.name}: {${missing}} is neither data nor an earlier stage (${[...known].join(', ')})`
    }
    if (known.has(stage.name)) return `stages.${stage.name}: the name is that of a data set, too`
    known.add(stage.name)
  }
  return undefined
}
