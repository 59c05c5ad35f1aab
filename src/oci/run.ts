/** Creates, starts and waits for a container, and deletes it: `run`. */

import { signalNumber } from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import { childEnd } from '../linux/index.ts'
import { createContainer, type CreateOptions } from './create.ts'
import { deleteContainer, killContainer, startContainer, type Which } from './lifecycle.ts'

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

/**
 * Hands signals on to the program: those that come before it runs as soon as it does. None of them
 * ends us, who delete what has ended.
 */
class Forwarder {
  readonly #which: Which
  #early: NodeJS.Signals[] | undefined = []
  readonly #hear = (signal: NodeJS.Signals): void => {
    if (this.#early === undefined) this.#forward(signal)
    else this.#early.push(signal)
  }

  constructor(which: Which) {
    this.#which = which
    for (const signal of FORWARDED) process.on(signal, this.#hear)
  }

  begin(): void {
    const early = this.#early ?? []
    this.#early = undefined
    for (const signal of early) this.#forward(signal)
  }

  #forward(signal: NodeJS.Signals): void {
    try {
      killContainer(this.#which, String(signalNumber(signal)))
    } catch (error) {
      // It has ended, and is about to be deleted, or has been.
      if (!(error instanceof UsageError)) throw error
    }
  }
}

/** The exit status of its program; 128 and the signal for one that a signal ended. */
export async function runContainer(
  options: CreateOptions,
  { detach, warn }: { readonly detach: boolean; readonly warn: (text: string) => void },
): Promise<number> {
  const { root, id } = options
  const forwarder = new Forwarder({ root, id })
  const { pid = 0 } = await createContainer(options)
  try {
    await startContainer({ root, id }, warn)
  } catch (error) {
    await deleteContainer({ root, id }, { force: true, warn })
    throw error
  }
  forwarder.begin()
  if (detach) return 0
  const end = await childEnd(pid)
  await deleteContainer({ root, id }, { force: true, warn })
  if (end.kind === 'exited') return end.code
  return end.kind === 'signaled' ? 128 + end.signal : 1
}
