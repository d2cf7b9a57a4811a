import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { explainLoadFailure, findAddon, loadAddon, notBuilt, packageRoot } from '../../lib/binding/load.ts'
import { callNative, fromNative, isErrorCode } from '../../lib/binding/native-errors.ts'
import { DenseHybridError } from '../../lib/errors.ts'
import { temporaryFolder, writeFiles } from '../support/install-fixtures.ts'

describe('loading the addon', () => {
  let folder: ReturnType<typeof temporaryFolder>
  const at = (...parts: string[]) => join(folder.path, ...parts)
  beforeEach(() => (folder = temporaryFolder()))
  afterEach(() => folder.remove())

  const thrown = (call: () => unknown): DenseHybridError => {
    try {
      call()
    } catch (error) {
      expect(error).to.be.instanceOf(DenseHybridError)
      return error as DenseHybridError
    }
    throw new Error('expected an error')
  }

  it('looks in the folder of this package', () => {
    expect(join(packageRoot, 'test/unit/load.test.ts')).to.equal(import.meta.filename)
  })

  it('says "native addon not built" and names the one command that builds it', () => {
    const error = thrown(() => loadAddon(folder.path))
    expect(error.code).to.equal('NATIVE_MISSING')
    expect(error.message).to.match(/^native addon not built/)
    expect(error.hint).to.include('npx densehybrid build')
    expect(error).to.deep.include({ message: notBuilt(folder.path).message })
  })

  it('takes the addon that was built last', () => {
    const [release, debug] = ['Release', 'Debug'].map((type) => at('build', type, 'densehybrid.node'))
    writeFiles(at('build'), { 'Release/densehybrid.node': '', 'Debug/densehybrid.node': '' })
    utimesSync(release, 1000, 1000)
    utimesSync(debug, 2000, 2000)
    expect(findAddon(folder.path)).to.equal(debug)
    utimesSync(release, 3000, 3000)
    expect(findAddon(folder.path)).to.equal(release)
  })

  it('explains a file that is no addon, and keeps what the system said', () => {
    writeFiles(at('build/Release'), {
      'densehybrid.node': 'not an ELF file, but long enough to be read as a header '.repeat(9),
    })
    const error = thrown(() => loadAddon(folder.path))
    expect(error.code).to.equal('NATIVE_MISSING')
    expect(error.message).to.match(/^native addon cannot be loaded: .*invalid ELF header/)
    expect(error.hint).to.match(/damaged or made for another kind of machine.*npx densehybrid build/)
    expect(error.cause).to.have.property('code', 'ERR_DLOPEN_FAILED')
  })

  describe('likely causes', () => {
    const hint = (reason: string, libtorch?: string) => {
      if (libtorch !== undefined) {
        const info = { libtorch: { dir: libtorch, version: '2.13.0', cuda: false, source: 'cache' } }
        writeFiles(at('build'), { 'densehybrid.json': JSON.stringify(info) })
      }
      return explainLoadFailure(at('build/densehybrid.node'), reason).hint
    }
    const missing = (name: string) => `${name}: cannot open shared object file: No such file or directory`

    it('libtorch was removed', () => {
      expect(hint(missing('libtorch_cpu.so'), '/gone/torch')).to.match(
        /libtorch it was built with is gone: \/gone\/torch/,
      )
    })
    it('a library of libtorch is missing', () => {
      writeFiles(at('torch'), { 'lib/libc10.so': '' })
      expect(hint(missing('libtorch_cpu.so'), at('torch'))).to.include(
        `libtorch_cpu.so was not found; it should come from ${at('torch')}`,
      )
    })
    it('a library of CUDA is missing', () => {
      expect(hint(missing('libcudart.so.13'))).to.match(/libcudart\.so\.13 is a library of CUDA/)
    })
    it('libtorch was replaced', () => {
      expect(hint('densehybrid.node: undefined symbol: _ZN2at4fooE', '/x')).to.match(
        /replaced by another version.*it was 2\.13\.0/,
      )
    })
    it('the system is older than the one it was built on', () => {
      expect(hint("libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by x)")).to.match(
        /newer C and C\+\+ libraries/,
      )
    })
    it('anything else leads to doctor', () => {
      expect(hint('Module did not self-register')).to.include('npx densehybrid doctor')
    })
  })
})

describe('errors of the addon', () => {
  it('keep code, message and hint, with the original as cause', () => {
    const native = Object.assign(new Error('The loss is NaN.'), {
      code: 'NON_FINITE',
      hint: 'Lower the learning rate.',
    })
    const error = fromNative(native)
    expect(error).to.be.instanceOf(DenseHybridError)
    expect(error).to.include({
      code: 'NON_FINITE',
      message: 'The loss is NaN.',
      hint: 'Lower the learning rate.',
    })
    expect(error.cause).to.equal(native)
  })

  it('without a code that we know are bugs of ours', () => {
    for (const thrown of [new TypeError('x'), Object.assign(new Error('x'), { code: 'ENOENT' }), 'x']) {
      const error = fromNative(thrown)
      expect(error).to.include({ code: 'INTERNAL', message: 'x' })
      expect(error.hint).to.equal(undefined)
    }
    expect(fromNative(null).code).to.equal('INTERNAL')
    expect(isErrorCode('toString')).to.equal(false)
  })

  it('are mapped once', () => {
    const error = new DenseHybridError('BUSY', 'x')
    expect(fromNative(error)).to.equal(error)
  })

  it('thrown by a synchronous call are mapped too', () => {
    expect(callNative(() => 7)).to.equal(7)
    expect(() =>
      callNative(() => {
        throw Object.assign(new Error('gone'), { code: 'DISPOSED' })
      }),
    )
      .to.throw(DenseHybridError)
      .with.property('code', 'DISPOSED')
  })
})
