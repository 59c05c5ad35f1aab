/** The log of a live container: its file reader, told by the engine when nothing more will come. */

import { setTimeout as sleep } from 'node:timers/promises'
import { LOG_DRAIN_MS } from '../../limits.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import type { LogBlock, LogOptions } from '../types.ts'
import { readLog } from './read.ts'

/**
 * With `follow`: until the container has ended and is not to be started again, or is removed.
 * Without, what there is; of a program that has just ended all that it wrote.
 */
export function readContainerLog(
  machine: Machine,
  container: LiveContainer,
  options: LogOptions,
): AsyncIterable<LogBlock> {
  const { name } = container.record
  const { attempt } = container
  const isOver =
    options.attached === true
      ? () => container.attempt !== attempt
      : () => !container.attempt && !container.restart && !container.starting
  return readLog(
    {
      container: name,
      directory: container.own.log,
      // Its end is known before the log mover has read its last words.
      lastWords: async () => (attempt?.exit ? within(attempt.ended) : undefined),
      isComplete: () => machine.containers.get(name) !== container || isOver(),
      onChange: (wake) => {
        // An attempt's end is announced before its clean-up: its own promise is the moment.
        const onEvent = (): void => {
          container.attempt?.ended.then(wake, wake)
          container.starting?.then(wake, wake)
          wake()
        }
        onEvent()
        return machine.subscribe((event) => {
          if (event.kind === 'container' && event.container === name) onEvent()
        })
      },
    },
    options,
  )
}

/** What has failed to be cleaned up, or takes long, has a log all the same. */
async function within(ended: Promise<void>): Promise<void> {
  const settled = ended.catch(() => undefined)
  await Promise.race([settled, sleep(LOG_DRAIN_MS, undefined, { ref: false })])
}
