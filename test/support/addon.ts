import type { Context } from 'mocha'
import { loadNative } from '../../lib/binding/load.ts'

/** Skips the tests of a suite, saying why, where the native addon is not built. Call it in `before`. */
export function needAddon(context: Context): void {
  try {
    loadNative()
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code !== 'NATIVE_MISSING') throw error
    console.log(`      skipped: ${message.split('\n')[0]}`)
    context.skip()
  }
}
