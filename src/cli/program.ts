/** The grammar of the command line. What a command needs beside itself it loads when it is run. */

import { Command, InvalidArgumentError, Option } from 'commander'
import { placesOf, VERSION } from '../daemon/index.ts'
import type { PlanOptions } from '../planner/index.ts'
import { config as runConfig } from './commands/config.ts'
import type { ConfigFlags } from './commands/config.ts'
import { daemon as runDaemon } from './commands/daemon.ts'
import { down as runDown } from './commands/down.ts'
import { exec as runExec } from './commands/exec.ts'
import type { ExecFlags } from './commands/exec.ts'
import { info as runInfo } from './commands/info.ts'
import type { InfoFlags } from './commands/info.ts'
import { logs as runLogs } from './commands/logs.ts'
import type { LogsFlags } from './commands/logs.ts'
import { ls as runLs } from './commands/ls.ts'
import type { LsFlags } from './commands/ls.ts'
import { plan as runPlan } from './commands/plan.ts'
import type { PlanFlags } from './commands/plan.ts'
import { ps as runPs } from './commands/ps.ts'
import type { PsFlags } from './commands/ps.ts'
import { up as runUp } from './commands/up.ts'
import type { UpFlags } from './commands/up.ts'
import { version as runVersion } from './commands/version.ts'
import type { VersionFlags } from './commands/version.ts'
import { contextOf } from './context.ts'
import type { Context } from './context.ts'
import { addStackOptions, collect } from './options.ts'

/** The program; `onStatus` is told the exit status of the command that was run. */
export function createProgram(onStatus: (status: number) => void): Command {
  const program = new Command('tsstack')
    .description('Compose-style stacks on the Linux kernel, without Docker.')
    .version(VERSION, '-V, --version')
    // Options before the command are the program's, those after it the command's: `logs -f` follows.
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('(tsstack --help lists the commands)')
    .helpCommand(false)
  addStackOptions(program)
  const run = runner(onStatus)
  addLifecycle(program, run)
  addInspection(program, run)
  addOthers(program, run)
  return program
}

type Run = (command: Command, work: (context: Context) => Promise<number>) => Promise<void>

function runner(onStatus: (status: number) => void): Run {
  return async (command, work) => {
    const places = placesOf(process.env['TSSTACK_ROOT'])
    onStatus(await work(contextOf(command, places)))
  }
}

/** Flags of `up`, `down` and `plan` as commander hands them over. */
interface ChangeFlags {
  readonly timeout?: number
  readonly deps?: boolean
  readonly volumes?: boolean
  readonly removeOrphans?: boolean
  readonly forceRecreate?: boolean
  readonly recreate?: boolean
  readonly alwaysRecreateDeps?: boolean
  readonly renewAnonVolumes?: boolean
}

function addLifecycle(program: Command, run: Run): void {
  const up = program.command('up').description('create and start containers')
  addChangeOptions(addStackOptions(up))
    .argument('[services...]')
    .option('-d, --detach', 'return when everything is started')
    .option('--no-log-prefix', 'do not print the service before each line')
    .option('--timestamps', 'print when each line was written')
    .action((services: readonly string[], flags: ChangeFlags & UpFlags) =>
      run(up, (context) => runUp(context, planOptions(flags, services), flags)),
    )
  const down = program.command('down').description('stop and remove containers and networks')
  addStackOptions(down)
    .argument('[services...]')
    .option('-v, --volumes', 'remove the volumes of the stack as well')
    .option('--remove-orphans', 'accepted as in Compose: they are removed anyway')
    .addOption(timeoutOption())
    .action((services: readonly string[], flags: ChangeFlags) =>
      run(down, (context) => runDown(context, planOptions(flags, services))),
    )
  const plan = program.command('plan').description('show what up would do, and why')
  addChangeOptions(addStackOptions(plan))
    .argument('[services...]')
    .option('--json', 'as data')
    .action((services: readonly string[], flags: ChangeFlags & PlanFlags) =>
      run(plan, (context) => runPlan(context, planOptions(flags, services), flags)),
    )
}

function addInspection(program: Command, run: Run): void {
  const ps = program.command('ps').description('list containers')
  addStackOptions(ps)
    .argument('[services...]')
    .option('-a, --all', 'those that have ended as well')
    .option('-q, --quiet', 'names only')
    .addOption(jsonOption())
    .addOption(formatOption())
    .action((services: readonly string[], flags: PsFlags) =>
      run(ps, (context) => runPs(context, services, flags)),
    )
  const logs = program.command('logs').description('show what containers wrote')
  addStackOptions(logs, { shortFile: false })
    .argument('[services...]')
    .option('-f, --follow', 'and what they write')
    .option('-n, --tail <lines>', 'only so many of the last lines of each', parseTail)
    .option('-t, --timestamps', 'print when each line was written')
    .option('--no-log-prefix', 'do not print the service before each line')
    .option('--no-color', 'no colours')
    .action((services: readonly string[], flags: LogsFlags) =>
      run(logs, (context) => runLogs(context, services, flags)),
    )
  const ls = program.command('ls').description('list stacks')
  ls.option('-a, --all', 'accepted as in Compose: all are listed anyway')
    .option('-q, --quiet', 'names only')
    .addOption(jsonOption())
    .addOption(formatOption())
    .action((flags: LsFlags) => run(ls, (context) => runLs(context, flags)))
  addConfig(program, run)
}

