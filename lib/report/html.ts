import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { writeImage } from '../data/encode.ts'
import { DenseHybridError, throwIfAborted } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { checkOptionNames, checkTensor, describe, invalid } from '../validate.ts'
import { type Colour, classColours, IGNORE_COLOUR, UNKNOWN_COLOUR } from './colormap.ts'
import { STYLE } from './style.ts'

/** A value of a table: a fraction 0 … 1 shown in per cent, text shown as it is, null or NaN shown as a dash. */
export type Cell = number | string | null

/** A table whose rows have a name. */
export interface ReportTable {
  /** Heading above the table. */
  title: string
  /** Heads of the columns, without that of the names. */
  columns: readonly string[]
  rows: readonly { name: string; values: readonly Cell[]; emphasis?: boolean }[]
  /** A sentence below, such as the conventions of the metrics. */
  note?: string
}

/** IoU of one known class as fractions; null or NaN where the class does not occur. */
export interface ClassIoU {
  name: string
  closed: number | null
  open: number | null
}

/** A picture with its caption. */
export interface ReportPicture {
  caption: string
  /** H×W×3 RGB, e.g. from `renderOverlay`. */
  image: Tensor<Uint8Array>
}

/** What a report shows, in this order; parts that are absent are left out. */
export interface Report {
  title: string
  /** One or two sentences: what was measured, on what. */
  explanation: string
  metrics?: readonly ReportTable[]
  /** Closed-set and open-set IoU by class, with the gap; means of the columns are added. */
  perClass?: readonly ClassIoU[]
  /** Class names for the colour legend; index = label. */
  classes?: readonly string[]
  /** What the pictures show. */
  pictureNote?: string
  pictures?: readonly ReportPicture[]
  /** Settings worth keeping: model, threshold, seed, versions. */
  settings?: Readonly<Record<string, string | number>>
}

const REPORT_NAMES = [
  'title',
  'explanation',
  'metrics',
  'perClass',
  'classes',
  'pictureNote',
  'pictures',
  'settings',
] as const

/**
 * Writes `dir/index.html` and its pictures `dir/pictures/*.png`. The page is plain HTML without scripts and without any
 * resource from elsewhere: it opens offline, from any folder, and can be sent as it is. All text is escaped.
 *
 * @returns the path of index.html, which is written last and atomically
 * @throws DenseHybridError `INVALID_ARGUMENT`; `IO`; `ABORTED`
 */
