/** The log of a live container: its file reader, told by the engine when nothing more will come. */

import type { LiveContainer, Machine } from '../machine.ts'
import type { LogBlock, LogOptions } from '../types.ts'
import { readLog } from './read.ts'

/** With `follow`: until the container has ended and is not to be started again, or is removed. */
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
      : () => !container.attempt && !container.restart
  return readLog(
    {
      container: name,
      directory: container.own.log,
      isComplete: () => machine.containers.get(name) !== container || isOver(),
      onChange: (wake) => {
        // An attempt's end is announced before its clean-up: its own promise is the moment.
        const onEvent = (): void => {
          container.attempt?.ended.then(wake, wake)
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
