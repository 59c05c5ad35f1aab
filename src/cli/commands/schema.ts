/** `tsstack schema`: the JSON Schema of stack files, for editors and other programs. */

import type { CommandModule } from '../command.ts'
import { print } from '../output.ts'

export const schemaCommand: CommandModule = {
  define: (command, run) => {
    command.action(() => run(schema))
  },
}

async function schema(): Promise<number> {
  const { jsonSchema } = await import('../../spec/index.ts')
  print(JSON.stringify(jsonSchema(), undefined, 2))
  return 0
}
