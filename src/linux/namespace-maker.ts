/**
 * Network namespaces by the dozen: a small process makes them and hands them over, so that the
 * thread that starts containers does not stand still for each. It ends with its last one, or when
 * nobody is there to take the next.
 */

import assert from 'node:assert/strict'
import koffi from 'koffi'
import { CONTROL_DATA, controlBytes, descriptorsIn, messageHeader, words } from './ancillary.ts'
import { close, type Fd } from './fd.ts'
import { type Address, type Label, Program, spawnBeside } from './launch/index.ts'
import { declare } from './libc.ts'
import { CLONE_NEW } from './namespace.ts'
import { type InetSocketRequest, socketAddress } from './netlink/inet.ts'
import { encodeMessage, type Request } from './netlink/message.ts'
import { O } from './open-flags.ts'
import { messagePair } from './outside.ts'

const sendCall = declare('long send(int, void *, size_t, int)')
const recvmsgCall = declare('long recvmsg(int, void *, int)')

const AF_INET = 2 // include/linux/socket.h
const AF_NETLINK = 16
const AT_FDCWD = -100
const SOCK = { tcp: 1, udp: 2, raw: 3 } as const // include/linux/net.h
const SOCK_NONBLOCK = 0x800
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x40000000
const ENOENT = 2
const EROFS = 30
/** Of struct nlmsghdr, with struct nlmsgerr after it: `error`. @see netlink(7) */
const NETLINK_ERROR_OFFSET = 16
const ANSWER_BYTES = 4096
const WORD_BYTES = 8

/** In the place of a descriptor. */
const NONE = -1

/** The maker's end of the connection, in the maker. */
const PEER_FD = 3

/** What each namespace is given, in this order. */
export interface NamespaceRecipe {
  /** Files of settings, and what is written to them; one that this kernel lacks is passed over. */
  readonly settings: readonly { readonly path: string; readonly value: string }[]
  /** Asked for in one datagram each; the last request of each is acknowledged. */
  readonly netlink: readonly { readonly family: number; readonly requests: readonly Request[] }[]
  /** IPv4, with ports of their own. */
  readonly sockets: readonly InetSocketRequest[]
}

export interface MadeNamespace {
  readonly netns: Fd
  /** In the order of the recipe. */
  readonly sockets: readonly Fd[]
}

/** Makes as many namespaces as it is told, and gives up at the first that cannot be made. */
export function namespaceMakerProgram({ settings, netlink, sockets }: NamespaceRecipe): Program {
  const program = new Program()
  const [again, ended] = [program.label('again'), program.label('ended')]
  const left = program.word()
  program.call('recvfrom', [PEER_FD, left, WORD_BYTES, 0, 0, 0], { onError: ended, onZero: ended })
  program.place(again)
  program.call('unshare', [CLONE_NEW.net], { onError: ended })
  for (const { path, value } of settings) writeSetting(program, { path, value }, ended)
  for (const { family, requests } of netlink) ask(program, { family, requests }, ended)
  const opened = sockets.map((socket) => openSocket(program, socket, ended))
  const netns = program.word()
  const flags = O.RDONLY | O.CLOEXEC
  program.call('openat', [AT_FDCWD, program.text('/proc/thread-self/ns/net'), flags, 0], {
    store: netns,
    onError: ended,
  })
  handOver(program, [netns, ...opened], ended)
  program.compute(left, { plus: -1, store: left, onPositive: again })
  program.place(ended)
  program.call('exit_group', [0])
  return program
}

function writeSetting(
  program: Program,
  { path, value }: { readonly path: string; readonly value: string },
  ended: Label,
): void {
  const [missing, next] = [program.label('missing'), program.label('next')]
  const file = program.word()
  program.call('openat', [AT_FDCWD, program.text(path), O.WRONLY | O.CLOEXEC, 0], {
    store: file,
    onError: missing,
  })
  program.call('write', [program.load(file), program.text(value), Buffer.byteLength(value)], {
    onError: ended,
  })
  program.call('close', [program.load(file)])
  program.jump(next)
  program.place(missing)
  program.compare(program.failedResult, -ENOENT, { equal: next })
  program.compare(program.failedResult, -EROFS, { equal: next })
  program.jump(ended)
  program.place(next)
}

