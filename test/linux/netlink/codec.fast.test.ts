import { describe, expect, test } from 'vitest'
import {
  attribute,
  be32Attribute,
  listAttributes,
  nested,
  parseAttributes,
  stringAttribute,
} from '../../../src/linux/netlink/attribute.ts'
import {
  NLMSG_ERROR,
  encodeMessage,
  readStatus,
  splitMessages,
} from '../../../src/linux/netlink/message.ts'
import { addAddress, parseAddresses } from '../../../src/linux/netlink/address.ts'
import { createBridge, createVeth, parseLink, setLink } from '../../../src/linux/netlink/link.ts'
import { addRoute, parseRoutes } from '../../../src/linux/netlink/route.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const join = (...parts: readonly string[]): string => parts.join('')

describe('attributes', () => {
  test('attribute() pads the value to four bytes but not the length', () => {
    expect(hex(attribute(3, Buffer.from('ab\0')))).toBe(join('07000300', '61620000'))
  })

  test('nested() sets the nested flag and keeps the children whole', () => {
    expect(hex(nested(18, stringAttribute(1, 'veth')))).toBe(
      join('10001280', '09000100', '7665746800000000'),
    )
  })

  test('be32Attribute() writes a negative priority as two’s complement in network order', () => {
    expect(hex(be32Attribute(2, -100))).toBe(join('08000200', 'ffffff9c'))
  })

  test('parseAttributes() reads back what nested() wrote, without the flag', () => {
    const bytes = nested(18, stringAttribute(1, 'bridge'))
    const value = parseAttributes(bytes).get(18)
    expect(value && parseAttributes(value).get(1)?.toString()).toBe('bridge\0')
  })

  test('listAttributes() stops at a length that leaves the buffer, and at one below a header', () => {
    expect(listAttributes(Buffer.from('ff00010061', 'hex'))).toEqual([])
    expect(listAttributes(Buffer.from('0300010061626364', 'hex'))).toEqual([])
  })
})

describe('messages', () => {
  test('encodeMessage() writes struct nlmsghdr', () => {
    const request = { type: 16, flags: 0x604, body: Buffer.from('abcd'), what: '' }
    expect(hex(encodeMessage(request, 7))).toBe(
      join('14000000', '1000', '0506', '07000000', '00000000', '61626364'),
    )
  })

  test('splitMessages() takes two messages out of one datagram and drops a cut one', () => {
    const one = encodeMessage({ type: 20, flags: 0, body: Buffer.from('xyz'), what: '' }, 1)
    const two = encodeMessage({ type: 21, flags: 0, body: Buffer.alloc(0), what: '' }, 2)
    const found = splitMessages(Buffer.concat([one, two, two.subarray(0, 12)]))
    expect(found.map(({ type, sequence }) => [type, sequence])).toEqual([
      [20, 1],
      [21, 2],
    ])
    expect(found[0]?.body.toString()).toBe('xyz')
  })

  test('readStatus() finds errno and the kernel’s own words behind a capped request', () => {
    const body = Buffer.concat([
      Buffer.from('eaffffff', 'hex'), // -22
      Buffer.alloc(16),
      stringAttribute(1, 'Invalid prefix'),
    ])
    const message = { type: NLMSG_ERROR, flags: 0x300, sequence: 1, body }
    expect(readStatus(message)).toEqual({ errno: 22, text: 'Invalid prefix' })
  })

  test('readStatus() skips an echoed request of any length', () => {
    const echoed = Buffer.alloc(24)
    echoed.writeUInt32LE(21)
    const body = Buffer.concat([Buffer.from('efffffff', 'hex'), echoed, stringAttribute(1, 'why')])
    expect(readStatus({ type: NLMSG_ERROR, flags: 0x200, sequence: 1, body })).toEqual({
      errno: 17,
      text: 'why',
    })
  })
})

describe('rtnetlink', () => {
  test('createBridge() is an ifinfomsg, a name and a kind', () => {
    expect(hex(createBridge('tsb0', { up: true }).body)).toBe(
      join(
        '00000000',
        '00000000',
        '01000000',
        '01000000',
        '09000300',
        '7473623000000000',
        '10001280',
        '0b000100',
        '62726964676500',
        '00',
      ),
    )
  })

  test('createVeth() puts the peer with its namespace inside VETH_INFO_PEER', () => {
    const body = hex(createVeth('a', {}, { name: 'b', netnsFd: 5, mac: '02:42:0a:59:00:02' }).body)
    const peer =
      '00'.repeat(16) +
      join('06000300', '62000000', '08001f00', '01000000', '08002000', '01000000') +
      join('0a000100', '02420a5900020000', '08001c00', '05000000')
    expect(body).toContain('40000180' + peer)
  })

  test('setLink() sends an alias without a NUL', () => {
    expect(hex(setLink({ index: 3 }, { alias: 'ab' }).body.subarray(16))).toBe(
      join('06001400', '61620000'),
    )
  })

  test('addAddress() gives local, address and the broadcast of the prefix', () => {
    const request = addAddress({ linkIndex: 2, address: '10.89.0.5', prefixLength: 24 })
    expect(hex(request.body)).toBe(
      join(
        '02180000',
        '02000000',
        '08000200',
        '0a590005',
        '08000100',
        '0a590005',
        '08000400',
        '0a5900ff',
      ),
    )
  })

  test('parseAddresses() reads what addAddress() wrote', () => {
    const { body } = addAddress({ linkIndex: 9, address: '172.20.1.1', prefixLength: 16 })
    const message = { type: 20, flags: 0, sequence: 0, body: Buffer.from(body) }
    expect(parseAddresses([message])).toEqual([
      { linkIndex: 9, family: 4, address: '172.20.1.1', prefixLength: 16, label: undefined },
    ])
  })

  test('addRoute() without destination is the default route by a gateway', () => {
    expect(hex(addRoute({ gateway: '10.89.0.1' }).body)).toBe(
      join('02000000', 'fe040001', '00000000', '08000500', '0a590001'),
    )
  })

  test('parseRoutes() ignores other families and prefers RTA_TABLE', () => {
    const route = addRoute({ destination: '10.1.0.0', prefixLength: 16, linkIndex: 4 })
    const body = Buffer.concat([route.body, attribute(15, Buffer.from('e8030000', 'hex'))])
    const message = { type: 24, flags: 0, sequence: 0, body }
    const other = { ...message, body: Buffer.concat([Buffer.of(5), Buffer.alloc(11)]) }
    expect(parseRoutes([message, other])).toEqual([
      {
        family: 4,
        destination: '10.1.0.0',
        prefixLength: 16,
        gateway: undefined,
        linkIndex: 4,
        table: 1000,
        type: 1,
      },
    ])
  })

  test('parseLink() reads what the kernel would say of a bridge port', () => {
    const body = Buffer.from(
      createVeth('p0', { up: true, master: 4, mtu: 1400 }, { name: 'q' }).body,
    )
    body.writeInt32LE(12, 4)
    expect(parseLink({ type: 16, flags: 0, sequence: 0, body })).toEqual({
      index: 12,
      name: 'p0',
      up: true,
      mtu: 1400,
      mac: undefined,
      alias: undefined,
      master: 4,
      kind: 'veth',
    })
  })
})
