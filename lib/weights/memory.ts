import { freemem } from 'node:os'
import { DenseHybridError } from '../errors.ts'

/**
 * Refuses a file that does not fit into the memory that is free, before it is read.
 *
 * @param bytes of the file
 * @param available bytes; default: what the system, or the container's limit, leaves
 * @throws DenseHybridError IO with both sizes
 */
export function checkMemory(path: string, bytes: number, available = availableMemory()): void {
  if (bytes <= available) return
  throw new DenseHybridError(
    'IO',
    `${path} takes ${gibibytes(bytes)} and ${gibibytes(available)} of memory are free.`,
    { hint: 'Free memory, or use a machine with more of it.' },
  )
}

/**
 * What the system has left, and what the limit of a container leaves. A container's own account is not asked: it counts
 * files that the system keeps in memory and would give up.
 */
function availableMemory(): number {
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY
  return Math.max(0, Math.min(freemem(), limit - process.memoryUsage.rss()))
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 3 : 1)} GiB`
}
