/**
 * Waits until the kernel has put IPv6 addresses to use. It answers a request for one before that:
 * the route by which packets for it are taken, and the group in which neighbours ask for it, come
 * from a queue of its own (addrconf_dad_work in net/ipv6/addrconf.c). Who asked meanwhile was not
 * answered, and asked again after a second.
 */

import { NETLINK_ADDRESS_MS_MAX } from '../../limits.ts'
import { close, type Fd } from '../fd.ts'
import { check, declare, declareAsync } from '../libc.ts'
import { parseAddresses } from './address.ts'
import { addressBytes } from './ip.ts'
import { splitMessages } from './message.ts'
import { openNews } from './news-socket.ts'

const setsockopt = declare('int setsockopt(int, int, int, void *, uint)')
const recvAsync = declareAsync('long recv(int, void *, size_t, int)')

const NETLINK_ROUTE = 0
const RTMGRP_IPV6_IFADDR = 0x100 // include/uapi/linux/rtnetlink.h
const SOL_SOCKET = 1
/** One address with all that is said of it takes some hundred. */
const MESSAGE_BYTES_MAX = 8192
const SO_RCVTIMEO = 20 // include/uapi/asm-generic/socket.h

/** Hears of addresses from the moment it is made, in the network namespace of this thread. */
export class AddressNews implements Disposable {
  readonly #fd: Fd

  constructor() {
    const patience = Buffer.alloc(16) // struct timeval
    patience.writeBigInt64LE(BigInt(NETLINK_ADDRESS_MS_MAX / 1000), 0)
    this.#fd = openNews({
      protocol: NETLINK_ROUTE,
      groups: RTMGRP_IPV6_IFADDR,
      prepare: (fd) =>
        check(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, patience, patience.length), {
          syscall: 'setsockopt',
          args: ['SO_RCVTIMEO'],
        }),
    })
  }

  /**
   * Resolves when all of `addresses` were told of since this was made, or after
   * {@link NETLINK_ADDRESS_MS_MAX} without news: then they come when the kernel has time.
   */
  async untilUsed(addresses: readonly string[]): Promise<void> {
    const awaited = new Set(addresses.map(keyOf))
    const buffer = Buffer.alloc(MESSAGE_BYTES_MAX)
    while (awaited.size > 0) {
      const length = Number(await recvAsync(this.#fd, buffer, buffer.length, 0))
      if (length < 0) return
      for (const { address } of parseAddresses(splitMessages(buffer.subarray(0, length)))) {
        awaited.delete(keyOf(address))
      }
    }
  }

  [Symbol.dispose](): void {
    close(this.#fd)
  }
}

const keyOf = (address: string): string => addressBytes(address).toString('hex')
