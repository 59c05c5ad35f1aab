/** A connection with the systemd that runs this machine, on the socket that is its own. */

import { createConnection, type Socket } from 'node:net'
import { EngineError, errorText } from '../errors.ts'
import {
  bodyOf,
  decodeMessage,
  encodeMessage,
  ERROR,
  FIELD,
  type Heard,
  type Message,
  METHOD_CALL,
  METHOD_RETURN,
  SIGNAL,
  textOf,
  type Value,
} from './systemd-wire.ts'

/** For root alone, there before any bus is. @see systemd src/core/dbus.c, bus_init_private */
const SOCKET = '/run/systemd/private'
const MANAGER = 'org.freedesktop.systemd1'
/** It starts a scope in milliseconds; on a machine that boots it may take seconds. */
const SYSTEMD_MS_MAX = 30_000

export interface Call {
  readonly method: string
  readonly signature: string
  readonly body: readonly Value[]
  /** Whether the end of the job that it begins is waited for, or that systemd has taken it on. */
  readonly until: 'done' | 'begun'
}

/** Its answer is an error of this name. */
export class SystemdError extends Error {
  readonly error: string

  constructor(error: string, text: string) {
    super(`${error}: ${text}`)
    this.error = error
  }
}

/** Calls a method that begins a job; throws when it fails. */
export async function runJob(call: Call): Promise<void> {
  const socket = createConnection(SOCKET)
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(new Error(`it has not answered for ${SYSTEMD_MS_MAX / 1000} s`))
  }, SYSTEMD_MS_MAX)
  try {
    await Promise.race([converse(socket, call), tooLate])
  } catch (cause) {
    if (cause instanceof SystemdError) throw cause
    throw new EngineError('LAUNCH', `Cannot ask systemd to ${call.method}: ${errorText(cause)}`, {
      hint: 'use the cgroup manager "cgroupfs"',
      cause,
    })
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

async function converse(socket: Socket, call: Call): Promise<void> {
  const chunks: AsyncIterator<Buffer> = socket.iterator({ destroyOnReturn: false })
  let rest = await greet(socket, chunks)
  socket.write(encodeMessage(messageOf(call), 1))
  let job: Value | undefined
  const done = new Map<Value | undefined, Value | undefined>()
  for (;;) {
    for (let next = decodeMessage(rest); next !== undefined; next = decodeMessage(rest)) {
      rest = rest.subarray(next.length)
      job = heard(next.message, done) ?? job
    }
    const result = job === undefined ? undefined : done.get(job)
    if (result === 'done' || (job !== undefined && call.until === 'begun')) return
    if (result !== undefined)
      throw new SystemdError(call.method, `its job ended: ${textOf(result)}`)
    rest = Buffer.concat([rest, await nextChunk(chunks)])
  }
}

/** The job that an answer names; ends of jobs go into `done`. */
function heard(message: Heard, done: Map<Value | undefined, Value | undefined>): Value | undefined {
  const { type, fields } = message
  if (type === METHOD_RETURN) return bodyOf(message)[0]
  if (type === ERROR) {
    throw new SystemdError(textOf(fields.get(FIELD.error)), textOf(bodyOf(message)[0]))
  }
  if (type === SIGNAL && fields.get(FIELD.member) === 'JobRemoved') {
    const [, job, , result] = bodyOf(message)
    done.set(job, result)
  }
  return undefined
}

/** Says who we are, which the kernel has told already; resolves with what came after it. */
async function greet(socket: Socket, chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  socket.write('\0AUTH EXTERNAL\r\n')
  let heardBytes = Buffer.alloc(0)
  for (;;) {
    const end = heardBytes.indexOf('\r\n')
    if (end < 0) {
      heardBytes = Buffer.concat([heardBytes, await nextChunk(chunks)])
      continue
    }
    const line = heardBytes.toString('latin1', 0, end)
    heardBytes = heardBytes.subarray(end + 2)
    if (line.startsWith('OK')) break
    if (!line.startsWith('DATA')) throw new Error(`it says ${JSON.stringify(line)}`)
    socket.write('DATA\r\n')
  }
  socket.write('BEGIN\r\n')
  return heardBytes
}

async function nextChunk(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  const { value, done } = await chunks.next()
  if (done === true) throw new Error('it has closed the connection')
  return value
}

function messageOf({ method, signature, body }: Call): Message {
  const fields = new Map<number, Value>([
    [FIELD.path, '/org/freedesktop/systemd1'],
    [FIELD.interface, `${MANAGER}.Manager`],
    [FIELD.member, method],
    [FIELD.destination, MANAGER],
    [FIELD.signature, signature],
  ])
  return { type: METHOD_CALL, fields, body }
}
