import type { OpenSetClass } from '../../evaluation/open-set.ts'
import { checkOptionNames, invalid } from '../../validate.ts'
import { SETTING_COLOURS } from './detectors.ts'
import {
  type Chart,
  checkFilled,
  checkRate,
  distinctNames,
  FAINT_COLOUR,
  frame,
  PLOT_WIDTH,
  percentText,
  plainName,
  RATE_AXIS,
  RATE_SCALE,
  sentences,
} from './theme.ts'

/** Options of {@link classGapChart}. */
export interface ClassGapOptions {
  /** Named in the subtitle, as the means of the report have them; left out where absent or NaN. */
  readonly closedMIoU?: number
  readonly openMIoU?: number
  readonly title?: string
}

const CLOSED = 'closed-set IoU'
const OPEN = 'open-set IoU'

/**
 * Closed-set and open-set IoU of every known class, joined by a line and sorted by the gap between them, the largest
 * first. A class without IoU (NaN, it occurs neither in truth nor in prediction) is named below the title.
 *
 * @param perClass as `perClass` of `OpenSetMetrics#result()`
 * @throws INVALID_ARGUMENT naming the part that is wrong; EMPTY where no class has an IoU
 */
export function classGapChart(
  perClass: readonly Pick<OpenSetClass, 'name' | 'closed' | 'open'>[],
  options: ClassGapOptions = {},
): Chart {
  checkOptionNames('classGapChart', options, ['closedMIoU', 'openMIoU', 'title'])
  checkFilled('perClass', perClass, 'class')
  for (const [i, entry] of perClass.entries()) {
    if (typeof entry !== 'object' || entry === null)
      throw invalid(`perClass[${i}]`, '{ name, closed, open }', entry)
  }
  const names = distinctNames(perClass.map(({ name }, i) => plainName(name, `perClass[${i}].name`)))
  const classes = perClass.map(({ closed, open }, i) => ({
    name: names[i],
    closed: checkRate(`perClass[${i}].closed`, closed),
    open: checkRate(`perClass[${i}].open`, open),
  }))
  const isDefined = ({ closed, open }: (typeof classes)[number]) =>
    !Number.isNaN(closed) && !Number.isNaN(open)
  const present = classes
    .filter(isDefined)
    .map((entry) => ({ ...entry, gap: gapText(entry.closed - entry.open) }))
    .sort((a, b) => b.closed - b.open - (a.closed - a.open))
  const absent = classes.filter((entry) => !isDefined(entry))
  if (present.length === 0) checkFilled('perClass', [], 'class with an IoU')
  const { closedMIoU = NaN, openMIoU = NaN } = options
  const hasMeans = Number.isFinite(closedMIoU) && Number.isFinite(openMIoU)
  const y = {
    field: 'name',
    type: 'nominal',
    title: null,
    sort: present.map(({ name }) => name),
    axis: { grid: false, labelFontSize: 12, labelLimit: 0, labelColor: '#1d2330' },
  } as const
  const legend = { title: null, orient: 'top', direction: 'horizontal', offset: 6 } as const
  return {
    ...frame(
      options.title ?? 'Closed-set and open-set IoU by class',
      sentences(
        hasMeans
          ? `Closed mIoU ${percentText(closedMIoU)} %, open-mIoU ${percentText(openMIoU)} %, gap ${percentText(closedMIoU - openMIoU)} points.`
          : undefined,
        'Right: open minus closed, in points.',
        absent.length === 0 ? undefined : `Without IoU: ${absent.map(({ name }) => name).join(', ')}.`,
      ),
    ),
    width: PLOT_WIDTH,
    height: { step: 24 },
    layer: [
      {
        data: { values: present },
        mark: { type: 'rule', strokeWidth: 3, color: FAINT_COLOUR },
        encoding: {
          x: { field: 'open', type: 'quantitative', title: 'IoU', scale: RATE_SCALE, axis: RATE_AXIS },
          x2: { field: 'closed' },
          y,
        },
      },
      {
        data: {
          values: present.flatMap(({ name, closed, open }) => [
            { name, kind: CLOSED, iou: closed },
            { name, kind: OPEN, iou: open },
          ]),
        },
        mark: { type: 'point', filled: true, size: 90, opacity: 1 },
        encoding: {
          x: { field: 'iou', type: 'quantitative' },
          y,
          shape: {
            field: 'kind',
            type: 'nominal',
            scale: { domain: [CLOSED, OPEN], range: ['diamond', 'circle'] },
            legend,
          },
          color: {
            field: 'kind',
            type: 'nominal',
            scale: { domain: [CLOSED, OPEN], range: [SETTING_COLOURS.closed, SETTING_COLOURS.open] },
            legend,
          },
        },
      },
      {
        data: { values: present },
        mark: { type: 'text', align: 'right', baseline: 'middle', dx: 50 },
        encoding: { x: { value: 'width' }, y, text: { field: 'gap', type: 'nominal' } },
      },
    ],
  }
}

/** The change from closed to open in points, with its sign. */
function gapText(gap: number): string {
  const text = percentText(Math.abs(gap))
  if (text === '0.0') return text
  return gap > 0 ? `−${text}` : `+${text}`
}
