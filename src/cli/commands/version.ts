/** `tsstack version`. */

import { BUILD, VERSION } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import { jsonOption } from '../options.ts'
import { print } from '../output.ts'

export const versionCommand: CommandModule = {
  define: (command, run) => {
    command
      .option('--short', 'the number alone')
      .addOption(jsonOption())
      .action((flags: VersionFlags) => run(() => version(flags)))
  },
}

interface VersionFlags {
  readonly json?: boolean
  readonly short?: boolean
}

function version({ json = false, short = false }: VersionFlags): number {
  const node = process.version
  if (json) print(JSON.stringify({ version: VERSION, build: BUILD, node }, undefined, 2))
  else print(short ? VERSION : `tsstack ${VERSION} (node ${node})`)
  return 0
}
