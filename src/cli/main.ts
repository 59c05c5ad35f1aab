/** Entry of the command line: runs the command, shows its error, ends with its status. */

import { CommanderError } from 'commander'
import { outputTaken, say } from './output.ts'
import { createProgram } from './program.ts'
import { exitCodeOf, exitOf, renderError } from './render-error.ts'
import { painter } from './style.ts'

// Nothing is awaited at the top: modules of commands import what is bundled into this one.
void run()

async function run(): Promise<never> {
  const exitStatus = await main(process.argv)
  await outputTaken()
  process.exit(exitStatus)
}

/** The exit status. */
async function main(argv: readonly string[]): Promise<number> {
  let status = 0
  try {
    const program = await createProgram(argv, (result) => {
      status = result
    })
    await program.parseAsync(argv)
    return status
  } catch (error) {
    // Commander has printed its help, or what it did not understand.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitOf('USAGE')
    say(renderError(error, painter(2), Boolean(process.env['TSSTACK_DEBUG'])))
    return exitCodeOf(error)
  }
}
