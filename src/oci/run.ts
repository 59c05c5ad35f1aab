/** Creates, starts and waits for a container, and deletes it: `run`. */

import { signalNumber } from '../engine/index.ts'
import { childEnd } from '../linux/index.ts'
import { createContainer, type CreateOptions } from './create.ts'
import { deleteContainer, killContainer, startContainer } from './lifecycle.ts'

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

/** The exit status of its program; 128 and the signal for one that a signal ended. */
export async function runContainer(
  options: CreateOptions,
  { detach, warn }: { readonly detach: boolean; readonly warn: (text: string) => void },
): Promise<number> {
  const { root, id } = options
  const { pid = 0 } = await createContainer(options)
  try {
    await startContainer({ root, id }, warn)
  } catch (error) {
    await deleteContainer({ root, id }, { force: true, warn })
    throw error
  }
  if (detach) return 0
  for (const signal of FORWARDED) {
    process.on(signal, () => killContainer({ root, id }, String(signalNumber(signal))))
  }
  const end = await childEnd(pid)
  await deleteContainer({ root, id }, { force: true, warn })
  if (end.kind === 'exited') return end.code
  return end.kind === 'signaled' ? 128 + end.signal : 1
}
