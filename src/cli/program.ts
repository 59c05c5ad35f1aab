/** The program: options before the command, and the list of commands. */

import { Command, Option } from 'commander'
import { placesOf, VERSION } from '../daemon/index.ts'
import { COMMANDS } from './commands.ts'
import type { ListedCommand } from './commands.ts'
import { contextOf } from './context.ts'
import { checkDryRun } from './dry-run.ts'
import { addMannerOptions } from './manner.ts'
import { addStackOptions } from './options.ts'

/** Words with which the names of all commands may be asked for. */
const LISTING_WORDS = ['help', '--help', '-h', 'completion']

/**
 * The program for the words of `argv`; `onStatus` is told the exit status of the command that was
 * run.
 */
export async function createProgram(
  argv: readonly string[],
  onStatus: (status: number) => void,
): Promise<Command> {
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
  addMannerOptions(program)
  program
    .option('--all-resources', 'networks and volumes that no service uses as well')
    .option('--dry-run', 'show what the command would do, and do nothing')
    .option('--parallel <number>', 'accepted as in Compose: how many at once is found out')
    .option('--compatibility', 'accepted as in Compose: names keep their dashes')
    .addOption(new Option('--verbose', 'accepted as in Compose').hideHelp())
  for (const { name, summary, hidden = false, load } of listed(argv)) {
    const command = program
      .command(name, { hidden })
      .description(summary)
      .showHelpAfterError(`(tsstack ${name} --help lists its options)`)
    // Grammar takes time to load and to build: only what may have been typed gets its own.
    if (!argv.includes(name)) continue
    const { define } = await load()
    define(command, async (work) => {
      const places = placesOf(process.env['TSSTACK_ROOT'])
      const context = contextOf(command, places)
      if (context.isDryRun) checkDryRun(name)
      onStatus(await work(context))
    })
  }
  return program
}

/** Those that may have been typed; all where the help may list them, or say what was meant. */
function listed(argv: readonly string[]): readonly ListedCommand[] {
  const typed = COMMANDS.filter(({ name }) => argv.includes(name))
  const listing = typed.length === 0 || LISTING_WORDS.some((word) => argv.includes(word))
  return listing ? COMMANDS : typed
}
