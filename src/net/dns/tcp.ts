/** DNS messages on a stream: two bytes of length before each. RFC 1035, 4.2.2 */

/** Puts messages together from chunks. Holds at most one message of 64 KiB. */
export class TcpMessages {
  #pending: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): readonly Buffer[] {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const messages: Buffer[] = []
    while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
      const end = 2 + bytes.readUInt16BE(0)
      messages.push(Buffer.from(bytes.subarray(2, end)))
      bytes = bytes.subarray(end)
    }
    this.#pending = bytes
    return messages
  }
}

export function frameMessage(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}
