import type { Context } from 'mocha'
import { loadNative } from '../../lib/binding/load.ts'

/**
 * Skips the tests of a suite, saying why, where the native addon is not built. Call it in `before`. In CI the addon must
 * be there and load: a skip would hide that it does not.
 */
export function needAddon(context: Context): void {
  try {
    loadNative()
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code !== 'NATIVE_MISSING' || process.env.CI) throw error
    console.log(`      skipped: ${message.split('\n')[0]}`)
    context.skip()
  }
}
