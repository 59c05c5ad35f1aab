/** Takes links away, many at a time, and waits no longer than anybody can see them. */

import { isErrno } from '../errors.ts'
import {
  DeletedLinks,
  deleteLinkGroup,
  linkIndex,
  NETLINK_ROUTE,
  NetlinkSocket,
  setLink,
} from '../linux/index.ts'

/** Milliseconds in which more may come to be taken away, unless somebody waits for it. */
const GATHER_MS = 10
/** Lowest of the groups by which they are deleted together. */
const GROUP_MIN = 0x74000000
const GROUPS = 0x1000000

/**
 * The kernel takes 20 to 40 ms to delete a link, as for a hundred of them in one go. For the
 * greater part of that it waits until no processor can be at work on what nobody finds any more
 * (netdev_run_todo).
 */
export class LinkRemoval {
  #gathered: Round | undefined
  readonly #going = new Map<string, Promise<void>>()

  /** Resolves when none of them can be found; one that never could be is no failure. */
  add(links: readonly { readonly name: string }[]): Promise<void> {
    const round = (this.#gathered ??= this.#open())
    for (const { name } of links) {
      round.names.add(name)
      this.#going.set(name, round.gone)
    }
    return round.gone
  }

  /** The same, with no more beside it than what comes in this turn of the event loop. */
  async now(links: readonly { readonly name: string }[]): Promise<void> {
    if (links.length === 0) return
    const gone = this.add(links)
    this.#gathered?.begin()
    await gone
  }

  /**
   * Resolves at once for one that is not about to go, and else when it cannot be found. A failure
   * is told to whoever has added it.
   */
  async gone(name: string): Promise<void> {
    const going = this.#going.get(name)
    if (going === undefined) return
    this.#gathered?.begin()
    await Promise.allSettled([going])
  }

  /** Resolves when nothing is about to go, in the same way. */
  async settled(): Promise<void> {
    this.#gathered?.begin()
    await Promise.allSettled(this.#going.values())
  }

  #open(): Round {
    const { promise: begun, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, GATHER_MS)
    const names = new Set<string>()
    const gone = begun
      .then(() => {
        clearTimeout(timer)
        if (this.#gathered === round) this.#gathered = undefined
        return deleteTogether([...names])
      })
      .finally(() => {
        for (const name of names) if (this.#going.get(name) === gone) this.#going.delete(name)
      })
    const round: Round = { names, gone, begin: () => void setImmediate(resolve) }
    return round
  }
}

interface Round {
  readonly names: Set<string>
  readonly gone: Promise<void>
  readonly begin: () => void
}

async function deleteTogether(names: readonly string[]): Promise<void> {
  using opened = new DisposableStack()
  const socket = opened.use(new NetlinkSocket(NETLINK_ROUTE))
  const watch = opened.use(new DeletedLinks())
  // One may go by itself with its namespace, and another of its name be made at once.
  const indexes = names.map(linkIndex).filter((index) => index !== undefined)
  const deleted = deleteGroup(socket, indexes).finally(() => watch.end())
  const unseen = watch.all(names)
  // Both go on, one of them perhaps for longer than anybody waits.
  const used = opened.move()
  void Promise.allSettled([deleted, unseen]).finally(() => used.dispose())
  await Promise.race([deleted, unseen])
}

/** Resolves when the kernel is done with them. Gone is success. */
async function deleteGroup(socket: NetlinkSocket, indexes: readonly number[]): Promise<void> {
  // One that nobody else uses, for as long as this call takes.
  const group = GROUP_MIN + Math.floor(Math.random() * GROUPS)
  const marks = indexes.map((index) => setLink({ index }, { group }))
  const { refused } = await socket.exchangeBeside([...marks, deleteLinkGroup(group)])
  const failed = refused.find(({ error }) => !isErrno(error, 'ENODEV'))
  if (failed) throw failed.error
}
