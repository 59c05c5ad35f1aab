/** `tsstack save` and `load`: images in archives. */

import { createWriteStream } from 'node:fs'
import { UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import {
  interruptSignal,
  namesOf,
  openImages,
  shortName,
  withImageProgress,
} from '../image-store.ts'
import { isTerminal, print, say } from '../output.ts'
import { safeText } from '../safe-text.ts'

export const saveCommand: CommandModule = {
  define: (command, run) => {
    command
      .argument('<image...>')
      .option('-o, --output <file>', 'file, instead of standard output')
      .action((names: readonly string[], flags: { output?: string }) =>
        run((context) => save(context, names, flags)),
      )
  },
}

export const loadCommand: CommandModule = {
  define: (command, run) => {
    command
      .option('-i, --input <file>', 'file, instead of standard input')
      .option('--name <name>', 'call the only image so, whatever the archive calls it')
      .option('--replace', 'names that mean another image here are moved to the new one')
      .option('--platform <platform>', 'for another machine: linux/arm64')
      .option('-q, --quiet', 'no progress')
      .action((flags: LoadFlags) => run((context) => load(context, flags)))
  },
}

interface LoadFlags {
  readonly input?: string
  readonly name?: string
  readonly replace?: boolean
  readonly platform?: string
  readonly quiet?: boolean
}

async function save(
  context: Context,
  texts: readonly string[],
  { output }: { readonly output?: string },
): Promise<number> {
  if (output === undefined && isTerminal(1)) {
    throw new UsageError('Cannot write an archive to a terminal', {
      hint: 'use --output FILE, or pass it on: tsstack save IMAGE | …',
    })
  }
  const opened = await openImages(context)
  const { room, store } = opened
  const images = texts.map((text) => {
    const { image, name } = room.findByText(store, text, process.cwd())
    const names = name === undefined ? namesOf(opened, image) : [name]
    return { image, names: names.filter((each) => isReference(each)) }
  })
  const target = output === undefined ? process.stdout : createWriteStream(output, { mode: 0o600 })
  // Streams take a millisecond to load, which no other command has to wait for.
  const { pipeline } = await import('node:stream/promises')
  await pipeline(room.saveImages(store, images), target)
  return 0
}

/** Archives know names of registries only, not where on this machine an image came from. */
function isReference(name: string): boolean {
  return !/^(?:oci|oci-archive|docker-archive):|\s/.test(name)
}

async function load(context: Context, flags: LoadFlags): Promise<number> {
  if (flags.input === undefined && isTerminal(0)) {
    throw new UsageError('Cannot load images from a terminal', { hint: 'use --input FILE' })
  }
  const { room, store } = await openImages(context)
  const { input, name, replace, platform } = flags
  const loaded = await withImageProgress((progress) =>
    room.loadImages(store, input ?? process.stdin, {
      what: input === undefined ? 'the archive' : `archive "${input}"`,
      name,
      replace,
      platform: platform === undefined ? undefined : room.parsePlatform(platform),
      signal: interruptSignal(),
      onEvent: (event) => flags.quiet !== true && progress.event(event),
    }),
  )
  for (const { image, names, refused } of loaded) {
    const shown = names.map((each) => safeText(shortName(each))).join(', ')
    print(`loaded ${shown === '' ? image.id : shown}`)
    for (const each of refused) {
      say(
        `warning: "${safeText(shortName(each))}" is another image here and was left alone; ` +
          '--replace moves the name, --name gives another one',
      )
    }
  }
  return 0
}
