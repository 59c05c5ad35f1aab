/**
 * The native protocol of systemd's journal, with the fields of Docker's driver.
 * @see https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
 */

import { type Identity, type LogMessage, SEVERITY } from './message.ts'

/** `TSSTACK_JOURNAL_SOCKET`: another place of it, for a journal in a namespace of its own. */
export const journalSocket = (): string =>
  process.env['TSSTACK_JOURNAL_SOCKET'] ?? '/run/systemd/journal/socket'

const NEWLINE = 0x0a
const END = Buffer.of(NEWLINE)
const MESSAGE = Buffer.from('MESSAGE\n')

/** Encodes messages of one container. `fields` come before those of the same name. */
export class JournalEncoder {
  readonly #fields: Buffer

  constructor(identity: Identity, fields: Readonly<Record<string, string>>) {
    const all = {
      CONTAINER_ID: identity.id.slice(0, 12),
      CONTAINER_ID_FULL: identity.id,
      CONTAINER_NAME: identity.name,
      CONTAINER_TAG: identity.tag,
      IMAGE_NAME: identity.image,
      SYSLOG_IDENTIFIER: identity.tag,
      ...fields,
    }
    this.#fields = Buffer.concat(Object.entries(all).map(([name, value]) => field(name, value)))
  }

  encode({ stream, time, bytes, part }: LogMessage): Buffer {
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(bytes.length))
    const own = { PRIORITY: SEVERITY[stream], SYSLOG_TIMESTAMP: new Date(time).toISOString() }
    const parts =
      part === undefined
        ? {}
        : {
            ...(part.isLast ? {} : { CONTAINER_PARTIAL_MESSAGE: 'true' }),
            CONTAINER_PARTIAL_ID: part.id,
            CONTAINER_PARTIAL_ORDINAL: part.ordinal,
            CONTAINER_PARTIAL_LAST: part.isLast,
          }
    const lines = Object.entries({ ...own, ...parts }).map(([name, value]) => `${name}=${value}\n`)
    return Buffer.concat([this.#fields, Buffer.from(lines.join('')), MESSAGE, length, bytes, END])
  }
}

/** A value with a newline has its length before it. */
function field(name: string, value: string): Buffer {
  const bytes = Buffer.from(value)
  if (!bytes.includes(NEWLINE)) return Buffer.from(`${name}=${value}\n`)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(bytes.length))
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, END])
}
