import { readFileSync, writeFileSync } from 'node:fs'

/** Forgets the peak so far, where the system allows it: what follows then has a peak of its own. */
export function resetPeakMemory(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // The peak stays that of the whole process.
  }
}

/**
 * The largest resident memory of this process in bytes since {@link resetPeakMemory}. getrusage does not do: it counts
 * the memory of whoever started this process, too.
 */
export function peakMemory(): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    if (kilobytes !== undefined) return Number(kilobytes) * 1024
  } catch {
    // No /proc.
  }
  return process.resourceUsage().maxRSS * 1024
}
