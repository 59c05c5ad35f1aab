/** A resolver of the outside world, which can be told to lie. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { encodeAnswer, parseQuery } from '../../src/net/dns/packet.ts'

export interface Upstream {
  mode: 'answer' | 'silent' | 'wrong-id' | 'wrong-question' | 'wrong-sender'
  readonly asked: string[]
  readonly ports: Set<number>
  close(): Promise<void>
}

/** A resolver that says 203.0.113.80 to everything. */
export async function startUpstream(address: string, port: number): Promise<Upstream> {
  const udp = createSocket('udp4')
  const liar = createSocket('udp4')
  const state: Upstream = { mode: 'answer', asked: [], ports: new Set(), close }
  const answer = (message: Buffer): Buffer | undefined => {
    const query = parseQuery(message)
    if (!query || 'broken' in query) return undefined
    state.asked.push(query.name)
    if (state.mode === 'silent') return undefined
    const id = state.mode === 'wrong-id' ? query.id ^ 1 : query.id
    const question = Buffer.from(query.question)
    if (state.mode === 'wrong-question') question.writeUInt8(0x78, 1)
    const records = [{ type: 'A', data: '203.0.113.80' }] as const
    return encodeAnswer(
      { ...query, id, question },
      { rcode: 0, records, authoritative: false, bytesMax: 4096 },
    )
  }
  udp.on('message', (message, from) => {
    state.ports.add(from.port)
    const reply = answer(message)
    if (reply) (state.mode === 'wrong-sender' ? liar : udp).send(reply, from.port, from.address)
  })
  const tcp: Server = createServer((connection) => {
    connection.on('error', () => {})
    connection.on('data', (chunk) => {
      const reply = answer(chunk.subarray(2))
      if (!reply) return
      const length = Buffer.alloc(2)
      length.writeUInt16BE(reply.length)
      connection.write(Buffer.concat([length, reply]))
    })
  })
  await bound(udp, port, address)
  await bound(liar, 0, address)
  await new Promise<void>((resolve) => {
    tcp.listen(port, address, resolve)
  })
  return state

  async function close(): Promise<void> {
    udp.close()
    liar.close()
    tcp.close()
  }
}

function bound(socket: UdpSocket, port: number, address: string): Promise<void> {
  return new Promise((resolve) => {
    socket.bind(port, address, resolve)
  })
}