function addConfig(program: Command, run: Run): void {
  const config = program.command('config').description('check the stack file and print it in full')
  addStackOptions(config)
    .option('-q, --quiet', 'check only')
    .addOption(new Option('--format <format>').choices(['yaml', 'json']).default('yaml'))
    .addOption(jsonOption())
    .option('--hash <services>', 'hash of the services named, * for all')
    .option('--no-interpolate', 'leave variables as they are')
    .option('--no-normalize', 'leave short forms as they are')
    .option('--no-path-resolution', 'leave paths as they are')
    .option('--no-consistency', 'do not check what belongs together')
    .option('--no-env-resolution', 'do not read env files of services')
  for (const list of CONFIG_LISTS) {
    config.addOption(new Option(`--${list}`, `names of ${list} only`).implies({ list }))
  }
  config.action((flags: ConfigFlags) => run(config, (context) => runConfig(context, flags)))
}

const CONFIG_LISTS = [
  'services',
  'volumes',
  'networks',
  'images',
  'profiles',
  'models',
  'environment',
  'variables',
] as const

function addOthers(program: Command, run: Run): void {
  const exec = program.command('exec').description('run a program in a running container')
  addStackOptions(exec, { shortFile: true })
    .argument('<service>')
    .argument('<command...>')
    // Everything after the service belongs to the program.
    .passThroughOptions()
    .option('-T, --no-tty', 'no terminal, even though there is one')
    .option('-e, --env <variable>', 'NAME=VALUE, or NAME for your own; repeatable', collect)
    .option('-u, --user <user>', 'user, or user:group')
    .option('-w, --workdir <directory>', 'where the program begins')
    .option('--index <number>', 'which replica', parseCount)
    .option('--privileged', 'with all capabilities')
    .action((service: string, command: readonly string[], flags: ExecFlags) =>
      run(exec, (context) => runExec(context, { service, command }, flags)),
    )
  const info = program.command('info').description('show what this host offers')
  info
    .addOption(jsonOption())
    .action((flags: InfoFlags) => run(info, (context) => runInfo(context, flags)))
  const version = program.command('version').description('show the version')
  version
    .option('--short', 'the number alone')
    .addOption(jsonOption())
    .action((flags: VersionFlags) => run(version, async () => runVersion(flags)))
  const daemon = program.command('daemon', { hidden: true })
  daemon
    .description('stay as the supervisor, for a service manager')
    .action(() => run(daemon, (context) => runDaemon(context)))
}

function addChangeOptions(command: Command): Command {
  return command
    .option('--no-deps', 'leave alone what the named services depend on')
    .option('--force-recreate', 'replace containers even when nothing changed')
    .option('--no-recreate', 'keep every container that exists')
    .option('--always-recreate-deps', 'with --force-recreate: dependencies as well')
    .option('-V, --renew-anon-volumes', 'give new containers empty anonymous volumes')
    .option('--remove-orphans', 'remove containers of services that are no longer in the file')
    .addOption(timeoutOption())
}

function timeoutOption(): Option {
  const text = 'seconds until a container that is stopped gets SIGKILL'
  return new Option('-t, --timeout <seconds>', text).argParser(parseCount)
}

function jsonOption(): Option {
  return new Option('--json', 'as data: docs/json.md')
}

/** As in Compose; `--json` is the same as `--format json`. */
function formatOption(): Option {
  return new Option('--format <format>', 'table or json')
    .choices(['table', 'json'])
    .argParser((value: string) => {
      if (value === 'table' || value === 'json') return value
      throw new InvalidArgumentError('it is table or json; templates are not supported.')
    })
}

/** What the planner is told: only what was said. */
function planOptions(flags: ChangeFlags, services: readonly string[]): PlanOptions {
  return {
    services,
    ...(flags.timeout !== undefined && { graceMs: flags.timeout * 1000 }),
    ...(flags.deps === false && { noDeps: true }),
    ...(flags.volumes === true && { volumes: true }),
    ...(flags.removeOrphans === true && { removeOrphans: true }),
    ...(flags.forceRecreate === true && { forceRecreate: true }),
    ...(flags.recreate === false && { noRecreate: true }),
    ...(flags.alwaysRecreateDeps === true && { alwaysRecreateDeps: true }),
    ...(flags.renewAnonVolumes === true && { renewAnonymousVolumes: true }),
  }
}

function parseCount(value: string): number {
  const count = Number(value)
  if (/^\d+$/.test(value) && Number.isSafeInteger(count)) return count
  throw new InvalidArgumentError('it has to be a whole number.')
}

function parseTail(value: string): number | undefined {
  return value === 'all' ? undefined : parseCount(value)
}
