/** Entry of the process that fetches images for the supervisor: a task in, a line per step out. */

import { writeSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import {
  obtainImage,
  openImageStore,
  parseImageSource,
  parsePlatform,
  parsePolicy,
} from '../../image/index.ts'
import type { WireError } from '../protocol.ts'
import { toWire } from '../wire-error.ts'
import type { WorkerImage, WorkerReport, WorkerTask } from './worker-client.ts'

process.title = 'tsstack images'
const stopped = new AbortController()
process.once('SIGTERM', () => stopped.abort())

const task = JSON.parse(await text(process.stdin)) as WorkerTask
report({ kind: 'done', errors: await obtainAll(task) })
process.exit(0)

/** One image after the other: the layers of each come at once, and fill the line. */
async function obtainAll({ state, images, directory }: WorkerTask): Promise<readonly WireError[]> {
  const errors: WireError[] = []
  for (const image of images) {
    if (stopped.signal.aborted) break
    try {
      await obtain(state, directory, image)
    } catch (error) {
      errors.push(toWire(error))
    }
  }
  return errors
}

async function obtain(state: string, directory: string, wanted: WorkerImage): Promise<void> {
  const { image, platform, policy } = wanted
  await obtainImage(
    openImageStore(state),
    {
      image,
      source: parseImageSource(image, directory),
      policy: parsePolicy(policy),
      ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
    },
    {
      env: process.env,
      signal: stopped.signal,
      onEvent: (event) => report({ kind: 'event', event }),
    },
  )
}

function report(line: WorkerReport): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      // The supervisor has gone: what is fetched is of use to the next one, but nobody is told.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return
    }
  }
}
