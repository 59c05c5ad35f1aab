/**
 * Answers as they were sent, by the bytes of their question: a container asks for the same few
 * names again and again, and nothing has to be read or written anew for them.
 */

import { DNS_REMEMBERED_BYTES_MAX, DNS_REMEMBERED_NAME_BYTES_MAX } from '../../limits.ts'

export class RememberedAnswers {
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  /**
   * The answer whose turn it is, with the id of `message`; the same buffer again with the next
   * such question. Undefined when it has to be made, for the turn that `turn` tells.
   */
  find(message: Buffer): Buffer | undefined {
    const entry = this.#entries.get(keyOf(message))
    const answer = entry?.answers[entry.next]
    if (!entry || !answer) return undefined
    entry.next = (entry.next + 1) % entry.turns
    answer[0] = message[0] ?? 0
    answer[1] = message[1] ?? 0
    return answer
  }

  /** Whose turn it is when that answer is not here yet; undefined for an unknown question. */
  turn(message: Buffer): number | undefined {
    return this.#entries.get(keyOf(message))?.next
  }

  /** Keeps `answer`, one of `turns` to the same question, as that of `turn`. */
  keep(message: Buffer, answer: Buffer, { turn, turns }: Turn): void {
    const key = keyOf(message)
    const bytes = key.length + answer.length
    if (bytes * turns > DNS_REMEMBERED_NAME_BYTES_MAX) return
    if (this.#bytes + bytes > DNS_REMEMBERED_BYTES_MAX) this.clear()
    this.#bytes += bytes
    const entry = this.#entries.get(key) ?? { turns, next: 0, answers: [] }
    this.#entries.set(key, entry)
    // A copy: a slice of node's pool would keep all of that.
    entry.answers[turn % turns] = Buffer.from(Uint8Array.from(answer).buffer)
    entry.next = (turn + 1) % turns
  }

  /** After every change of what the answers were made from. */
  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }
}

interface Turn {
  /** Counts up with every question. */
  readonly turn: number
  /** So many answers there are to it: the replicas take turns. */
  readonly turns: number
}

interface Entry {
  readonly turns: number
  next: number
  /** By turn. */
  readonly answers: (Buffer | undefined)[]
}

/** All of a question but its id. */
function keyOf(message: Buffer): string {
  return message.toString('latin1', 2)
}
