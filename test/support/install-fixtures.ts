import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'

/** A folder for one test, and its removal. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'densehybrid-install-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** The files that make a folder look like a libtorch, by path. */
export function libtorchFiles(version: string, options: { cuda?: boolean } = {}): Record<string, string> {
  const [major, minor, patch] = version.split('.')
  const header = `#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH ${patch}\n`
  return {
    'include/ATen/core/Tensor.h': '#pragma once\n',
    'include/torch/headeronly/version.h': header,
    'lib/libc10.so': 'c10',
    'lib/libtorch_cpu.so': 'torch_cpu',
    ...(options.cuda ? { 'lib/libtorch_cuda.so': 'torch_cuda', 'lib/libcudart.so.13': 'cudart' } : {}),
  }
}

/** Writes files below `root`; returns `root`. */
export function writeFiles(root: string, files: Record<string, string | Uint8Array>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

/** A folder that looks like a libtorch. */
export function fakeLibtorch(root: string, version = '2.13.0', options: { cuda?: boolean } = {}): string {
  return writeFiles(root, libtorchFiles(version, options))
}

/** Writes shell scripts that stand for programs; returns a PATH of just them. */
export function fakePrograms(root: string, programs: Record<string, string>): string {
  mkdirSync(root, { recursive: true })
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(root, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  return root
}

/** A Python without torch (or with it at `torch`), answering only what is asked of it here. */
export function fakePython(options: { torch?: string; pip?: string; otherwise?: string } = {}): string {
  return `case "$*" in
    *version_info*) echo 3.11.7 ;;
    *find_spec*) echo ${options.torch === undefined ? 'none' : `torch:${options.torch}`} ;;
    "-m pip --version") ${options.pip === undefined ? 'echo "No module named pip" >&2; exit 1' : 'echo "pip 24.0 from x"'} ;;
    "-m pip download"*) ${options.pip ?? 'exit 1'} ;;
    *) ${options.otherwise ?? 'exit 1'} ;;
  esac`
}

/** A zip of stored (uncompressed) files. */
export function zip(files: Record<string, string>): Buffer {
  const local: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const [path, text] of Object.entries(files)) {
    const name = Buffer.from(path)
    const data = Buffer.from(text)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(name.length, 22)
    const entry = Buffer.concat([Buffer.from('PK\x03\x04'), common, name, data])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, tail, name]))
    local.push(entry)
    offset += entry.length
  }
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(central.length, 8)
  end.writeUInt16LE(central.length, 10)
  end.writeUInt32LE(Buffer.concat(central).length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...local, ...central, end])
}

/** The same files one folder down. */
export function below(folder: string, files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]))
}

/** A log that keeps its lines. */
export function recordingLog() {
  const lines: string[] = []
  const add = (text: string) => void lines.push(text)
  return { lines, info: add, plain: add, progress: () => {}, close: () => {} }
}

/** What a promise rejects with; fails the test when it does not. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & { hint?: string; exitCode?: number }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a rejection')
}
