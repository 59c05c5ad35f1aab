/** The program: options before the command, and the list of commands. */

import { Command } from 'commander'
import { placesOf, VERSION } from '../daemon/index.ts'
import type { CommandModule } from './command.ts'
import { buildCommand } from './commands/build.ts'
import { completionCommand } from './commands/completion.ts'
import { auditCommand } from './commands/audit.ts'
import { configCommand } from './commands/config.ts'
import { commitCommand, exportCommand } from './commands/commit.ts'
import { createCommand } from './commands/create.ts'
import { waitCommand } from './commands/wait.ts'
import { portCommand } from './commands/port.ts'
import { topCommand } from './commands/top.ts'
import { statsCommand } from './commands/stats.ts'
import { eventsCommand } from './commands/events.ts'
import { netCommand } from './commands/net.ts'
import { networkCommand } from './commands/network.ts'
import { urlCommand } from './commands/url.ts'
import { graphCommand } from './commands/graph.ts'
import { volumeCommand } from './commands/volume.ts'
import { volumesCommand } from './commands/volumes.ts'
import { daemonCommand } from './commands/daemon.ts'
import { diffCommand } from './commands/diff.ts'
import { downCommand } from './commands/down.ts'
import { disableCommand, enableCommand } from './commands/enable.ts'
import { execCommand } from './commands/exec.ts'
import { explainCommand } from './commands/explain.ts'
import { historyCommand } from './commands/stack-history.ts'
import { imageCommand } from './commands/image.ts'
import { imagesCommand } from './commands/images.ts'
import { importDockerCommand } from './commands/import-docker.ts'
import { importCommand } from './commands/import.ts'
import { loginCommand, logoutCommand } from './commands/login.ts'
import { pullCommand, pushCommand } from './commands/pull.ts'
import { rmiCommand } from './commands/rmi.ts'
import { loadCommand, saveCommand } from './commands/save.ts'
import { systemCommand } from './commands/system.ts'
import { tagCommand } from './commands/tag.ts'
import { infoCommand } from './commands/info.ts'
import { killCommand } from './commands/kill.ts'
import { logsCommand } from './commands/logs.ts'
import { lsCommand } from './commands/ls.ts'
import { pauseCommand } from './commands/pause.ts'
import { planCommand } from './commands/plan.ts'
import { psCommand } from './commands/ps.ts'
import { restartCommand } from './commands/restart.ts'
import { rmCommand } from './commands/rm.ts'
import { rollbackCommand } from './commands/rollback.ts'
import { runCommand } from './commands/run.ts'
import { scaleCommand } from './commands/scale.ts'
import { schemaCommand } from './commands/schema.ts'
import { startCommand } from './commands/start.ts'
import { statusCommand } from './commands/status.ts'
import { stopCommand } from './commands/stop.ts'
import { unpauseCommand } from './commands/unpause.ts'
import { upCommand } from './commands/up.ts'
import { versionCommand } from './commands/version.ts'
import { watchCommand } from './commands/watch.ts'
import { contextOf } from './context.ts'
import { addStackOptions } from './options.ts'

/** In the order of the help. */
const COMMANDS: readonly CommandModule[] = [
  upCommand,
  buildCommand,
  downCommand,
  watchCommand,
  planCommand,
  psCommand,
  logsCommand,
  execCommand,
  startCommand,
  stopCommand,
  restartCommand,
  killCommand,
  pauseCommand,
  unpauseCommand,
  rmCommand,
  runCommand,
  createCommand,
  scaleCommand,
  waitCommand,
  historyCommand,
  diffCommand,
  rollbackCommand,
  statusCommand,
  portCommand,
  topCommand,
  statsCommand,
  eventsCommand,
  urlCommand,
  graphCommand,
  networkCommand,
  netCommand,
  volumesCommand,
  volumeCommand,
  configCommand,
  auditCommand,
  explainCommand,
  pullCommand,
  pushCommand,
  imagesCommand,
  imageCommand,
  rmiCommand,
  tagCommand,
  loadCommand,
  saveCommand,
  importCommand,
  importDockerCommand,
  exportCommand,
  commitCommand,
  loginCommand,
  logoutCommand,
  systemCommand,
  schemaCommand,
  completionCommand,
  lsCommand,
  infoCommand,
  versionCommand,
  enableCommand,
  disableCommand,
  daemonCommand,
]

/**
 * The program for the words of `argv`; `onStatus` is told the exit status of the command that was
 * run.
 */
export function createProgram(
  argv: readonly string[],
  onStatus: (status: number) => void,
): Command {
  const program = new Command('tsstack')
    .description('Compose-style stacks on the Linux kernel, without Docker.')
    .version(VERSION, '-V, --version')
    // Options before the command are the program's, those after it the command's: `logs -f`
    // follows.
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('(tsstack --help lists the commands)')
    .helpCommand('help [command]', 'show the help of a command')
    .exitOverride()
  addStackOptions(program)
  for (const module of COMMANDS) {
    const { name, summary, hidden = false, define } = module
    const command = program.command(name, { hidden }).description(summary)
    // Grammar takes time to build: only a command that may have been typed gets its own.
    if (!argv.includes(name)) continue
    define(command, async (work) => {
      const places = placesOf(process.env['TSSTACK_ROOT'])
      onStatus(await work(contextOf(command, places)))
    })
  }
  return program
}
