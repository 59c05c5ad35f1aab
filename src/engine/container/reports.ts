/**
 * The supervisor's end of an attempt's FIFO: what monitor and child report, and that they are gone.
 */

import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { type Failure, type Fd, parseFailure } from '../../linux/index.ts'
import { MESSAGE, MESSAGE_BYTES } from './monitor.ts'

/** Called in the order of the events; `gone` is always the last. */
export interface ReportListener {
  readonly started: (pid: number) => void
  /** An operation of the launch program failed; the program never ran. */
  readonly failed: (failure: Failure) => void
  readonly exited: (waitStatus: number) => void
  /** The child of a bundle has come to a point where it waits; see bundle.ts. */
  readonly reached?: (point: number) => void
  /** Monitor and mover have ended: the log is complete, and nothing of the attempt runs. */
  readonly gone: () => void
}

/**
 * Listens to the FIFO at `path`. Open it before the monitor has its end: a FIFO whose writers are
 * all gone reads as ended at once, which is how an attempt that died meanwhile is noticed by an
 * adopter.
 */
export function listenToReports(path: string, listener: ReportListener): { close: () => void } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  // poll(2) tells of the end of a FIFO only to a reader that has seen a writer come: fs/pipe.c
  // compares counts of opens. Whoever adopts an attempt opens after its monitor, so one more writer
  // comes here.
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return listenToPipe(fd, listener)
}

/** The same for a descriptor that is open already, such as an anonymous pipe of an exec. */
export function listenToPipe(fd: Fd, listener: ReportListener): { close: () => void } {
  const socket = openSocket(fd)
  let pending: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= MESSAGE_BYTES) {
      report(pending, listener)
      pending = pending.subarray(MESSAGE_BYTES)
    }
  })
  let ended = false
  const end = (): void => {
    if (ended) return
    ended = true
    socket.destroy()
    listener.gone()
  }
  socket.on('end', end)
  // A FIFO cannot fail to be read in another way than by ending.
  socket.on('error', end)
  return {
    close: () => {
      ended = true
      socket.destroy()
    },
  }
}

function openSocket(fd: number): Socket {
  try {
    return new Socket({ fd, readable: true, writable: false })
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function report(bytes: Buffer, listener: ReportListener): void {
  const failure = parseFailure(bytes)
  if (failure) return listener.failed(failure)
  const value = Number(bytes.readBigInt64LE(8))
  switch (bytes.readUInt32LE(0)) {
    case MESSAGE.started:
      return listener.started(value)
    case MESSAGE.exited:
      return listener.exited(value)
    case MESSAGE.reached:
      return listener.reached?.(value)
    default:
      return undefined
  }
}
