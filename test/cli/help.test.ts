import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Command } from '../../lib/cli/command.ts'
import { commandHelp } from '../../lib/cli/help.ts'
import { runCli } from './run-cli.ts'

const FOLDER = join(import.meta.dirname, '../../lib/cli/commands')
const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.ts'))
const commands = await Promise.all(
  files.map(async (file) => (await import(join(FOLDER, file))).command as Command),
)

describe('help', () => {
  it('lists every command', async () => {
    const { code, stdout } = await runCli(['--help'])
    expect(code).to.equal(0)
    for (const { name } of commands) expect(stdout).to.match(new RegExp(`^  ${name} +\\S`, 'm'))
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).to.be.at.most(80)
  })

  it('is shown without a command, and ends with 0', async () => {
    expect((await runCli([])).stdout).to.equal((await runCli(['-h'])).stdout)
  })

  for (const command of commands) {
    it(`of ${command.name} fits a screen`, () => {
      const lines = commandHelp(command).split('\n')
      expect(lines.length).to.be.at.most(34)
      for (const line of lines) expect(line.length, line).to.be.at.most(80)
    })

    it(`of ${command.name} shows examples before flags, and every flag`, () => {
      const help = commandHelp(command)
      expect(command.examples).to.have.length.above(0)
      expect(help.indexOf(`densehybrid ${command.name}`)).to.be.below(help.indexOf('Usage:'))
      const described = command.help.flatMap(([names]) => names.split(','))
      expect(described).to.have.members(Object.keys(command.flags))
    })

    it(`of ${command.name} leaves no placeholder`, () => {
      expect(commandHelp(command)).not.to.match(/\{\w+\}|undefined|NaN/)
    })
  }

  it('is what --help after a command prints on stdout', async () => {
    const { code, stdout, stderr } = await runCli(['score', '--help'])
    expect(code).to.equal(0)
    expect(stderr).to.equal('')
    expect(stdout).to.include('densehybrid score photos/')
  })

  it('says which defaults are those of the paper', async () => {
    const finetune = commands.find(({ name }) => name === 'finetune') as Command
    expect(commandHelp(finetune)).to.match(
      /--beta-x X --beta-d X +weights of L_x \(0\.03\), L_d \(10 × --beta-x\); paper/,
    )
  })
})
