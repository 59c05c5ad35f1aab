/** What `develop.watch` does when files have changed: in containers, by the supervisor. */

import {
  type Develop,
  developing,
  type DevelopRule,
  type Request,
  type Session,
} from '../daemon/index.ts'
import { UsageError } from '../errors.ts'
import type { Context } from './context.ts'
import { reportOutcomes } from './outcome.ts'
import { renderError } from './render-error.ts'
import { ask, askFor } from './request.ts'
import { safeText } from './safe-text.ts'

type Say = (text: string) => void

/** Follows the files of `develop.watch` beside those of the stack. */
export class DevelopWatch {
  readonly #context: Context
  readonly #say: Say
  #follower: Awaited<ReturnType<typeof developing>> | undefined
  #told = ''

  constructor(context: Context, say: Say) {
    this.#context = context
    this.#say = say
  }

  /** From now on these, and no others. */
  async follow(rules: readonly DevelopRule[]): Promise<void> {
    if (this.#follower === undefined && rules.length === 0) return
    this.#follower ??= await developing({
      perform: (develop) => this.#perform(develop),
      onError: (error) => this.#say(renderError(error, this.#context.paint, false)),
    })
    await this.#follower.follow(rules)
    const told = rules.map(ruleText).join('\n')
    if (told !== '' && told !== this.#told) this.#say(told)
    this.#told = told
  }

  async close(): Promise<void> {
    await this.#follower?.close()
  }

  async #perform(develop: Develop): Promise<void> {
    const { service, rebuild, synced, removed, restart, execs } = develop
    const name = safeText(service)
    if (rebuild) {
      this.#say(`${name}: building again`)
      return this.#change({
        kind: 'up',
        source: { kind: 'files', input: this.#context.input([service]) },
        options: { services: [service], noDeps: true },
        attach: false,
        build: 'all',
      })
    }
    const files = synced.length + removed.length
    if (files > 0) {
      const containers = await this.#sync(develop)
      const where = containers.map(safeText).join(', ')
      this.#say(`${name}: ${files} ${files === 1 ? 'file' : 'files'} synchronised to ${where}`)
    }
    for (const exec of execs) await this.#exec(service, exec)
    if (!restart) return
    this.#say(`${name}: restarting`)
    const options = { services: [service] }
    await this.#change({ kind: 'change', verb: 'restart', input: this.#context.input(), options })
  }

  async #sync({ service, synced, removed }: Develop): Promise<readonly string[]> {
    const archive = this.#follower?.archiveOf(synced) ?? []
    let session: Session | undefined
    let sent: Promise<void> | undefined
    const asking = { ...this.#context.asking, onSession: (opened: Session) => (session = opened) }
    const request = {
      kind: 'copy-to',
      input: this.#context.input(),
      service,
      all: false,
      path: '/',
      what: { kind: 'archive', name: '' },
      archive: false,
      remove: removed,
    } as const
    let containers: readonly string[] = []
    for await (const answer of ask(asking, request)) {
      if (answer.kind !== 'message') continue
      if (answer.message.kind === 'started' && session) sent = send(session, archive)
      if (answer.message.kind === 'copied') containers = answer.message.containers
    }
    await sent
    return containers
  }

  /** In each replica, one after the other. */
  async #exec(service: string, exec: NonNullable<DevelopRule['exec']>): Promise<void> {
    const { asking } = this.#context
    const input = this.#context.input()
    const request = { kind: 'observe', input, services: [service] } as const
    const { observed } = await askFor(asking, request, 'observed')
    const running = observed.containers.filter(
      (each) => each.service === service && each.state === 'running' && each.oneOff === undefined,
    )
    for (const { name, index } of running) {
      const status = await this.#execIn({ kind: 'exec', input, service, index, exec })
      if (status === 0) continue
      throw new UsageError(
        `Cannot go on after synchronising "${name}": "${exec.command.join(' ')}" ended with ${status}`,
        { code: 'ACTION_FAILED', hint: 'see what it says above; the files are there' },
      )
    }
  }

  async #execIn(request: Extract<Request, { kind: 'exec' }>): Promise<number> {
    let session: Session | undefined
    let status = 0
    const asking = { ...this.#context.asking, onSession: (opened: Session) => (session = opened) }
    for await (const answer of ask(asking, request)) {
      if (answer.kind === 'stdout' || answer.kind === 'stderr') {
        const text = Buffer.from(answer.bytes).toString('utf8').trimEnd()
        if (text !== '') this.#say(`${safeText(request.service)}: ${safeText(text)}`)
      } else if (answer.kind === 'message' && answer.message.kind === 'started') {
        session?.send({ kind: 'stdin-end' })
      } else if (answer.kind === 'message' && answer.message.kind === 'exited') {
        status = answer.message.exitCode
      }
    }
    return status
  }

  async #change(request: Request): Promise<void> {
    const { asking, paint } = this.#context
    for await (const answer of ask(asking, request)) {
      if (answer.kind !== 'message' || answer.message.kind !== 'result') continue
      const { outcomes, interrupted } = answer.message
      const status = reportOutcomes(outcomes, { interrupted, paint })
      if (status === 0) this.#say(outcomes.length === 0 ? 'nothing has changed by that' : 'done')
    }
  }
}

async function send(session: Session, archive: Iterable<Buffer>): Promise<void> {
  for (const bytes of archive) await session.sendBytes(bytes)
  session.send({ kind: 'stdin-end' })
}

/** `following: web ./src → /app (sync)` */
function ruleText({ service, path, action, target }: DevelopRule): string {
  const where = target === undefined || action === 'rebuild' ? '' : ` → ${target}`
  return `following: ${safeText(`${service} ${path}${where} (${action})`)}`
}