/** The kernel works on a request inside sendto(2): its answer is there at once. */
function ask(
  program: Program,
  { family, requests }: NamespaceRecipe['netlink'][number],
  ended: Label,
): void {
  const socket = program.word()
  program.call('socket', [AF_NETLINK, SOCK.raw | O.CLOEXEC, family], {
    store: socket,
    onError: ended,
  })
  const bytes = Buffer.concat(requests.map((request, at) => encodeMessage(request, at + 1)))
  const datagram = program.bytes(bytes)
  program.call('sendto', [program.load(socket), datagram, bytes.length, 0, 0, 0], {
    onError: ended,
  })
  const answer = program.zeroed(ANSWER_BYTES)
  program.call('recvfrom', [program.load(socket), answer, ANSWER_BYTES, MSG_DONTWAIT, 0, 0], {
    onError: ended,
    onZero: ended,
  })
  program.call('close', [program.load(socket)])
  // A refusal comes before the acknowledgement.
  program.compare(answer + NETLINK_ERROR_OFFSET, 0, {
    mask: 0xffffffffn,
    greater: ended,
  })
}

/** Returns the word that holds its descriptor. */
function openSocket(program: Program, request: InetSocketRequest, ended: Label): Address {
  const { protocol, address, port, backlog, reuseAddress } = request
  assert(port !== 0, 'Nobody could tell which port it was given')
  const socket = program.word()
  program.call('socket', [AF_INET, SOCK[protocol] | SOCK_NONBLOCK | O.CLOEXEC, 0], {
    store: socket,
    onError: ended,
  })
  const own = program.load(socket)
  if (reuseAddress === true) {
    const on = program.bytes(Buffer.of(1, 0, 0, 0))
    program.call('setsockopt', [own, SOL_SOCKET, SO_REUSEADDR, on, 4], { onError: ended })
  }
  const name = socketAddress(address, port)
  program.call('bind', [own, program.bytes(name), name.length], { onError: ended })
  if (backlog !== undefined) program.call('listen', [own, backlog], { onError: ended })
  return socket
}

function handOver(program: Program, held: readonly Address[], ended: Label): void {
  const room = controlBytes(held.map(() => NONE))
  const control = program.bytes(room)
  program.word() // What is stored last may reach beyond the end.
  // Stored as words, of which each next one takes the upper half.
  for (const [at, fd] of held.entries()) {
    program.compute(fd, { store: control + CONTROL_DATA + 4 * at })
  }
  const vector = program.bytes(words(program.word(), WORD_BYTES))
  const header = messageHeader(vector, { address: control, bytes: room.length })
  program.call('sendmsg', [PEER_FD, program.bytes(header), MSG_NOSIGNAL], { onError: ended })
  for (const fd of held) program.call('close', [program.load(fd)])
}

/** Namespaces that a process of ours makes beside us; see {@link namespaceMakerProgram}. */
export class NamespaceMaker {
  /** Its pid, which the caller has to reap. Rejects when there is no room for another process. */
  readonly started: Promise<number>
  readonly #held: number
  #peer: Fd | undefined

  /** `sockets`: how many the recipe has. */
  constructor(
    program: Program,
    {
      count,
      sockets,
      title,
    }: { readonly count: number; readonly sockets: number; readonly title: string },
  ) {
    this.#held = 1 + sockets
    const [ours, theirs] = messagePair()
    this.#peer = ours
    const wish = words(count)
    sendCall(ours, wish, wish.length, MSG_NOSIGNAL)
    this.started = spawnBeside(program, { title, descriptors: { [PEER_FD]: theirs } }).finally(() =>
      close(theirs),
    )
  }

  /** The next one that is ready; undefined when none is, or will be. Never waits. */
  take(): MadeNamespace | undefined {
    if (this.#peer === undefined) return undefined
    const control = controlBytes(Array.from({ length: this.#held }, () => NONE))
    const content = words(0)
    const vector = words(koffi.address(content), content.length)
    const room = { address: koffi.address(control), bytes: control.length }
    const header = messageHeader(koffi.address(vector), room)
    const result = Number(recvmsgCall(this.#peer, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC))
    if (result === 0) this.close()
    if (result <= 0) return undefined
    const held = descriptorsIn(control, this.#held)
    if (!held.includes(NONE)) {
      const [netns = NONE, ...sockets] = held
      return { netns, sockets }
    }
    // There was no room for all of them (MSG_CTRUNC). Who makes one now is told why.
    for (const fd of held.filter((fd) => fd !== NONE)) close(fd)
    return undefined
  }

  /** What is ready and was not taken goes with it. */
  close(): void {
    if (this.#peer !== undefined) close(this.#peer)
    this.#peer = undefined
  }
}
