/** RUN, CMD and ENTRYPOINT: a command line in shell or exec form. */

import { Flags } from './flags.ts'
import type { CommandLine, InstructionBody } from './instruction.ts'
import { readJsonList } from './json-list.ts'
import { parseMount } from './mount.ts'
import { Problem } from './problem.ts'
import { noFlags, tooFew } from './read-values.ts'
import type { Statement } from './statement.ts'
import type { Word } from './words.ts'

export function readCommand(kind: 'cmd' | 'entrypoint'): (statement: Statement) => InstructionBody {
  return (statement) => {
    noFlags(statement)
    return { kind, command: commandLine(statement) }
  }
}

export function readRun(statement: Statement): InstructionBody {
  const flags = new Flags(statement, { mount: 'texts', network: 'text', security: 'text' })
  const { args } = statement
  if (args.text === '') throw tooFew('RUN', 'RUN COMMAND')
  refuseInsecure(flags.text('security'))
  const mounts = flags.texts('mount')
  // What has no variable can be checked before anything is built.
  for (const mount of mounts) if (!mount.text.includes('$')) parseMount(mount, (text) => text)
  return {
    kind: 'run',
    command: commandLine(statement),
    mounts,
    network: networkOf(flags.text('network')),
  }
}

/** A lone text that is not JSON is for the shell, as Docker reads it. */
function commandLine({ args, heredocs }: Statement): CommandLine {
  const list = readJsonList(args)
  if (list !== undefined) return { form: 'exec', args: list }
  return { form: 'shell', text: args.text, heredocs }
}

function networkOf(word: Word | undefined): 'default' | 'none' | 'host' {
  const name = word?.text ?? 'default'
  if (name === 'default' || name === 'none' || name === 'host') return name
  throw new Problem(`Cannot use the network "${name}" in RUN`, {
    span: word,
    hint: 'it can be default, none or host',
  })
}

function refuseInsecure(word: Word | undefined): void {
  if (word === undefined || word.text === 'sandbox') return
  throw new Problem(`Cannot run with --security=${word.text}: RUN is always confined`, {
    span: word,
    hint: 'remove the flag',
  })
}
