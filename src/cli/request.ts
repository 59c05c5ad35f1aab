/** Asks the supervisor, and handles the answers that mean the same for every command. */

import { EngineError } from '../errors.ts'
import { LOSSES_MAX } from '../limits.ts'
import { openRequest, readStack } from '../daemon/index.ts'
import type { Answer, Busy, Places, Request, ServerMessage, Session } from '../daemon/index.ts'
import { ageText } from './age-text.ts'
import { createImageProgress } from './image-progress.ts'
import type { ImageProgress } from './image-progress.ts'
import { say } from './output.ts'
import { placed, placedWire } from './placed.ts'
import { Resumption } from './resumption.ts'
import { safeText } from './safe-text.ts'

export interface Asking {
  readonly places: Places
  /** As others are told who holds a stack: `tsstack up`. */
  readonly command: string
  /** Called with each session: to send what the user does while it lasts. */
  readonly onSession?: (session: Session) => void
  readonly onWaiting?: () => void
  /** `--quiet-pull`: images on their way are not shown. */
  readonly hidesImages?: boolean
  /** `--quiet-build`: nor is how they are built, unless it fails. */
  readonly hidesBuilds?: boolean
}

/**
 * Everything that the supervisor answers to `request`, but for what is handled here. One that goes
 * away, by an upgrade or by force, is followed by another: what can go on there does.
 */
export async function* ask(asking: Asking, request: Request): AsyncGenerator<Answer, void> {
  const resumption = new Resumption(request)
  let next = request
  for (let losses = 0; ;) {
    try {
      for await (const answer of askOnce({ ...asking, resuming: losses > 0 }, next)) {
        losses = 0
        resumption.hear(answer)
        yield answer
      }
      return
    } catch (error) {
      losses += 1
      const rest = isLost(error) && losses <= LOSSES_MAX ? resumption.next() : undefined
      if (rest === 'done') return
      if (rest === undefined) throw await placed(error, request)
      next = rest
    }
  }
}

/** The supervisor has ended before it was done. */
function isLost(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'SUPERVISOR'
}

async function* askOnce(
  asking: Asking & { readonly resuming: boolean },
  request: Request,
): AsyncGenerator<Answer, void> {
  const session = await openRequest({ ...asking, onBusy: sayHandOver }, request)
  let warned = ''
  asking.onSession?.(session)
  try {
    for await (const answer of showingImages(asking, session.answers())) {
      if (answer.kind !== 'message') {
        yield answer
      } else if (answer.message.kind === 'load-yourself') {
        yield* ask(asking, await withDesired(request))
        return
      } else if (answer.message.kind === 'build-first') {
        session.close()
        yield* ask(asking, await afterBuild(asking, request, answer.message))
        return
      } else if (answer.message.kind === 'waiting') {
        sayBusy(answer.message)
        asking.onWaiting?.()
      } else if (answer.message.kind === 'loaded') {
        // A file that is read again is no reason to say the same again.
        if (answer.message.warnings !== warned) showWarnings(answer.message.warnings)
        warned = answer.message.warnings
      } else if (answer.message.kind === 'rejected') {
        const error = await placedWire(answer.message.error, request)
        yield { kind: 'message', message: { kind: 'rejected', error } }
      } else {
        yield answer
      }
    }
  } finally {
    session.close()
  }
}

/** Who changes a stack, and since when. */
function sayBusy({ holder: { command, pid, since }, stack }: Busy): void {
  const begun = since === undefined ? '' : ` (begun ${ageText(since)})`
  say(`waiting for ${safeText(command)} (pid ${pid}), which is changing stack "${stack}"${begun}`)
}

function sayHandOver({ pid, version }: { pid: number; version: string }, busy: Busy): void {
  say(`the supervisor before (pid ${pid}, version ${version}) hands over when its work is done`)
  sayBusy(busy)
}

/** Shows images on their way; hands on everything else. */
async function* showingImages(
  { hidesImages }: Asking,
  answers: AsyncIterable<Answer>,
): AsyncGenerator<Answer, void> {
  let images: ImageProgress | undefined
  try {
    for await (const answer of answers) {
      if (answer.kind === 'message' && answer.message.kind === 'image') {
        if (hidesImages === true) continue
        images ??= await createImageProgress()
        images.event(answer.message.event)
      } else {
        await images?.end()
        images = undefined
        yield answer
      }
    }
  } finally {
    await images?.end()
  }
}

/** The one message of `kind` in the answer to `request`. */
export async function askFor<Kind extends ServerMessage['kind']>(
  asking: Asking,
  request: Request,
  kind: Kind,
): Promise<Extract<ServerMessage, { kind: Kind }>> {
  let found: ServerMessage | undefined
  for await (const answer of ask(asking, request)) {
    if (answer.kind === 'message' && answer.message.kind === kind) found = answer.message
  }
  if (found === undefined) throw new Error(`The supervisor did not answer with "${kind}"`)
  return found as Extract<ServerMessage, { kind: Kind }>
}

/** The same request, when the images it needs are built. */
async function afterBuild(
  asking: Asking,
  request: Request,
  { builds, directory, values }: Extract<ServerMessage, { kind: 'build-first' }>,
): Promise<Request> {
  const { buildWithProgress } = await import('./build-images.ts')
  const flags = { noCache: false, pull: false, args: {} }
  const isQuiet = asking.hidesBuilds === true
  await buildWithProgress(asking, { builds, directory, values, flags, isQuiet })
  const { build: _done, ...rest } = request as Extract<Request, { kind: 'up' }>
  return rest
}

/** Files that are too large for the supervisor are read here. */
async function withDesired(request: Request): Promise<Request> {
  if (!('source' in request) || request.source.kind !== 'files') return request
  const { desired, warnings } = await readStack(request.source.input)
  showWarnings(warnings)
  return { ...request, source: { kind: 'desired', desired } }
}

function showWarnings(text: string): void {
  if (text !== '') say(text)
}
