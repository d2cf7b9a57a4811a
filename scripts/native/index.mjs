// What lib/binding and the tests use of the build scripts; typed in index.d.mts.

export { archiveUrl, downloadArchive } from './archive.mjs'
export { parseArguments } from './arguments.mjs'
export { findCMakeJs, jobCount } from './build.mjs'
export { buildFailure } from './build-failure.mjs'
export { cacheRoot, discardBroken, entryProblem, listCached, publish } from './cache.mjs'
export { fileSystemError, InstallError } from './errors.mjs'
export { fetchLibtorch, verify } from './fetch.mjs'
export {
  compareVersions,
  FETCHED_VERSION,
  inspectLibtorch,
  isSupported,
  parseVersion,
  readVersion,
} from './libtorch.mjs'
export { locateLibtorch } from './locate.mjs'
export { withLock } from './lock.mjs'
export { createLog } from './log.mjs'
export { pipAttempts, pipDownload } from './pip.mjs'
export { findPython, pipVersion } from './python.mjs'
export { which } from './run.mjs'
export {
  checkCMake,
  checkCompiler,
  checkMake,
  checkNvcc,
  requirePlatform,
  requireToolchain,
} from './toolchain.mjs'
