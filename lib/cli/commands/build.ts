import { defineCommand } from '../command.ts'
import { text, toggle } from '../flags.ts'

/** The command `build`. */
export const command = defineCommand({
  name: 'build',
  summary: 'Builds the native addon; finds libtorch, or fetches it.',
  usage: '[options]',
  examples: ['build', 'build --libtorch /opt/libtorch', 'build --cuda'],
  flags: {
    cuda: toggle(),
    libtorch: text('DIR'),
    debug: toggle(),
    verbose: toggle(),
  },
  help: [
    ['cuda', 'for NVIDIA GPUs (default: when nvcc is there)'],
    ['libtorch', 'with include/ and lib/ (default: found, else fetched)'],
    ['debug', 'with assertions and debug information'],
    ['verbose', 'show all output of CMake and the compiler'],
  ],
  async run(options, _inputs, { ui, signal }) {
    const { buildNative } = await import('../../binding/build.ts')
    const { cuda, libtorch, debug, verbose } = options
    await buildNative({
      ...(cuda && { cuda }),
      ...(libtorch && { libtorch }),
      ...(debug && { debug }),
      ...(verbose && { verbose }),
      signal,
    })
    ui.note('Next: densehybrid doctor')
    return undefined
  },
})
