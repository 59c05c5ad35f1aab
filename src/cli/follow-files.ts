/** `up --watch` and `watch`, from the first look at the files until Ctrl-C. */

import { EngineError } from '../errors.ts'
import { WATCH_SUPERVISORS_MAX } from '../limits.ts'
import type { Request, Session, WatchMode } from '../daemon/index.ts'
import type { PlanOptions } from '../planner/index.ts'
import type { Context } from './context.ts'
import { DevelopWatch } from './develop-actions.ts'
import { onInterrupt } from './interrupt.ts'
import { createProgress } from './progress.ts'
import { exitOf } from './render-error.ts'
import { ask } from './request.ts'
import { UpView } from './up-view.ts'
import type { ViewFlags } from './up-view.ts'
import { WatchView } from './watch-view.ts'

export interface Following {
  readonly options: PlanOptions
  readonly flags: ViewFlags
  /** Show the logs, and stop the containers at the end. */
  readonly attach: boolean
  readonly mode: WatchMode
  /** Which images are built before. */
  readonly build: Pick<Extract<Request, { kind: 'up' }>, 'build'>
}

/** The exit status: 130 after Ctrl-C, or what the containers were stopped with. */
export async function followFiles(context: Context, following: Following): Promise<number> {
  const { flags, attach } = following
  const view = new WatchView(context, new UpView(context, flags, await createProgress()))
  const develop = new DevelopWatch(context, (text) => view.say(text))
  let session: Session | undefined
  const interrupted = new AbortController()
  using _handler = onInterrupt((count) => {
    interrupted.abort()
    if (count === 1) {
      view.say(attach ? 'stopping; press Ctrl-C again to kill' : 'the containers run on')
    }
    session?.send({ kind: 'interrupt' })
  })
  for (let failures = 0; !interrupted.signal.aborted; failures += 1) {
    try {
      const onSession = (opened: Session): unknown => (session = opened)
      await followOnce(context, following, { view, develop, onSession })
      break
    } catch (error) {
      if (!view.isWatching || !isLost(error) || failures === WATCH_SUPERVISORS_MAX) throw error
      view.restart()
    }
  }
  await develop.close()
  await view.end()
  return view.status || exitOf('INTERRUPTED')
}

async function followOnce(
  { asking, input }: Context,
  { options, attach, mode, build }: Following,
  { view, develop, onSession }: Round,
): Promise<void> {
  const source = { kind: 'files', input: input(options.services) } as const
  const request = { kind: 'up', source, options, attach, watch: mode, ...build } as const
  for await (const answer of ask({ ...asking, onSession }, request)) {
    await view.show(answer)
    if (answer.kind !== 'message' || answer.message.kind !== 'watching') continue
    await develop.follow(answer.message.develop)
  }
}

interface Round {
  readonly view: WatchView
  readonly develop: DevelopWatch
  readonly onSession: (session: Session) => void
}

/** The supervisor is gone, by an upgrade or by force: there will be another one. */
function isLost(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'SUPERVISOR'
}
