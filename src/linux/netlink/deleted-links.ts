/** Tells of deleted links as soon as nobody can find them, long before the kernel is done with them. */

import { close, type Fd } from '../fd.ts'
import { check, declare, declareAsync } from '../libc.ts'
import { filterMessages } from './filter.ts'
import { parseDeletedLinks } from './link.ts'
import { encodeMessage, NLM_F_ACK, NLMSG_NOOP, splitMessages } from './message.ts'
import { openNews } from './news-socket.ts'

const send = declare('long send(int, void *, size_t, int)')
const receive = declareAsync('long recv(int, void *, size_t, int)')

const NETLINK_ROUTE = 0
const RTMGRP_LINK = 1 // include/uapi/linux/rtnetlink.h
/** A message about one link, with room to spare. */
const MESSAGE_BYTES_MAX = 8192

/** Of the network namespace in which it was opened, from then on. */
export class DeletedLinks implements Disposable {
  readonly #fd: Fd
  #isOver = false

  constructor() {
    this.#fd = openNews({
      protocol: NETLINK_ROUTE,
      groups: RTMGRP_LINK,
      prepare: (fd) =>
        filterMessages(fd, [
          [0x28, 0, 0, 4], // ldh nlmsg_type
          [0x15, 0, 1, 0x1000], // RTM_NEWLINK
          [0x06, 0, 0, 0],
          [0x06, 0, 0, 0xffff_ffff],
        ]),
    })
  }

  /** Resolves when all of `names` have been deleted, or after {@link end}. */
  async all(names: readonly string[]): Promise<void> {
    const left = new Set(names)
    while (left.size > 0 && !this.#isOver) {
      for (const name of await this.#next()) left.delete(name)
    }
  }

  /** Nobody waits any longer: the acknowledgement of nothing is heard as well. */
  end(): void {
    this.#isOver = true
    const request = { type: NLMSG_NOOP, flags: NLM_F_ACK, body: Buffer.alloc(0), what: 'nothing' }
    const bytes = encodeMessage(request, 1)
    check(send(this.#fd, bytes, bytes.length, 0), { syscall: 'send', args: ['AF_NETLINK'] })
  }

  [Symbol.dispose](): void {
    close(this.#fd)
  }

  /** Waits on a thread of the pool; none when the kernel had more to say than it keeps. */
  async #next(): Promise<readonly string[]> {
    const bytes = Buffer.alloc(MESSAGE_BYTES_MAX)
    const length = Number(await receive(this.#fd, bytes, bytes.length, 0))
    return length <= 0 ? [] : parseDeletedLinks(splitMessages(bytes.subarray(0, length)))
  }
}
