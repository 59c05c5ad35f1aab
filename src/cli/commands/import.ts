/** `tsstack import`: a root file system becomes an image. */

import { createReadStream, openSync } from 'node:fs'
import { UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { openImages } from '../image-store.ts'
import { collect } from '../options.ts'
import { isTerminal, print } from '../output.ts'

export const importCommand: CommandModule = {
  define: (command, run) => {
    command
      .argument('<file>', 'tar archive, packed or not; - for standard input')
      .argument('[name]', 'name of the image')
      .option('-c, --change <instruction>', 'as in a Dockerfile: \'CMD ["sh"]\'', collect)
      .option('-m, --message <text>', 'for the history')
      .action((file: string, name: string | undefined, flags: ImportFlags) =>
        run((context) => importImage(context, { file, name }, flags)),
      )
  },
}

interface ImportFlags {
  readonly change?: readonly string[]
  readonly message?: string
}

async function importImage(
  context: Context,
  { file, name }: { readonly file: string; readonly name: string | undefined },
  { change = [], message }: ImportFlags,
): Promise<number> {
  if (file === '-' && isTerminal(0)) {
    throw new UsageError('Cannot import from a terminal', { hint: 'name a file' })
  }
  const { room, store } = await openImages(context)
  const changes = { config: room.parseChanges(change), message }
  const whole = name === undefined ? undefined : room.formatReference(room.parseReference(name))
  const source = file === '-' ? process.stdin : createReadStream('', { fd: openFile(file) })
  using _hold = await room.holdStore(store)
  const image = await room.importRootfs(store, source, changes)
  if (whole !== undefined) {
    await room.changeNames(store, (names) =>
      names.set(whole, { manifest: image.manifest, at: Date.now() }),
    )
  }
  print(image.id)
  return 0
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    const why = code === 'ENOENT' ? 'it does not exist' : code
    throw new UsageError(`Cannot import "${path}": ${why}`, { hint: 'name a tar archive', cause })
  }
}
