import type { TopLevelSpec } from 'vega-lite'
import { DenseHybridError } from '../../errors.ts'
import { checkNumber, invalid } from '../../validate.ts'

/** A chart: a vega-lite specification with its data inside. */
export type Chart = TopLevelSpec

const INK = '#1d2330'
const SOFT = '#4b5563'

/** Grey of rules that are no data: chance, thresholds, targets. */
export const RULE_COLOUR = '#6b7280'

/** Light grey of lines that only lead the eye. */
export const FAINT_COLOUR = '#c3c9d3'

/** Width of the plot in pixels, where a chart has no reason for another one. */
export const PLOT_WIDTH = 460

/** Characters of a title's line. */
const TITLE_LENGTH = 64
/** Characters of a subtitle's line. */
const LINE_LENGTH = 84
/** Characters of a name before it is cut. */
const NAME_LENGTH = 40

/** What all charts have in common; `title` and `subtitle` say what is drawn. */
export function frame(title: string, subtitle: string) {
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: '#ffffff',
    padding: 14,
    title: {
      text: wrapText(printable(title, 'options.title'), TITLE_LENGTH),
      subtitle: wrapText(subtitle, LINE_LENGTH),
    },
    config: {
      font: 'Inter, "Helvetica Neue", Arial, "Liberation Sans", sans-serif',
      view: { stroke: null },
      title: {
        anchor: 'start' as const,
        frame: 'group' as const,
        color: INK,
        fontSize: 15,
        fontWeight: 600 as const,
        subtitleColor: SOFT,
        subtitleFontSize: 12,
        subtitleLineHeight: 16,
        subtitlePadding: 5,
        offset: 12,
      },
      axis: {
        gridColor: '#e6e9ee',
        gridWidth: 1,
        domain: false,
        ticks: false,
        labelColor: SOFT,
        labelFontSize: 11,
        labelPadding: 6,
        titleColor: INK,
        titleFontSize: 12,
        titleFontWeight: 400 as const,
        titlePadding: 10,
      },
      legend: {
        labelColor: INK,
        labelFontSize: 12,
        labelLimit: 0,
        titleColor: SOFT,
        titleFontSize: 12,
        titleFontWeight: 400 as const,
        titleLimit: 0,
        rowPadding: 5,
        symbolSize: 140,
        symbolStrokeWidth: 3,
        offset: 20,
      },
      text: { color: INK, fontSize: 12 },
    },
  }
}

/** A rate from 0 to 1 on an axis in per cent. */
export const RATE_AXIS = { format: '.0%', tickCount: 5, labelFlush: false } as const

/** The scale of a rate. */
export const RATE_SCALE = { domain: [0, 1] as [number, number], nice: false }

/** A rate in per cent with one decimal and no unit; a dash where it is undefined. */
export function percentText(rate: number | undefined): string {
  return rate === undefined || !Number.isFinite(rate)
    ? '–'
    : (100 * rate).toFixed(1).replace(/^-(0\.0)$/, '$1')
}

/** A score with four significant digits. */
export function scoreText(score: number): string {
  return Number(score.toPrecision(4)).toString().replace('-', '−')
}

/** "95" of a target TPR of 0.95. */
export function targetText(tpr: number): string {
  return String(Math.round(1000 * tpr) / 10)
}

/** A name as one line of printable text that is not too long. */
export function plainName(name: unknown, where: string): string {
  const line = [...printable(name, where)]
  if (line.length === 0) return '(no name)'
  return line.length > NAME_LENGTH ? `${line.slice(0, NAME_LENGTH - 1).join('')}…` : line.join('')
}

/** Text as one line, without control characters and halves of characters, which no SVG may hold. */
function printable(text: unknown, where: string): string {
  if (typeof text !== 'string') throw invalid(where, 'a string', text)
  return text.replaceAll(/[\p{Cc}\p{Cs}\p{Cn}\s]+/gu, ' ').trim()
}

/** Names made distinct: those that occur again are numbered, because a scale draws equal names as one. */
export function distinctNames(names: readonly string[]): string[] {
  const used = new Set<string>()
  return names.map((name) => {
    let distinct = name
    for (let number = 2; used.has(distinct); number++) distinct = `${name} (${number})`
    used.add(distinct)
    return distinct
  })
}

/** Lines of at most `length` characters, broken between words. */
export function wrapText(text: string, length: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.length - 1
    if (last >= 0 && lines[last].length + 1 + word.length <= length) lines[last] += ` ${word}`
    else lines.push(word)
  }
  return lines
}

/** Sentences joined by spaces, those that are undefined left out. */
export function sentences(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(' ')
}

/** Checks that there is a list with something in it. */
export function checkFilled<T>(name: string, list: readonly T[], what: string): readonly T[] {
  if (!Array.isArray(list)) throw invalid(name, `an array of ${what}`, list)
  if (list.length === 0) {
    throw new DenseHybridError('EMPTY', `There is nothing to draw: ${name} holds no ${what}.`)
  }
  return list
}

/** Checks a rate that may be NaN, which stands for undefined. */
export function checkRate(name: string, value: unknown): number {
  return typeof value === 'number' && Number.isNaN(value) ? value : checkNumber(name, value, 0, 1)
}
