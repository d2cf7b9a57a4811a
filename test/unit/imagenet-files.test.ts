import { expect } from 'chai'
import {
  fetchAddress,
  IMAGENET_BACKBONES,
  IMAGENET_FILES,
  type ImageNetBackbone,
  type ImageNetVersion,
  imagenetFileName,
  publishedAddress,
  statedHash,
} from '../../lib/weights/imagenet-files.ts'

describe('published ImageNet weights', () => {
  it('have the names that torchvision gives them, each with its backbone and 8 hex digits', () => {
    const names = IMAGENET_BACKBONES.flatMap((backbone) =>
      Object.values(IMAGENET_FILES[backbone]).map((file) => {
        expect(file.split('-')[0]).to.equal(backbone)
        expect(statedHash(file), file).to.match(/^[0-9a-f]{8}$/)
        return file
      }),
    )
    expect(new Set(names).size).to.equal(10)
  })

  it('version 1 is the default, every backbone has it', () => {
    for (const backbone of IMAGENET_BACKBONES) {
      expect(imagenetFileName(backbone)).to.equal(IMAGENET_FILES[backbone].IMAGENET1K_V1)
    }
    expect(imagenetFileName('resnet50')).to.equal('resnet50-0676ba61.pth')
    expect(imagenetFileName('resnet50', 'IMAGENET1K_V2')).to.equal('resnet50-11ad3fa6.pth')
  })

  it('refuses backbones and versions that are not published', () => {
    expect(() => imagenetFileName('resnet-50' as ImageNetBackbone))
      .to.throw(/one of resnet18, .* for backbone but received "resnet-50"/)
      .with.property('hint', 'Did you mean resnet50?')
    expect(() => imagenetFileName('constructor' as ImageNetBackbone)).to.throw(/for backbone/)
    expect(() => imagenetFileName('resnet18', 'IMAGENET1K_V2')).to.throw(
      'Expected one of IMAGENET1K_V1 for version of resnet18 but received "IMAGENET1K_V2"',
    )
    expect(() => imagenetFileName('resnet50', 'toString' as ImageNetVersion)).to.throw(/for version/)
  })

  it('only names of torchvision’s form state a hash', () => {
    expect(statedHash('resnet18-f37072fd.pth')).to.equal('f37072fd')
    for (const name of [
      'resnet18.pth',
      'resnet18-f37072f.pth',
      'resnet18-F37072FD.pth',
      'a-f37072fd.pth.part',
    ]) {
      expect(statedHash(name), name).to.equal(undefined)
    }
  })

  it('are fetched from torchvision’s host, or from a mirror', () => {
    const file = 'resnet18-f37072fd.pth'
    const address = (DENSEHYBRID_WEIGHTS_URL: string) => fetchAddress(file, { DENSEHYBRID_WEIGHTS_URL }).href
    expect(publishedAddress(file).href).to.equal(`https://download.pytorch.org/models/${file}`)
    expect(fetchAddress(file, {}).href).to.equal(publishedAddress(file).href)
    expect(address('')).to.equal(publishedAddress(file).href)
    expect(address('http://mirror')).to.equal(`http://mirror/${file}`)
    expect(address('http://mirror/a/b')).to.equal(`http://mirror/a/b/${file}`)
    expect(address('http://mirror/a/b//')).to.equal(`http://mirror/a/b/${file}`)
    expect(address('https://mirror/a?key=1')).to.equal(`https://mirror/a/${file}?key=1`)
  })

  it('refuses a mirror that is no web address, and does not repeat a password', () => {
    const fetching = (DENSEHYBRID_WEIGHTS_URL: string) => () =>
      fetchAddress('resnet18-f37072fd.pth', { DENSEHYBRID_WEIGHTS_URL })
    for (const wrong of ['mirror', '/data/weights', 'file:///data/weights', 'ftp://mirror']) {
      expect(fetching(wrong), wrong)
        .to.throw(`is no http(s) address: ${wrong}`)
        .with.include({ code: 'INVALID_CONFIG' })
    }
    expect(fetching('https://token@mirror/a')).to.throw('must not have a user name in it')
    expect(fetching('https://me:secret@mirror/a'))
      .to.throw('DENSEHYBRID_WEIGHTS_URL must not have a user name in it')
      .with.property('message')
      .that.does.not.include('secret')
  })
})
