/** `tsstack version`. */

import { Option } from 'commander'
import { BUILD, VERSION } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import { jsonOption } from '../options.ts'
import { print, wantsJson } from '../output.ts'

export const versionCommand: CommandModule = {
  define: (command, run) => {
    command
      .option('--short', 'the number alone')
      .addOption(jsonOption())
      .addOption(
        new Option('-f, --format <format>', 'pretty or json; json is the same as --json').choices([
          'pretty',
          'json',
        ]),
      )
      .action((flags: VersionFlags) => run(() => version(flags)))
  },
}

interface VersionFlags {
  readonly json?: boolean
  readonly short?: boolean
  readonly format?: string
}

function version(flags: VersionFlags): number {
  const json = wantsJson(flags)
  const { short = false } = flags
  const node = process.version
  // Before the format, as with Compose.
  if (short) print(VERSION)
  else if (json) print(JSON.stringify({ version: VERSION, build: BUILD, node }, undefined, 2))
  else print(`tsstack ${VERSION} (node ${node})`)
  return 0
}
