import { expect } from 'chai'
import { architectures } from '../../lib/runtime.ts'
import { needAddon } from '../support/addon.ts'
import { runCli } from './run-cli.ts'

describe('models', () => {
  before(function () {
    needAddon(this)
  })

  it('lists every architecture with its costs', async () => {
    const { code, stdout } = await runCli(['models', '--size', '128x256', '--crop', '64', '--batch', '2'])
    expect(code).to.equal(0)
    for (const { name } of architectures()) expect(stdout).to.match(new RegExp(`^ ${name} +\\d+\\.\\d `, 'm'))
    expect(stdout).to.include('one image of 128×256').and.to.include('2×64×64')
    expect(stdout).to.match(/deeplabv3plus-wrn38 +137\.1 .*\*/)
    expect(stdout).to.include('deeplabv3plus-resnet50: --option outputStride=16')
  })

  it('gives one of them as JSON, with its options', async () => {
    const flags = ['--option', 'outputStride=8', '--json', '--classes', '5']
    const { code, stdout } = await runCli(['models', 'deeplabv3plus-resnet18', ...flags])
    expect(code).to.equal(0)
    const [profile] = JSON.parse(stdout)
    expect(profile).to.include({ architecture: 'deeplabv3plus-resnet18', stride: 4, backbone: 'resnet18' })
    expect(profile.trainingBytes).to.be.above(profile.inferenceBytes)
    const [coarse] = JSON.parse(
      (await runCli(['models', 'deeplabv3plus-resnet18', '--json', '--classes', '5'])).stdout,
    )
    expect(profile.flops).to.be.above(coarse.flops)
    expect(profile.parameters).to.equal(coarse.parameters)
  })

  it('names what is wrong', async () => {
    const runs = [
      { args: ['models', 'ladder-densenet12'], says: 'Did you mean ladder-densenet121' },
      { args: ['models', 'ladder-resnet18', '--option', 'outputStride=8'], says: 'option outputStride' },
      { args: ['models', 'deeplabv3plus-resnet18', '--option', 'outputStride=12'], says: '12' },
      { args: ['models', '--batch', '1'], says: '--batch' },
    ]
    for (const { args, says } of runs) {
      const { code, stderr } = await runCli(args)
      expect(stderr).to.include(says)
      expect(code, args.join(' ')).to.be.oneOf([1, 2])
    }
  })
})
