import { InstallError } from './errors.mjs'

export const USAGE = `Builds the native addon; fetches libtorch where none is found.

  npx densehybrid build [options]        or: node scripts/install.mjs [options]

  --cuda           build for NVIDIA GPUs (needs nvcc and a CUDA libtorch)
  --libtorch DIR   use this libtorch (the folder with include/ and lib/)
  --debug          build with assertions and debug information
  --verbose        show all output of CMake and the compiler

  LIBTORCH                  a libtorch to use, as --libtorch
  DENSEHYBRID_CACHE         folder for a fetched libtorch (default ~/.cache/densehybrid)
  DENSEHYBRID_SKIP_BUILD=1  do nothing        DENSEHYBRID_SKIP_DOWNLOAD=1  never fetch
  DENSEHYBRID_LIBTORCH_URL  another libtorch archive (zip) to fetch
  DENSEHYBRID_PYTHON        the Python to use    DENSEHYBRID_JOBS  compilers at once
  CXX                       the C++ compiler`

const FLAGS = { '--cuda': 'cuda', '--debug': 'debug', '--verbose': 'verbose', '--help': 'help', '-h': 'help' }

/**
 * @param {readonly string[]} args after the script's name
 * @returns {{ cuda: boolean, debug: boolean, verbose: boolean, help: boolean, libtorch?: string }}
 * @throws InstallError with exit code 2
 */
export function parseArguments(args) {
  const options = { cuda: false, debug: false, verbose: false, help: false }
  for (let i = 0; i < args.length; i++) {
    const [name, inline] = args[i].startsWith('--libtorch=') ? ['--libtorch', args[i].slice(11)] : [args[i]]
    if (name === '--libtorch') {
      options.libtorch = inline ?? args[++i]
      if (!options.libtorch || options.libtorch.startsWith('--')) {
        throw new InstallError('--libtorch needs a folder.', undefined, { exitCode: 2 })
      }
    } else if (Object.hasOwn(FLAGS, name)) {
      options[FLAGS[name]] = true
    } else {
      throw new InstallError(
        `Unknown option ${name}.`,
        'Options: --cuda, --libtorch DIR, --debug, --verbose, --help.',
        { exitCode: 2 },
      )
    }
  }
  return options
}
