/**
 * Where the build says what it does: plain lines, and one line of progress that is rewritten on a terminal and repeated
 * every few seconds elsewhere.
 *
 * @param {{ write(text: string): void, isTTY?: boolean, columns?: number }} [stream]
 * @param {{ interval?: number }} [options] `interval`: milliseconds between progress lines off a terminal
 */
export function createLog(stream = process.stderr, { interval = 5000 } = {}) {
  let open = false
  let last = Date.now()
  const close = () => {
    if (open) stream.write('\r\x1b[K')
    open = false
  }
  return {
    info(text) {
      close()
      stream.write(`densehybrid: ${text}\n`)
    },
    plain(text) {
      close()
      stream.write(`${text}\n`)
    },
    progress(text) {
      if (stream.isTTY) {
        const line = `densehybrid: ${text}`.slice(0, (stream.columns || 80) - 1)
        stream.write(`\r\x1b[K${line}`)
        open = true
      } else if (Date.now() - last >= interval) {
        last = Date.now()
        stream.write(`densehybrid: ${text}\n`)
      }
    },
    close,
  }
}

/** `191794682` → `192 MB` */
export function megabytes(bytes) {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`
}
