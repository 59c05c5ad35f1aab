/** `tsstack cp`: files into containers and out of them. */

import { resolve } from 'node:path'
import { copying } from '../../daemon/index.ts'
import type { ServerMessage, Session } from '../../daemon/index.ts'
import { UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, parseCount } from '../options.ts'
import { isTerminal, printBytes, say } from '../output.ts'
import { ask } from '../request.ts'
import { safeText } from '../safe-text.ts'

export const cpCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('<source>', 'SERVICE:PATH, a path, or - for an archive from standard input')
      .argument('<target>', 'a path, SERVICE:PATH, or - for an archive to standard output')
      .option('-a, --archive', 'keep owners and attributes')
      .option('-L, --follow-link', 'of a symbolic link: what it leads to')
      .option('--index <number>', 'which replica', parseCount)
      .option('--all', 'containers of run as well')
      .action((source: string, target: string, flags: CpFlags) =>
        run((context) => cp(context, { source, target }, flags)),
      )
  },
}

interface CpFlags {
  readonly archive?: boolean
  readonly followLink?: boolean
  readonly index?: number
  readonly all?: boolean
}

interface Words {
  readonly source: string
  readonly target: string
}

/** A path in the containers of a service, which begins at their root. */
interface Place {
  readonly service: string
  readonly path: string
}

function cp(context: Context, { source, target }: Words, flags: CpFlags): Promise<number> {
  const [from, to] = [placeOf(source), placeOf(target)]
  if (from && to) {
    throw new UsageError('Cannot copy between services: only between one and this machine', {
      hint: `through a pipe: tsstack cp ${source} - | tsstack cp - ${target}`,
    })
  }
  if (from) return copyFrom(context, { from, target }, flags)
  if (to) return copyTo(context, { source, to }, flags)
  throw new UsageError('Cannot copy: neither source nor target is SERVICE:PATH', {
    hint: 'for instance: tsstack cp web:/etc/hosts . or tsstack cp app.conf web:/etc/',
  })
}

/** As Docker: a path with a colon in it is written `./a:b`. */
function placeOf(word: string): Place | undefined {
  const [, service, path] = /^([^/.:][^/:]*):(.*)$/s.exec(word) ?? []
  if (service === undefined || path === undefined) return undefined
  return { service, path: path.startsWith('/') ? path : `/${path}` }
}

async function copyFrom(
  { asking, input }: Context,
  { from, target }: { readonly from: Place; readonly target: string },
  flags: CpFlags,
): Promise<number> {
  if (target === '-' && isTerminal(1)) {
    throw new UsageError('Cannot write an archive to a terminal', {
      hint: 'name a file or directory, or use a pipe',
    })
  }
  const { followLink = false } = flags
  const request = { kind: 'copy-from', input: input(), ...wanted(from, flags), followLink } as const
  using taking = target === '-' ? new ToOutput() : await ToFiles.open(target, flags)
  for await (const answer of ask(asking, request)) {
    if (answer.kind !== 'message') await taking.take(Buffer.from(answer.bytes))
    else if (answer.message.kind === 'copying') taking.begin(answer.message)
  }
  taking.end(from.path)
  return 0
}

type Copying = Extract<ServerMessage, { kind: 'copying' }>

class ToOutput implements Disposable {
  begin(): void {}

  take(bytes: Buffer): Promise<void> {
    return printBytes(bytes)
  }

  end(): void {}

  [Symbol.dispose](): void {}
}

type CopyRoom = Awaited<ReturnType<typeof copying>>

class ToFiles implements Disposable {
  readonly #room: CopyRoom
  readonly #target: string
  readonly #archive: boolean
  #unpacking: ReturnType<CopyRoom['unpackHere']> | undefined
  #container = ''

  private constructor(room: CopyRoom, target: string, archive: boolean) {
    this.#room = room
    this.#target = target
    this.#archive = archive
  }

  static async open(target: string, { archive = false }: CpFlags): Promise<ToFiles> {
    return new ToFiles(await copying(), target, archive)
  }

  begin({ container, source }: Copying): void {
    this.#container = container
    const options = { archive: this.#archive }
    this.#unpacking = this.#room.unpackHere(localPath(this.#target), source, options)
  }

  take(bytes: Buffer): void {
    this.#unpacking?.push(bytes)
  }

  end(path: string): void {
    this.#unpacking?.finish()
    say(`copied ${safeText(`${this.#container}:${path}`)} to ${safeText(this.#target)}`)
  }

  [Symbol.dispose](): void {
    this.#unpacking?.[Symbol.dispose]()
  }
}

async function copyTo(
  { asking, input }: Context,
  { source, to }: { readonly source: string; readonly to: Place },
  flags: CpFlags,
): Promise<number> {
  const { packHere, plainArchive } = await copying()
  const { followLink = false, archive = false } = flags
  const packed =
    source === '-'
      ? { source: { kind: 'archive', name: '' } as const, archive: plainArchive(process.stdin) }
      : packHere(localPath(source), { followLink })
  const request = {
    kind: 'copy-to',
    input: input(),
    ...wanted(to, flags),
    what: packed.source,
    archive,
  } as const
  let session: Session | undefined
  let sent: Promise<void> | undefined
  const answers = ask({ ...asking, onSession: (opened) => (session = opened) }, request)
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => undefined)
  for (;;) {
    // What cannot be read here ends it, and so does what cannot be written there.
    const { value: answer, done } = await Promise.race([answers.next(), failed.promise])
    if (done === true) break
    if (answer.kind !== 'message') continue
    const { message } = answer
    if (message.kind === 'started' && session) {
      sent = send(session, packed.archive)
      sent.catch(failed.reject)
    }
    if (message.kind !== 'copied') continue
    for (const name of message.containers) {
      say(`copied ${safeText(source)} to ${safeText(`${name}:${to.path}`)}`)
    }
  }
  await sent
  return 0
}

async function send(
  session: Session,
  archive: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<void> {
  for await (const bytes of archive) await session.sendBytes(bytes)
  session.send({ kind: 'stdin-end' })
}

function wanted({ service, path }: Place, { index, all = false }: CpFlags) {
  return { service, path, all, ...(index !== undefined && { index }) }
}

/** Absolute, with the slash or `/.` at its end that means something. */
function localPath(word: string): string {
  const ending = /\/\.?$/.exec(word)?.[0] ?? (word === '.' || word.endsWith('/..') ? '/.' : '')
  return `${resolve(word).replace(/\/$/, '')}${ending}` || '/'
}
