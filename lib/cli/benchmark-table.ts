import type { Times } from '../benchmark/measure.ts'
import type { BenchmarkResult, MemoryFloor } from '../benchmark/run.ts'
import { SCORE_NAMES } from '../scores.ts'
import { formatTable } from './ui.ts'

/** A line per benchmark, and below what all of them were measured on. */
export function formatBenchmarks(results: readonly BenchmarkResult[]): string {
  const times = ({ medianMs, minMs }: Times) => [milliseconds(medianMs), milliseconds(minMs)]
  const rows = results.flatMap((result) => {
    const { name, parameters, precision, peakMemoryBytes, memory, labelsAlone } = result
    const title = `${name} ${formatParameters(parameters)}`
    const lines = [[title, precision, ...times(result), (peakMemoryBytes / 2 ** 20).toFixed(0)]]
    if (memory !== undefined) lines.push(memoryLine(memory))
    if (labelsAlone !== undefined) lines.push(['  labels alone', precision, ...times(labelsAlone), ''])
    return lines
  })
  const { machine, threads, device, commit, iterations } = results[results.length - 1]
  return [
    formatTable(['benchmark', 'precision', 'median ms', 'min ms', 'peak MiB'], rows),
    '',
    `${machine.cpu}, ${machine.cores} cores, ${threads} thread(s)${device === 'cpu' ? '' : `, ${machine.gpu}`}, ${machine.os}`,
    `densehybrid ${commit}, libtorch ${machine.libtorch}, Node ${machine.node}; ${iterations} rounds`,
  ].join('\n')
}

/** The least time that the memory allows, and its share of the median. */
function memoryLine({
  trafficBytes,
  achievedBandwidth,
  copyBandwidth,
  floorMs,
  shareOfFloor,
}: MemoryFloor): string[] {
  const giga = (bytes: number) => (bytes / 1e9).toPrecision(3)
  const share = `${(100 * shareOfFloor).toFixed(0)} %`
  const title = `  memory: ${(trafficBytes / 1e6).toFixed(1)} MB at ${giga(achievedBandwidth)} GB/s, a copy reaches ${giga(copyBandwidth)}`
  return [title, '', milliseconds(floorMs), share, '']
}

/** K 19, 256x512 → 1024x2048, all scores */
function formatParameters(parameters: Record<string, unknown>): string {
  const { architecture, classes, batch, feature, size, scores } = parameters
  const parts = [
    ...(classes === undefined ? [] : [`K ${classes}`]),
    feature === undefined ? size : `${feature} → ${size}`,
  ]
  if (architecture !== undefined) parts.unshift(architecture)
  if (batch !== 1) parts.push(`batch ${batch}`)
  if (Array.isArray(scores)) {
    const { length } = scores
    parts.push(length === SCORE_NAMES.length ? 'all scores' : length === 0 ? 'no scores' : scores.join(','))
  }
  return parts.join(', ')
}

/** Three significant digits or more. */
export function milliseconds(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
}
