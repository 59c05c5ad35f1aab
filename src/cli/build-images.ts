/** Builds images with their progress on the screen; Ctrl-C ends it. */

import { buildServices, checkServices, type BuildRun, type BuiltService } from '../daemon/index.ts'
import { EngineError } from '../errors.ts'
import { BuildLog, type BuildView } from './build-progress.ts'
import { goInside } from './inside.ts'
import { onInterrupt } from './interrupt.ts'
import { mannerOf } from './manner.ts'
import { hasColor, isDrawn, print } from './output.ts'
import type { Asking } from './request.ts'

export interface BuildWish extends Pick<BuildRun, 'builds' | 'directory' | 'values' | 'flags'> {
  readonly isQuiet?: boolean
  readonly isPlain?: boolean
}

export async function buildWithProgress(
  asking: Asking,
  { isQuiet = false, isPlain = false, ...wish }: BuildWish,
): Promise<readonly BuiltService[]> {
  await goInside(asking)
  const { places, command } = asking
  const stopped = new AbortController()
  using _handler = onInterrupt((count) => {
    if (count > 1) process.exit(130)
    stopped.abort()
  })
  const view = await createView({ isQuiet, isPlain })
  view.begin(wish.builds.map(({ service }) => service))
  try {
    const built = await buildServices({
      ...wish,
      places,
      command,
      env: process.env,
      color: hasColor(2),
      signal: stopped.signal,
      onEvent: (service, event) => view.event(service, event),
    })
    await view.end(true)
    return built
  } catch (error) {
    await view.end(false)
    if (!stopped.signal.aborted) throw error
    throw new EngineError('INTERRUPTED', 'Interrupted: what was built so far is kept', {
      hint: 'run it again: it goes on from there',
    })
  }
}

/** Looks for mistakes only. */
export async function checkBuilds(
  { places, command }: Asking,
  wish: Omit<BuildWish, 'isQuiet' | 'isPlain'>,
): Promise<number> {
  const view = new BuildLog({ isQuiet: false })
  await checkServices({
    ...wish,
    places,
    command,
    env: process.env,
    color: hasColor(2),
    signal: new AbortController().signal,
    onEvent: (service, event) => view.event(service, event),
  })
  for (const { service } of wish.builds) print(`${service}: no mistake found`)
  return 0
}

async function createView(how: {
  readonly isQuiet: boolean
  readonly isPlain: boolean
}): Promise<BuildView> {
  const isQuiet = how.isQuiet || mannerOf().progress === 'quiet'
  if (isQuiet || how.isPlain || !isDrawn()) return new BuildLog({ isQuiet })
  const { DrawnBuild } = await import('./build-progress-terminal.ts')
  return new DrawnBuild()
}
