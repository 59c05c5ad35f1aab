/** Options that every command about a stack takes, before its name as in Compose and after it. */

import { readFileSync } from 'node:fs'
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import type { StackInput } from '../daemon/index.ts'
import { UsageError } from '../errors.ts'

export interface StackOptions {
  readonly file?: readonly string[]
  readonly projectName?: string
  readonly instance?: string
  readonly projectDirectory?: string
  readonly envFile?: readonly string[]
  readonly profile?: readonly string[]
  readonly strict?: boolean
  readonly allResources?: boolean
}

/** The order of the look-up, as `discover.ts` of the spec room has it. */
const STACK_FILE_HELP =
  'stack file, - for standard input; repeatable (default: compose.yaml, compose.yml, ' +
  'docker-compose.yml, docker-compose.yaml, stack.yaml or stack.yml, here or in a folder above)'

/** Where the short forms mean something else: `logs -f` follows, `run -p` publishes. */
interface ShortForms {
  readonly shortFile?: boolean
  readonly shortProjectName?: boolean
}

export function addStackOptions(
  command: Command,
  { shortFile = true, shortProjectName = true }: ShortForms = {},
): Command {
  return command
    .optionsGroup('Which stack:')
    .option(`${shortFile ? '-f, ' : ''}--file <file>`, STACK_FILE_HELP, collect)
    .addOption(projectNameOption(shortProjectName))
    .addOption(instanceOption())
    .option('--project-directory <directory>', 'where relative paths begin')
    .option(
      '--env-file <file>',
      'variables for the stack file, instead of .env; repeatable',
      collect,
    )
    .option('--profile <name>', 'profile to enable, * for all; repeatable', collect)
    .option('--strict', 'warnings about the stack file count as errors')
    .optionsGroup('Options:')
}

/** As people type `-it` of habit: a program is joined to this terminal, where there is one, anyway. */
export function addTerminalOptions(command: Command): Command {
  return command
    .option('-T, --no-tty', 'no terminal, even though there is one')
    .addOption(new Option('--no-TTY', 'as --no-tty').implies({ tty: false }).hideHelp())
    .option('-i, --interactive', 'accepted as in Compose: its input is connected anyway')
    .addOption(
      new Option('-t, --tty', 'accepted as in Compose: it has one where you have').default(
        true,
        'yes',
      ),
    )
}

/** Empty, as scripts pass it, is as if it were not given. */
function projectNameOption(isShort: boolean): Option {
  const flags = `${isShort ? '-p, ' : ''}--project-name <name>`
  return new Option(flags, 'name of the stack').argParser((value: string) => {
    if (value === '') return undefined
    if (/^[a-z0-9][a-z0-9_-]{0,127}$/.test(value)) return value
    const needed =
      'It needs lower-case letters, digits, "-" and "_", and begins with a letter or digit.'
    throw new InvalidArgumentError(needed)
  })
}

/** A copy of the stack beside others; TSSTACK_INSTANCE says it for every command. */
function instanceOption(): Option {
  const text = 'copy of the stack, with names and published ports of its own'
  return new Option('--instance <name>', text).argParser((value: string) => {
    if (/^[a-z0-9][a-z0-9_-]{0,31}$/.test(value)) return value
    throw new InvalidArgumentError('it needs lower-case letters, digits, "-" and "_".')
  })
}

export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

/** Options given before the command and after it, together. */
export function mergeOptions(before: StackOptions, after: StackOptions): StackOptions {
  const lists = (key: 'file' | 'envFile' | 'profile'): readonly string[] => [
    ...(before[key] ?? []),
    ...(after[key] ?? []),
  ]
  return {
    ...before,
    ...after,
    file: lists('file'),
    envFile: lists('envFile'),
    profile: lists('profile'),
  }
}

/** What the supervisor has to know of this process to read the same files as it would. */
export function stackInput(options: StackOptions, services?: readonly string[]): StackInput {
  const { file = [], projectName, projectDirectory, envFile = [], profile = [] } = options
  const { strict, allResources, instance = instanceHere() } = options
  return {
    cwd: currentDirectory(),
    env: environment(),
    files: file,
    envFiles: envFile,
    profiles: profile,
    ...(file.includes('-') && { stdin: readFileSync(0, 'utf8') }),
    // As with Compose, `-p "$NAME"` of a variable that is empty says nothing.
    ...(projectName && { projectName }),
    ...(instance !== undefined && { instance }),
    ...(projectDirectory !== undefined && { projectDirectory }),
    ...(services !== undefined && { services }),
    ...(strict === true && { strict }),
    ...(allResources !== undefined && { allResources }),
  }
}

function currentDirectory(): string {
  try {
    return process.cwd()
  } catch (error) {
    throw new UsageError('Cannot look for stack files here: this directory has been removed', {
      code: 'NO_STACK',
      hint: 'go to one that is there',
      cause: error,
    })
  }
}

/** TSSTACK_INSTANCE says it for every command. */
function instanceHere(): string | undefined {
  return process.env['TSSTACK_INSTANCE'] || undefined
}

/** The caller's variables, and the node that runs tsstack: stack files bind it into containers. */
function environment(): Record<string, string> {
  const own = { ...process.env, TSSTACK_NODE: process.execPath }
  const entries = Object.entries(own).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Record<string, string>
}

/** For `argParser`: a whole number from 0. */
export function parseCount(value: string): number {
  const count = Number(value)
  if (/^\d+$/.test(value) && Number.isSafeInteger(count)) return count
  throw new InvalidArgumentError('it has to be a whole number.')
}

export function jsonOption(): Option {
  return new Option('--json', 'as data: docs/json.md')
}

/** As in Compose, with its fields where `compose-json.ts` has them. */
export function formatOption(): Option {
  return new Option('--format <format>', 'table or json').argParser((value: string) => {
    if (value === 'table' || value === 'json') return value
    const isTemplate = value.includes('{{') || value.startsWith('table ')
    throw new InvalidArgumentError(
      isTemplate
        ? 'Go templates are not supported; take --json and a program such as jq.'
        : 'it is table or json.',
    )
  })
}
