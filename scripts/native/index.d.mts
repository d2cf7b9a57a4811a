export interface Libtorch {
  dir: string
  version: string
  cuda: boolean
}
export interface Tool {
  name: string
  path?: string
  version?: string
  /** Absent when the tool can be used. */
  problem?: string
  hint?: string
}
export interface Log {
  info(text: string): void
  plain(text: string): void
  progress(text: string): void
  close(): void
}
type Env = NodeJS.ProcessEnv

export class InstallError extends Error {
  readonly hint?: string
  readonly exitCode: number
  readonly details?: string
  constructor(
    message: string,
    hint?: string,
    options?: { cause?: unknown; exitCode?: number; details?: string },
  )
}
export function fileSystemError(path: string, error: unknown): Error
export function buildFailure(
  step: 'configure' | 'compile',
  lines: readonly string[],
  logFile: string,
): InstallError

export const FETCHED_VERSION: string
export function parseVersion(
  text: string | undefined,
): { major: number; minor: number; patch: number; local?: string } | undefined
export function compareVersions(a: string, b: string): number
export function isSupported(version: string | undefined): boolean
export function readVersion(dir: string): string | undefined
export function inspectLibtorch(dir: string, name?: string): Libtorch
export function locateLibtorch(options: {
  explicit?: string
  cuda?: boolean
  root: string
  env?: Env
  signal?: AbortSignal
}): Promise<{ found?: Libtorch & { source: string }; notes: string[] }>

export function cacheRoot(env?: Env): string
export function listCached(root: string): Promise<(Libtorch & { entry: string })[]>
export function entryProblem(entry: string): Promise<string | undefined>
export function discardBroken(root: string): Promise<string[]>
export function publish(root: string, work: string, facts: Record<string, unknown>): Promise<string>
export function withLock<T>(
  root: string,
  work: () => Promise<T>,
  options?: { signal?: AbortSignal; onWait?: (holder: string) => void; poll?: number },
): Promise<T>

export function fetchLibtorch(options: {
  root: string
  cuda?: boolean
  cudaMajor?: number
  env?: Env
  log: Log
  signal?: AbortSignal
  spaceNeeded?: number
}): Promise<Libtorch>
export function verify(
  file: string,
  expectations?: Record<string, string>,
): Promise<{ sha256: string; known: boolean }>
export function archiveUrl(
  version: string,
  options?: { cudaMajor?: number; arch?: string },
): string | undefined
export function downloadArchive(
  url: string,
  folder: string,
  options: { log: Log; signal?: AbortSignal; connectTimeout?: number; stallTimeout?: number },
): Promise<string>
export function pipAttempts(
  version: string,
  options?: { cuda?: boolean; arch?: string; officialIndex?: boolean },
): string[][]
export function pipDownload(
  folder: string,
  options: { cuda?: boolean; env?: Env; officialIndex?: boolean; log: Log; signal?: AbortSignal },
): Promise<string[]>

export function createLog(
  stream?: { write(text: string): void; isTTY?: boolean; columns?: number },
  options?: { interval?: number },
): Log
export function parseArguments(args: readonly string[]): {
  cuda: boolean
  debug: boolean
  verbose: boolean
  help: boolean
  libtorch?: string
}
export function findCMakeJs(root: string): string
export function jobCount(env?: Env, cores?: number, free?: number): number

export function findPython(
  env?: Env,
  signal?: AbortSignal,
): Promise<{ command: string; version: string } | undefined>
export function pipVersion(
  python: { command: string },
  env?: Env,
  signal?: AbortSignal,
): Promise<string | undefined>
export function checkCompiler(env?: Env, signal?: AbortSignal): Promise<Tool>
export function checkCMake(env?: Env, signal?: AbortSignal): Promise<Tool>
export function checkMake(env?: Env): Promise<Tool>
export function checkNvcc(env?: Env, signal?: AbortSignal): Promise<Tool>
export function requirePlatform(host?: { platform?: string; arch?: string; glibc?: string }): void
export function requireToolchain(options?: {
  env?: Env
  cuda?: boolean
  signal?: AbortSignal
}): Promise<{ compiler: Tool; cmake: Tool; make: Tool; nvcc?: Tool }>
export function which(name: string, env?: Env): string | undefined
