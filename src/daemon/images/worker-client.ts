/** Has images fetched and unpacked by a process that ends with its work. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onAbort } from '../../engine/index.ts'
import { EngineError } from '../../errors.ts'
import { IMAGE_WORKER_HEAP_MIB } from '../../limits.ts'
import type { ImageEvent } from '../../image/index.ts'
import type { DesiredState } from '../../planner/index.ts'
import type { WireError } from '../protocol.ts'
import { RemoteError } from '../wire-error.ts'
import { policyOf, type StackWish } from './wishes.ts'

/** What the worker is told on its standard input. */
export interface WorkerTask {
  readonly state: string
  /** Where relative paths of images begin. */
  readonly directory: string
  readonly images: readonly WorkerImage[]
}

export interface WorkerImage {
  readonly image: string
  readonly platform?: string
  readonly policy?: string
}

/** What it says, a line each. */
export type WorkerReport =
  | { readonly kind: 'event'; readonly event: ImageEvent }
  /** One for each image that could not be had; none: all are there. */
  | { readonly kind: 'done'; readonly errors: readonly WireError[] }

/** @throws {EngineError} the first image's error, with those of the others */
export async function obtainInWorker(
  state: string,
  request: {
    readonly desired: DesiredState
    readonly wishes: readonly StackWish[]
    readonly pull?: string | undefined
    readonly env: Readonly<Record<string, string>>
    readonly signal: AbortSignal
    readonly onEvent: (event: ImageEvent) => void
  },
): Promise<void> {
  const { desired, wishes, pull } = request
  const task: WorkerTask = {
    state,
    directory: desired.source.directory,
    images: wishes.map(({ desired: wanted }) => {
      const { image, platform } = wanted
      const policy = policyOf(wanted, { pull })
      return {
        image,
        ...(platform === undefined ? {} : { platform }),
        ...(policy === undefined ? {} : { policy }),
      }
    }),
  }
  const errors = await work(task, request)
  const [first, ...others] = errors
  if (first === undefined) return
  const rest = others.map(({ message }) => `\n${message}`).join('')
  throw new RemoteError({ ...first, message: first.message + rest })
}

async function work(
  task: WorkerTask,
  request: {
    readonly env: Readonly<Record<string, string>>
    readonly signal: AbortSignal
    readonly onEvent: (event: ImageEvent) => void
  },
): Promise<readonly WireError[]> {
  const child = spawn(process.execPath, [`--max-old-space-size=${IMAGE_WORKER_HEAP_MIB}`, file()], {
    cwd: '/',
    env: environment(request.env),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const stop = (): void => void child.kill('SIGTERM')
  using _stopping = onAbort(request.signal, stop)
  const ended = once(child, 'close')
  // Awaited below, unless what it says fails first.
  ended.catch(() => undefined)
  try {
    // It may have died before it read.
    child.stdin.on('error', () => undefined)
    child.stdin.end(JSON.stringify(task))
    let errors: readonly WireError[] | undefined
    const { createInterface } = process.getBuiltinModule('readline')
    for await (const line of createInterface({ input: child.stdout })) {
      const report = JSON.parse(line) as WorkerReport
      if (report.kind === 'event') request.onEvent(report.event)
      else errors = report.errors
    }
    await ended
    if (request.signal.aborted) throw interrupted()
    if (errors) return errors
  } finally {
    // One that still runs has said what nobody understands.
    stop()
  }
  const how = child.signalCode ?? `status ${child.exitCode}`
  throw new EngineError('IMAGE', `Cannot get images: the process that fetches them ended (${how})`)
}

function interrupted(): EngineError {
  return new EngineError(
    'INTERRUPTED',
    'Interrupted while images were fetched; nothing was changed',
  )
}

/** Beside this file's bundle: `images.js` when built, the worker's source in the source tree. */
function file(): string {
  const name = import.meta.url.endsWith('.ts') ? './worker.ts' : './images.js'
  return fileURLToPath(new URL(name, import.meta.url))
}

const PASSED_ON =
  /^(?:PATH|HOME|DOCKER_CONFIG|REGISTRY_AUTH_FILE|XDG_RUNTIME_DIR|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS|TSSTACK_\w+|(?:https?|no|all)_proxy|(?:HTTPS?|NO|ALL)_PROXY)$/

/** What finds credentials, certificates and proxies; nothing else of the user's. */
function environment(env: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.entries(env).filter(([name]) => PASSED_ON.test(name))
  const cache = process.env['NODE_COMPILE_CACHE']
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
    ...Object.fromEntries(own),
  }
}
