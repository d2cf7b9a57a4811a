import type { SchemeDescription } from '../data/describe-schemes.ts'

/** One line a data set. */
export function formatDatasets(found: readonly SchemeDescription[]): string {
  const rows = found.map(({ scheme, title, roles, splits }) => [
    scheme,
    title,
    roles.join(', '),
    Object.keys(splits).join(' '),
  ])
  return leftAligned(['scheme', 'data set', 'for', 'splits'], rows)
}

/** Everything about one data set. */
export function formatDataset(one: SchemeDescription): string {
  const { scheme, title, roles, homepage, licence, layout, splits, defaultSplit, views, keys, example } = one
  const facts = [
    ['for', roles.join(', ')],
    ...(homepage === undefined ? [] : [['page', homepage]]),
    ...(licence === undefined ? [] : [['licence', licence]]),
    ['folder', layout],
  ]
  const splitRows = Object.entries(splits).map(([name, { images, about }]) => [
    `split=${name}`,
    [images === undefined ? '' : `${images} images`, about ?? '', name === defaultSplit ? '(default)' : '']
      .filter((part) => part !== '')
      .join('; '),
  ])
  const [defaultView] = Object.keys(views)
  const viewRows = Object.entries(views).map(([name, about]) => [
    `view=${name}`,
    `${about}${name === defaultView ? ' (default)' : ''}`,
  ])
  const keyRows = Object.entries(keys).map(([name, about]) => [`${name}=…`, about])
  return [
    `${scheme}: ${title}`,
    '',
    columns([...facts, ...splitRows, ...viewRows, ...keyRows]),
    '',
    `  e.g. densehybrid data check "${example}"`,
  ].join('\n')
}

function columns(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n')
}

function leftAligned(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)))
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => ` ${line}`)
    .join('\n')
}
