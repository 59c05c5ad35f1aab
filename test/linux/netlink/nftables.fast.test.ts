import { describe, expect, test } from 'vitest'
import { listAttributes, parseAttributes } from '../../../src/linux/netlink/attribute.ts'
import { nft } from '../../../src/linux/netlink/index.ts'
import { readComment, commentAttribute } from '../../../src/linux/netlink/nftables/comment.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const join = (...parts: readonly string[]): string => parts.join('')
const PORTS: nft.SetDefinition = {
  table: 't',
  name: 'p',
  key: ['inet_proto', 'inet_service'],
  data: ['ipv4_addr', 'inet_service'],
}

describe('sets', () => {
  test('addElements() pads each field of key and datum to a register', () => {
    const request = nft.addElements(PORTS, [{ key: [6, 80], data: ['10.0.0.1', 8080] }])
    // Compare `nft --debug=netlink`: element 00000006 00005000 : 0100000a 0000901f
    expect(hex(request.body)).toContain(join('0c000100', '06000000', '00500000'))
    expect(hex(request.body)).toContain(join('0c000100', '0a000001', '1f900000'))
  })

  test('parseElements() reads what addElements() wrote', () => {
    const elements = [
      { key: [6, 80], data: ['10.0.0.1', 8080], comment: 'web' },
      { key: [17, 53], data: ['10.0.0.2', 53] },
    ]
    const request = nft.addElements(PORTS, elements)
    const message = { type: request.type, flags: 0, sequence: 1, body: Buffer.from(request.body) }
    expect(nft.parseElements(PORTS, [message])).toEqual(elements)
  })

  test('addSet() tells nft the types of a concatenation, six bits each', () => {
    const attributes = parseAttributes(Buffer.from(nft.addSet(PORTS).body.subarray(4)))
    expect(attributes.get(4)?.readUInt32BE()).toBe((12 << 6) | 13)
    expect(attributes.get(5)?.readUInt32BE()).toBe(8)
    expect(attributes.get(6)?.readUInt32BE()).toBe((7 << 6) | 13)
  })

  test('a key of an interface name takes sixteen bytes', () => {
    const set: nft.SetDefinition = { table: 't', name: 'b', key: ['ifname'] }
    const request = nft.addElements(set, [{ key: ['tsbr0'] }])
    expect(hex(request.body)).toContain('14000100' + hex(Buffer.from('tsbr0')) + '00'.repeat(11))
  })

  test('deleteElements() sends keys only', () => {
    const request = nft.deleteElements(PORTS, [
      { key: [6, 80], data: ['10.0.0.1', 8080], comment: 'x' },
    ])
    const list = parseAttributes(Buffer.from(request.body.subarray(4))).get(3)
    const element = list && listAttributes(list)[0]?.value
    expect(element && [...parseAttributes(element).keys()]).toEqual([1])
  })
})

describe('comments', () => {
  test('readComment() finds the comment behind other user data', () => {
    const udata = Buffer.concat([
      Buffer.from('010412345678', 'hex'),
      commentAttribute(6, 'hi').subarray(4),
    ])
    expect(readComment(udata)).toBe('hi')
  })

  test('commentAttribute() cuts what libnftnl would not read', () => {
    expect(readComment(commentAttribute(6, 'x'.repeat(300)).subarray(4, 4 + 130))).toHaveLength(127)
  })
})
