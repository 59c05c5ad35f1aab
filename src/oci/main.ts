/** Entry of `tsstack-oci`: the command line of an OCI runtime, as podman and containerd call it. */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { ERROR_CODES, TsstackError } from '../errors.ts'
import { openLog, type Log } from './log.ts'
import type { CreateOptions } from './create.ts'
import { OCI_VERSION } from './store.ts'
import {
  amountOf,
  collect,
  collectNumber,
  CPUSETS,
  execOptions,
  type ExecWords,
  LIMITS,
  resourcesOf,
  secondsOf,
  userOf,
} from './words.ts'

declare const TSSTACK_VERSION: string | undefined

const program = new Command('tsstack-oci')
let log: Log = openLog({ path: undefined, format: 'text' })
let status = 0

/** Words before the command, for all of them. */
interface Globals {
  readonly root: string
  readonly log?: string
  readonly logFormat: 'text' | 'json'
  readonly systemdCgroup?: boolean
}

interface CreateWords {
  readonly bundle: string
  readonly pidFile?: string
  readonly consoleSocket?: string
  readonly preserveFds?: number
  readonly detach?: boolean
}

program
  .description('Run containers from OCI bundles')
  .version(`tsstack-oci version ${version()}\nspec: ${OCI_VERSION}`, '-v, --version')
  .enablePositionalOptions()
  .exitOverride()
  .option('--root <directory>', 'where containers are kept', defaultRoot())
  .option('--log <file>', 'where errors are written as well')
  .addOption(
    new Option('--log-format <format>', 'of --log').choices(['text', 'json']).default('text'),
  )
  .option('--debug', 'accepted; there is nothing more to say')
  .option('--systemd-cgroup', 'groups are made in scopes of systemd')
  .addOption(new Option('--rootless <when>').hideHelp())
  .hook('preAction', () => {
    const { log: path, logFormat } = globals()
    log = openLog({ path, format: logFormat })
  })

withCreateOptions(command('create', 'create a container; it waits to be started')).action(
  async (id: string, words: CreateWords) => {
    const { createContainer } = await import('./create.ts')
    await createContainer(createOptions(id, words))
  },
)
withCreateOptions(command('run', 'create and start a container'))
  .option('-d, --detach', 'leave it running')
  .option('--keep', 'accepted; a container that has ended is deleted')
  .action(async (id: string, words: CreateWords) => {
    const { runContainer } = await import('./run.ts')
    const { warn } = log
    status = await runContainer(createOptions(id, words), { detach: words.detach === true, warn })
  })
command('start', 'start the program of a created container').action(async (id: string) => {
  const { startContainer } = await lifecycle()
  await startContainer(which(id), log.warn)
})
command('state', 'print the state of a container').action(async (id: string) => {
  const { readState } = await lifecycle()
  print(readState(which(id)))
})
command('kill', 'signal a container')
  .argument('[signal]', 'by name or number', 'SIGTERM')
  .option('-a, --all', 'every process of it')
  .action(async (id: string, signal: string, words: { readonly all?: boolean }) => {
    const { killContainer } = await lifecycle()
    killContainer(which(id), signal, words.all === true)
  })
command('delete', 'delete a container that has stopped')
  .option('-f, --force', 'kill it first')
  .action(async (id: string, words: { readonly force?: boolean }) => {
    const { deleteContainer } = await lifecycle()
    await deleteContainer(which(id), { force: words.force === true, warn: log.warn })
  })
command('pause', 'stop all processes of a container').action(async (id: string) => {
  const { freezeContainer } = await lifecycle()
  await freezeContainer(which(id), true)
})
command('resume', 'let them go on').action(async (id: string) => {
  const { freezeContainer } = await lifecycle()
  await freezeContainer(which(id), false)
})
const execute = command('exec', 'run another program in a container')
  .argument('[command...]', 'the program and its arguments')
  .passThroughOptions()
  .option('-p, --process <file>', 'the process, as config.json has it')
  .option('--cwd <directory>', 'where it begins')
  .option('-e, --env <NAME=value>', 'beside those of the container', collect, [])
  .option('-t, --tty', 'at a terminal')
  .option('-u, --user <uid[:gid]>', 'who it is', userOf)
  .option('-g, --additional-gids <gid>', 'groups of it', collectNumber, [])
  .option('-c, --cap <capability>', 'beside those of the container', collect, [])
  .option('-d, --detach', 'leave it running')
  .option('--ignore-paused', 'also in a container that is paused')
  .option('--no-new-privs', 'it gains no privileges by what it executes')
  .option('--apparmor <profile>', 'what confines it')
  .option('--pid-file <file>', 'where its pid is written')
  .option('--console-socket <socket>', 'where its terminal is handed to')
  .option('--preserve-fds <count>', 'descriptors from 3 on that it is given', countOf)