export async function writeReport(
  dir: string,
  report: Report,
  options: { signal?: AbortSignal } = {},
): Promise<string> {
  checkOptionNames('writeReport', report, REPORT_NAMES)
  checkOptionNames('writeReport', options, ['signal'])
  for (const name of ['title', 'explanation'] as const) {
    if (typeof report[name] !== 'string') throw invalid(`report.${name}`, 'a string', report[name])
  }
  checkTables(report.metrics ?? [])
  const pictures = report.pictures ?? []
  pictures.forEach(({ image }, i) => {
    checkTensor(`report.pictures[${i}].image`, image, Uint8Array, 3)
  })
  const names = pictures.map(({ caption }, i) => pictureName(caption, i))
  const path = join(dir, 'index.html')
  try {
    await mkdir(pictures.length > 0 ? join(dir, 'pictures') : dir, { recursive: true })
    for (const [i, { image }] of pictures.entries()) {
      throwIfAborted(options.signal)
      await writeImage(join(dir, 'pictures', names[i]), image)
    }
    throwIfAborted(options.signal)
    await writeFileAtomic(path, renderReport(report, names))
  } catch (error) {
    if (error instanceof DenseHybridError) throw error
    throw new DenseHybridError('IO', `Cannot write the report ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  return path
}

/** The page as text; `pictureNames` are file names below `pictures/`. */
export function renderReport(report: Report, pictureNames: readonly string[] = []): string {
  const parts = [
    `<h1>${escapeHtml(report.title)}</h1>`,
    `<p class="lead">${escapeHtml(report.explanation)}</p>`,
    ...(report.metrics ?? []).map(renderTable),
    report.perClass === undefined ? '' : renderClasses(report.perClass),
    renderPictures(report, pictureNames),
    report.settings === undefined ? '' : renderSettings(report.settings),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(report.title)}</title>
<style>
${STYLE}</style>
</head>
<body>
<main>
${parts.filter((part) => part !== '').join('\n')}
</main>
</body>
</html>
`
}

/** Text for HTML content and quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

/** A fraction as per cent with one decimal, text as it is, a dash for nothing. */
export function formatCell(value: Cell): string {
  if (typeof value === 'string') return value
  return value === null || !Number.isFinite(value) ? '–' : (100 * value).toFixed(1).replace(/^-(0\.0)$/, '$1')
}

function renderTable({ title, columns, rows, note }: ReportTable): string {
  const head = columns.map((column) => `<th scope="col">${escapeHtml(column)}</th>`).join('')
  const body = rows.map(({ name, values, emphasis }) => {
    const cells = values.map((value) => `<td>${escapeHtml(formatCell(value))}</td>`).join('')
    return `<tr${emphasis ? ' class="emphasis"' : ''}><th scope="row">${escapeHtml(name)}</th>${cells}</tr>`
  })
  return section(
    title,
    `<table>
<thead><tr><th></th>${head}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table>
${note === undefined ? '' : `<p class="note">${escapeHtml(note)}</p>`}`,
  )
}

/** Numbers with a bar behind the closed-set and the open-set value, so that the gap is seen before it is read. */
function renderClasses(perClass: readonly ClassIoU[]): string {
  const row = ({ name, closed, open }: ClassIoU, extra = '') => {
    const gap = isNumber(closed) && isNumber(open) ? closed - open : null
    return (
      `<tr${extra}><th scope="row">${escapeHtml(name)}</th>${barCell(closed, 'closed')}${barCell(open, 'open')}` +
      `<td>${formatCell(gap)}</td></tr>`
    )
  }
  const mean = {
    name: 'mean',
    closed: meanOf(perClass.map((c) => c.closed)),
    open: meanOf(perClass.map((c) => c.open)),
  }
  return section(
    'IoU by class',
    `<table>
<thead><tr><th></th><th scope="col">closed-set</th><th scope="col">open-set</th><th scope="col">gap</th></tr></thead>
<tbody>
${perClass.map((entry) => row(entry)).join('\n')}
</tbody>
<tfoot>
${row(mean, ' class="emphasis"')}
</tfoot>
</table>
<p class="note">Intersection over union in per cent. Open-set: pixels above the threshold are “unknown”, and confusions
with “unknown” count as errors. The gap is what recognising the unknown costs, all of it included.</p>`,
  )
}

function barCell(value: number | null, kind: string): string {
  const width = isNumber(value) ? (100 * Math.min(1, Math.max(0, value))).toFixed(1) : '0'
  return `<td class="bar"><span class="${kind}" style="width:${width}%"></span><b>${formatCell(value)}</b></td>`
}

function renderPictures({ classes, pictureNote, pictures = [] }: Report, names: readonly string[]): string {
  const legend = classes === undefined ? '' : renderLegend(classes)
  if (pictures.length === 0) return legend === '' ? '' : section('Colours', legend)
  const figures = pictures.map(({ caption, image }, i) => {
    const text = escapeHtml(caption)
    const [height, width] = image.shape
    const source = `pictures/${encodeURIComponent(names[i])}`
    return `<figure><a href="${source}"><img src="${source}" width="${width}" height="${height}" loading="lazy" alt="${text}"></a><figcaption>${text}</figcaption></figure>`
  })
  const note = pictureNote === undefined ? '' : `<p class="note">${escapeHtml(pictureNote)}</p>\n`
  return section('Pictures', `${note}${legend}\n${figures.join('\n')}`)
}

function renderLegend(classes: readonly string[]): string {
  const colours = classColours(classes)
  const entries: [string, Colour][] = classes.map((name, i) => [name, colours[i]])
  entries.push(['unknown', UNKNOWN_COLOUR], ['ignored', IGNORE_COLOUR])
  const items = entries.map(
    ([name, colour]) =>
      `<li><span style="background:rgb(${colour.join(',')})"></span>${escapeHtml(name)}</li>`,
  )
  return `<ul class="legend">${items.join('')}</ul>`
}

function renderSettings(settings: Readonly<Record<string, string | number>>): string {
  const entries = Object.entries(settings).map(
    ([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(String(value))}</dd>`,
  )
  return section('Settings', `<dl>${entries.join('')}</dl>`)
}

function section(title: string, content: string): string {
  return `<section>\n<h2>${escapeHtml(title)}</h2>\n${content.trim()}\n</section>`
}

/** `003-some-caption.png`: in order, readable, and safe in any file system. */
function pictureName(caption: string, index: number): string {
  const safe = caption
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 60)
  return `${String(index).padStart(3, '0')}${safe === '' ? '' : `-${safe}`}.png`
}

function checkTables(tables: readonly ReportTable[]): void {
  tables.forEach((table, t) => {
    table.rows.forEach(({ values }, r) => {
      if (values.length === table.columns.length) return
      const name = `report.metrics[${t}].rows[${r}].values`
      throw new DenseHybridError(
        'INVALID_ARGUMENT',
        `Expected ${table.columns.length} values for ${name} (one a column) but received ${describe(values)}.`,
      )
    })
  })
}

function isNumber(value: number | null): value is number {
  return value !== null && Number.isFinite(value)
}

function meanOf(values: readonly (number | null)[]): number | null {
  const present = values.filter(isNumber)
  return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length
}
