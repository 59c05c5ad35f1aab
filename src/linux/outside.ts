/**
 * Sockets of the network namespace that a user's tsstack came from, and to which it has no way
 * back: a small process that stayed there makes them, and hands them over.
 */

import koffi from 'koffi'
import { CONTROL_DATA, controlBytes, descriptorsIn, messageHeader, words } from './ancillary.ts'
import type { Fd } from './fd.ts'
import { check, declare, kernelError } from './libc.ts'
import { Program } from './launch/index.ts'

const socketpairCall = declare('int socketpair(int, int, int, _Out_ int *)')
const sendCall = declare('long send(int, void *, size_t, int)')
const recvmsgCall = declare('long recvmsg(int, void *, int)')

const AF_UNIX = 1 // include/linux/socket.h
const SOCK_SEQPACKET = 5
const SOCK_CLOEXEC = 0o2000000
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x40000000
const SIGTERM = 15

/** Descriptors of the process outside. */
export const OUTSIDE_FD = { requests: 3, helper: 4 } as const

const REQUEST_BYTES = 16
const REPLY_BYTES = 8

/** Both ends of a connection that keeps messages apart, close-on-exec. */
export function messagePair(): readonly [Fd, Fd] {
  const fds = [-1, -1]
  const type = SOCK_SEQPACKET | SOCK_CLOEXEC
  check(socketpairCall(AF_UNIX, type, 0, fds), { syscall: 'socketpair', args: ['AF_UNIX'] })
  const [one = -1, other = -1] = fds
  return [one, other]
}

/**
 * The process outside: makes a socket for each request (family and type, a word each) and sends it
 * back. It ends with the last one who could ask, and ends the process of the pidfd `helper` then.
 */
export function outsideProgram(): Program {
  const program = new Program()
  const [again, ended, failed] = ['again', 'ended', 'failed'].map((name) =>
    program.label(name),
  ) as [ReturnType<Program['label']>, ReturnType<Program['label']>, ReturnType<Program['label']>]
  const request = program.zeroed(REQUEST_BYTES)
  const result = program.word()
  const sent = controlBytes([-1])
  const control = program.bytes(sent)
  const { requests, helper } = OUTSIDE_FD
  const reply = (withSocket: boolean): number => {
    const vector = program.bytes(words(result, REPLY_BYTES))
    const socket = withSocket ? { address: control, bytes: sent.length } : undefined
    return program.bytes(messageHeader(vector, socket))
  }
  program.place(again)
  program.call('recvfrom', [requests, request, REQUEST_BYTES, 0, 0, 0], {
    onZero: ended,
    onError: ended,
  })
  program.call('socket', [program.load(request), program.load(request + 8), 0], {
    store: result,
    onError: failed,
  })
  program.compute(result, { store: control + CONTROL_DATA })
  program.call('sendmsg', [requests, reply(true), MSG_NOSIGNAL])
  program.call('close', [program.load(result)])
  program.jump(again)
  program.place(failed)
  program.call('sendmsg', [requests, reply(false), MSG_NOSIGNAL])
  program.jump(again)
  program.place(ended)
  program.call('pidfd_send_signal', [helper, SIGTERM, 0, 0])
  program.call('exit_group', [0])
  return program
}

/** A socket of the namespace in which the process at the other end of `outside` is. */
export function socketOutside(
  outside: Fd,
  { family, type }: { readonly family: number; readonly type: number },
): Fd {
  const request = words(family, type)
  check(sendCall(outside, request, request.length, MSG_NOSIGNAL), {
    syscall: 'send',
    args: ['the process outside'],
    hint: 'it has ended: stop the stacks and start them again',
  })
  const reply = Buffer.alloc(REPLY_BYTES)
  const control = controlBytes([-1])
  const vector = words(koffi.address(reply), REPLY_BYTES)
  const room = { address: koffi.address(control), bytes: control.length }
  const header = messageHeader(koffi.address(vector), room)
  check(recvmsgCall(outside, header, MSG_CMSG_CLOEXEC), {
    syscall: 'recvmsg',
    args: ['the process outside'],
  })
  const errno = -Number(reply.readBigInt64LE())
  if (errno > 0) throw kernelError(errno, { syscall: 'socket', args: [family, type] })
  return descriptorsIn(control, 1)[0] ?? -1
}