execute.action(async (id: string, args: readonly string[], words: ExecWords) => {
  const { execInContainer } = await import('./exec.ts')
  // Commander takes --no-NAME for the opposite of NAME.
  const noNewPrivs = execute.getOptionValueSource('newPrivs') === 'cli'
  status = await execInContainer(which(id), execOptions(args, { ...words, noNewPrivs }))
})
const change = command('update', 'change the limits of a container').option(
  '-r, --resources <file>',
  'as config.json has them; - is standard input',
)
for (const [name] of LIMITS) change.option(`--${name} <amount>`, 'as linux.resources', amountOf)
for (const [name] of CPUSETS) change.option(`--${name} <list>`, 'as linux.resources')
change.action(async (id: string, words: { readonly resources?: string }) => {
  const { updateContainer } = await import('./update.ts')
  const { resources: file, ...others } = words
  const given = file === undefined ? {} : { file }
  await updateContainer(which(id), { ...given, words: resourcesOf(others) })
})
command('events', 'print what a container uses, line by line')
  .option('--stats', 'once')
  .option('--interval <duration>', 'between two lines, as 5s', secondsOf, 5)
  .action(async (id: string, words: { readonly stats?: boolean; readonly interval: number }) => {
    const { printEvents } = await import('./events.ts')
    await printEvents(which(id), {
      once: words.stats === true,
      intervalMs: words.interval * 1000,
      print: (event) => line(JSON.stringify(event)),
    })
  })
command('ps', 'print the process ids of a container')
  .option('-f, --format <format>', 'json', 'json')
  .action(async (id: string) => {
    const { processesOf } = await lifecycle()
    print(processesOf(which(id)))
  })
program
  .command('list')
  .description('print all containers')
  .option('-f, --format <format>', 'json or table', 'table')
  .option('-q, --quiet', 'ids only')
  .action(async (words: { readonly format: string; readonly quiet?: boolean }) => {
    const { listStates } = await lifecycle()
    const states = listStates(globals().root)
    if (words.format === 'json') print(states)
    else for (const { id, pid, status: is } of states) line(words.quiet ? id : `${id} ${pid} ${is}`)
  })
program
  .command('features')
  .description('print what this runtime can do')
  .action(async () => {
    const { features } = await import('./features.ts')
    print(features())
  })

try {
  await program.parseAsync(process.argv)
} catch (error) {
  status = statusOf(error)
}
process.exitCode = status

function statusOf(error: unknown): number {
  // Commander has printed its help, or what it did not understand.
  if (error instanceof CommanderError) return error.exitCode
  log.error(error)
  return error instanceof TsstackError ? ERROR_CODES[error.code].exit : 1
}

function command(name: string, description: string): Command {
  return program.command(name).description(description).argument('<container-id>')
}

function withCreateOptions(one: Command): Command {
  return one
    .option('-b, --bundle <directory>', 'with the config.json', '.')
    .option('--pid-file <file>', 'where the pid of its first process is written')
    .option('--console-socket <socket>', 'where its terminal is handed to')
    .option('--preserve-fds <count>', 'descriptors from 3 on that it is given', countOf)
    .addOption(new Option('--no-pivot').hideHelp())
    .addOption(new Option('--no-new-keyring').hideHelp())
}

function countOf(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('a number is needed')
}

function createOptions(id: string, words: CreateWords): CreateOptions {
  const { bundle, pidFile, consoleSocket, preserveFds } = words
  const { root, systemdCgroup } = globals()
  return {
    root,
    id,
    bundle,
    ...(systemdCgroup === undefined ? {} : { systemdCgroup }),
    ...(pidFile === undefined ? {} : { pidFile }),
    ...(consoleSocket === undefined || consoleSocket === '' ? {} : { consoleSocket }),
    ...(preserveFds === undefined ? {} : { preserveFds }),
  }
}

function lifecycle(): Promise<typeof import('./lifecycle.ts')> {
  return import('./lifecycle.ts')
}

function which(id: string): { readonly root: string; readonly id: string } {
  return { root: globals().root, id }
}

function globals(): Globals {
  return program.opts<Globals & Record<string, unknown>>()
}

function defaultRoot(): string {
  const own = process.env['XDG_RUNTIME_DIR']
  return process.geteuid?.() === 0 || own === undefined ? '/run/tsstack-oci' : `${own}/tsstack-oci`
}

function print(value: unknown): void {
  line(JSON.stringify(value, undefined, 2))
}

function line(text: string): void {
  process.stdout.write(`${text}\n`)
}

function version(): string {
  return typeof TSSTACK_VERSION === 'string' ? TSSTACK_VERSION : 'unbuilt'
}
