/** Who passes on the logs of all containers whose file asks for it. */

import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { errorText } from '../../../errors.ts'
import { LOG_FORWARD_MS_MAX } from '../../../limits.ts'
import { type ContainerSpec, type ForwardSpec, renderLogTag } from '../../../planner/index.ts'
import type { LiveContainer, Machine } from '../../machine.ts'
import type { ContainerRecord } from '../../records/container.ts'
import { Forwarder } from './forwarder.ts'
import { JournalEncoder } from './journal.ts'
import type { Identity, LogMessage } from './message.ts'
import { openSink } from './sink.ts'
import { SyslogEncoder } from './syslog.ts'
import { warn } from '../../warn.ts'

export { checkPlace } from './sink.ts'

export class Forwarders {
  readonly #machine: Machine
  readonly #unsubscribe: () => void
  readonly #running = new Map<LiveContainer, Forwarder>()

  constructor(machine: Machine) {
    this.#machine = machine
    this.#unsubscribe = machine.subscribe((event) => {
      if (event.kind !== 'container') return
      const container = machine.containers.get(event.container)
      if (container === undefined) return
      if (event.state === 'created') this.#begin(container)
      if (event.state === 'exited') void this.#wakeAtEnd(container)
    })
    for (const container of machine.containers.values()) this.#begin(container)
  }

  /** Before the log is removed: resolves when all of it is passed on, or no longer waited for. */
  async finish(container: LiveContainer): Promise<void> {
    const forwarder = this.#running.get(container)
    this.#running.delete(container)
    await forwarder?.finish(LOG_FORWARD_MS_MAX)
  }

  async close(): Promise<void> {
    this.#unsubscribe()
    await Promise.all([...this.#running.values()].map((each) => each.close()))
    this.#running.clear()
  }

  #begin(container: LiveContainer): void {
    const { record, own } = container
    const { forward } = record.spec.logging
    if (forward === undefined || this.#running.has(container)) return
    const machine = this.#machine
    const say = (message: string): void => {
      const { stack, name } = record
      const what = `output of "${name}" to ${forward.driver}: ${message}`
      warn(machine, stack, what)
    }
    try {
      const forwarder = new Forwarder({
        log: own.log,
        position: join(own.directory, 'passed-on'),
        open: () => openSink(forward),
        encode: encoderOf(forward, record),
        isQuiet: () => container.attempt === undefined,
        say,
      })
      this.#running.set(container, forwarder)
    } catch (error) {
      say(`it cannot be passed on: ${errorText(error)}`)
    }
  }

  /** The end is announced before its clean-up, and the log mover may still be at work. */
  async #wakeAtEnd(container: LiveContainer): Promise<void> {
    await container.attempt?.ended.catch(() => undefined)
    this.#running.get(container)?.wake()
  }
}

function encoderOf(forward: ForwardSpec, record: ContainerRecord): (message: LogMessage) => Buffer {
  const identity = identityOf(record, forward.tag)
  const encoder =
    forward.driver === 'journald'
      ? new JournalEncoder(identity, forward.fields)
      : new SyslogEncoder(forward, identity, { host: hostname(), pid: process.pid })
  return (message) => encoder.encode(message)
}

/** Of as many digits as Docker's id, and as unique: no other container has name and time. */
function identityOf({ stack, name, createdAt, spec }: ContainerRecord, tag: string): Identity {
  const id = createHash('sha256').update([stack, name, createdAt].join('\0')).digest('hex')
  return { name, id, image: spec.image, tag: renderTag(tag, { name, id, spec }) }
}

function renderTag(
  tag: string,
  { name, id, spec }: { readonly name: string; readonly id: string; readonly spec: ContainerSpec },
): string {
  const imageId = (spec.imageDigest ?? spec.image).replace(/^sha256:/, '')
  const words: Readonly<Record<string, string>> = {
    ID: id.slice(0, 12),
    FullID: id,
    Name: name,
    ImageID: imageId.slice(0, 12),
    ImageFullID: imageId,
    ImageName: spec.image,
    DaemonName: 'tsstack',
  }
  return renderLogTag(tag, (word) => words[word])
}
