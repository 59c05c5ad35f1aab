import * as fc from '../support/random.ts'
import { describe, expect, test, vi } from 'vitest'
import { DNS_REMEMBERED_BYTES_MAX, DNS_REMEMBERED_NAME_BYTES_MAX } from '../../src/limits.ts'
import { NameRegistry } from '../../src/net/index.ts'
import { answerLocally } from '../../src/net/dns/answer.ts'
import { forward, parseUpstream } from '../../src/net/dns/forward.ts'
import {
  RCODE,
  encodeAnswer,
  isAnswerTo,
  parseQuery,
  udpBytesMax,
  type Query,
} from '../../src/net/dns/packet.ts'
import { RememberedAnswers } from '../../src/net/dns/remembered.ts'
import { TcpMessages, frameMessage } from '../../src/net/dns/tcp.ts'

/** RFC 1035, section 3.2.2, and RFC 3596. */
const TYPE = { A: 1, PTR: 12, AAAA: 28 }

const message = (name: string, type: number, tail = ''): Buffer => {
  const labels = name.split('.').flatMap((label) => [Buffer.of(label.length), Buffer.from(label)])
  const additional = tail === '' ? 0 : 1
  return Buffer.concat([
    Buffer.of(0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, additional),
    ...labels,
    Buffer.of(0, type >> 8, type & 0xff, 0, 1),
    Buffer.from(tail, 'hex'),
  ])
}
const query = (name: string, type: number = TYPE.A, tail = ''): Query => {
  const parsed = parseQuery(message(name, type, tail))
  if (!parsed || 'broken' in parsed) throw new Error('not a query')
  return parsed
}
const OPT_4096 = '0000291000000000000000'

describe('parseQuery()', () => {
  test('reads id, name, type and the size of EDNS', () => {
    expect(query('Web.shop', TYPE.AAAA)).toMatchObject({
      id: 0x1234,
      name: 'Web.shop',
      type: 'AAAA',
      class: 'IN',
      recursionDesired: true,
      udpBytesMax: undefined,
    })
    expect(query('web', TYPE.A, OPT_4096).udpBytesMax).toBe(4096)
    // An OPT record that is cut is none, and the question one all the same.
    expect(query('web', TYPE.A, OPT_4096.slice(0, -2)).udpBytesMax).toBeUndefined()
    expect(query('web', TYPE.A, `${OPT_4096.slice(0, -4)}ffff0008`).udpBytesMax).toBeUndefined()
  })

  test('repeats what it cannot read as text, types and classes that nobody knows, as it came', () => {
    const odd = Buffer.from('12340100000100000000000003ff002e00fffe8001', 'hex')
    const parsed = parseQuery(odd) as Query
    const answer = encodeAnswer(parsed, { rcode: 5, authoritative: true, bytesMax: 512 })
    expect(answer.toString('hex')).toBe('12348585000100000000000003ff002e00fffe8001')
    expect(isAnswerTo(answer, 0x1234, parsed)).toBe(true)
  })

  test('looks at nothing behind the question, whatever the header counts', () => {
    const counts = Buffer.from(message('web', TYPE.A))
    counts.fill(0xff, 6, 12)
    expect(parseQuery(counts)).toMatchObject({ name: 'web', udpBytesMax: undefined })
    counts.writeUInt32BE(0, 6)
    expect(parseQuery(counts)).toMatchObject({ name: 'web', udpBytesMax: undefined })
    // Each record's name points at the one before: dns-packet would walk along them all.
    const chain = Array.from({ length: 8000 }, (_, at) => {
      const record = Buffer.alloc(12)
      record.writeUInt16BE(0xc000 | Math.min(at === 0 ? 12 : 21 + 12 * (at - 1), 0x3fff))
      return record
    })
    const long = Buffer.concat([message('web', TYPE.A), ...chain])
    long.writeUInt16BE(chain.length, 10)
    const walk = vi.spyOn(Buffer.prototype, 'readUInt16BE')
    expect(parseQuery(long)).toMatchObject({ name: 'web', udpBytesMax: undefined })
    expect(walk.mock.calls.length).toBeLessThan(100)
    walk.mockRestore()
  })

  test('asked for the root has no name', () => {
    const root = Buffer.from('1234010000010000000000000000020001', 'hex')
    expect(parseQuery(root)).toMatchObject({ name: '', type: 'NS' })
  })

  test('takes any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const parsed = parseQuery(Buffer.from(bytes))
        if (parsed && !('broken' in parsed)) {
          const answer = { rcode: 0, authoritative: true, bytesMax: 512 }
          expect(encodeAnswer(parsed, answer).length).toBeLessThanOrEqual(512)
        }
      }),
    )
  })

  test('calls compressed, endless and cut names broken', () => {
    const head = '12340100000100000000000000'.slice(0, 24)
    for (const name of ['c00c00010001', '3f', '0177', '', `${'0161'.repeat(140)}0000010001`]) {
      expect(parseQuery(Buffer.from(head + name, 'hex'))).toEqual({ broken: true, id: 0x1234 })
    }
  })
})

describe('encodeAnswer()', () => {
  const records = [{ type: 'A', data: '10.89.0.2' }] as const

  test('repeats the question letter by letter', () => {
    const asked = query('WeB')
    const bytes = encodeAnswer(asked, { rcode: 0, records, authoritative: true, bytesMax: 512 })
    expect(bytes.toString('hex')).toBe(
      ['1234', '8580', '0001000100000000', '03576542', '00', '00010001']
        .concat(['0357654200', '00010001', '00000000', '0004', '0a590002'])
        .join(''),
    )
    expect(isAnswerTo(bytes, 0x1234, query('web'))).toBe(true)
    expect(isAnswerTo(bytes, 0x1235, query('web'))).toBe(false)
    expect(isAnswerTo(bytes, 0x1234, query('wex'))).toBe(false)
    expect(isAnswerTo(bytes, 0x1234, query('web', TYPE.AAAA))).toBe(false)
    expect(isAnswerTo(message('web', TYPE.A), 0x1234, query('web'))).toBe(false)
  })

  test('says truncated instead of being too long', () => {
    const many = Array.from({ length: 40 }, () => records[0])
    const answer = { rcode: 0, records: many, authoritative: true, bytesMax: 512 }
    const bytes = encodeAnswer(query('web'), answer)
    expect(bytes.readUInt16BE(2) & 0x0200).toBe(0x0200)
    // 12 of a header, 9 of the question, 19 of each record.
    expect(bytes.readUInt16BE(6)).toBe(25)
    expect(bytes.length).toBe(12 + 9 + 25 * 19)
    const whole = encodeAnswer(query('web'), { ...answer, bytesMax: 0xffff })
    expect(whole.readUInt16BE(6)).toBe(40)
    expect(whole.readUInt16BE(2) & 0x0200).toBe(0)
  })

  test('udpBytesMax() keeps the size between 512 and 1232', () => {
    expect(udpBytesMax(query('web'))).toBe(512)
    expect(udpBytesMax(query('web', TYPE.A, OPT_4096))).toBe(1232)
    expect(udpBytesMax(query('web', TYPE.A, '0000290001000000000000'))).toBe(512)
  })
})

describe('answerLocally()', () => {
  const names = new NameRegistry()
  const entry = { network: 'front', stack: 'shop' }
  names.set({ ...entry, container: 'api-1', names: ['api-1', 'api'], address: '10.89.0.2' })
  names.set({ ...entry, container: 'api-2', names: ['api-2', 'api'], address: '10.89.0.3' })
  names.set({ ...entry, container: 'job-1', names: ['job-1', 'job'] })
  names.set({
    ...entry,
    network: 'back',
    container: 'db-1',
    names: ['db-1', 'db'],
    address: '10.89.1.2',
  })
  names.set({
    network: 'front2',
    stack: 'else',
    container: 'x',
    names: ['x', 'api.example.com'],
    address: '10.1.1.1',
  })
  const ask = (name: string, type: number = TYPE.A, turn = 0) => {
    const view = {
      names,
      stack: 'shop',
      networks: ['front'],
      subnets: ['10.89.0.0/24'],
      links: [],
      turn,
    }
    const answer = answerLocally(query(name, type), view)
    return answer && [answer.rcode, ...answer.records.map(({ data }) => data)]
  }

  test('takes turns among replicas', () => {
    expect(ask('api', TYPE.A, 0)).toEqual([0, '10.89.0.2', '10.89.0.3'])
    expect(ask('api', TYPE.A, 1)).toEqual([0, '10.89.0.3', '10.89.0.2'])
  })

  test('knows the difference between no such name and no such record', () => {
    expect(ask('api', TYPE.AAAA)).toEqual([RCODE.noError])
    expect(ask('job')).toEqual([RCODE.noSuchName])
    expect(ask('db')).toEqual([RCODE.noSuchName])
  })

  test('leaves to others what is not of this stack, also names that another stack uses', () => {
    expect(ask('example.com')).toBeUndefined()
    expect(ask('api.example.com')).toBeUndefined()
    expect(ask('1.1.1.1.in-addr.arpa', TYPE.PTR)).toBeUndefined()
    expect(ask('7.0.89.10.in-addr.arpa', TYPE.PTR)).toEqual([RCODE.noSuchName])
    expect(ask('999.0.89.10.in-addr.arpa', TYPE.PTR)).toBeUndefined()
  })

  test('has no reverse name to tell when no message can hold that', () => {
    const own = new NameRegistry()
    const long = 'n'.repeat(64)
    own.set({ network: long, stack: 's', container: 'c', names: ['c'], address: '10.89.0.9' })
    const view = { names: own, stack: 's', networks: [long], subnets: [], links: [], turn: 0 }
    const asked = query('9.0.89.10.in-addr.arpa', TYPE.PTR)
    expect(answerLocally(asked, view)).toEqual({ rcode: RCODE.noError, records: [] })
  })

  test('refuses other classes and other operations', () => {
    const view = { names, stack: 'shop', networks: ['front'], subnets: [], links: [], turn: 0 }
    expect(answerLocally({ ...query('api'), class: 'CH' }, view)?.rcode).toBe(RCODE.refused)
    expect(answerLocally({ ...query('api'), opcode: 5 }, view)?.rcode).toBe(RCODE.notImplemented)
  })
})

describe('NameRegistry', () => {
  test('set() replaces, delete() leaves nothing, and names count once however often they are given', () => {
    const names = new NameRegistry()
    const key = { network: 'n', container: 'c' }
    names.set({ ...key, stack: 's', names: ['c', 'web', 'web', 'WEB'], address: '10.0.0.1' })
    names.set({ ...key, stack: 's', names: ['c', 'api'], address: '10.0.0.2' })
    expect(names.lookup(['n'], 'web')).toBeUndefined()
    expect(names.isNameOfStack('s', 'web')).toBe(false)
    expect(names.lookup(['n'], 'API.')?.addresses).toEqual(['10.0.0.2'])
    expect(names.reverse(['n'], '10.0.0.2')).toBe('c.n')
    names.delete(key)
    names.delete(key)
    expect(names.lookup(['n'], 'api')).toBeUndefined()
    expect(names.isNameOfStack('s', 'api')).toBe(false)
  })

  test('lookup() joins the addresses of shared networks without doubles', () => {
    const names = new NameRegistry()
    names.set({ network: 'a', container: 'c', stack: 's', names: ['web'], address: '10.0.0.1' })
    names.set({ network: 'b', container: 'c', stack: 's', names: ['web'], address: '10.0.1.1' })
    names.set({ network: 'b', container: 'd', stack: 's', names: ['web'], address: '10.0.1.1' })
    expect(names.lookup(['a', 'b'], 'web')?.addresses).toEqual(['10.0.0.1', '10.0.1.1'])
    expect(names.lookup(['b'], 'web.b')?.addresses).toEqual(['10.0.1.1'])
    expect(names.lookup([], 'web')).toBeUndefined()
  })
})

describe('streams', () => {
  test('TcpMessages puts messages together from any chunks', () => {
    const messages = [
      Buffer.from('one'),
      Buffer.alloc(0),
      Buffer.alloc(70, 'x'),
      Buffer.from('end'),
    ]
    const stream = Buffer.concat(messages.map(frameMessage))
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
        const reader = new TcpMessages()
        const found: Buffer[] = []
        for (let offset = 0, turn = 0; offset < stream.length; turn++) {
          const end = offset + (sizes[turn % sizes.length] ?? 1)
          found.push(...reader.push(stream.subarray(offset, end)))
          offset = end
        }
        expect(found).toEqual(messages)
      }),
    )
  })
})

describe('parseUpstream()', () => {
  test.each([
    ['1.1.1.1', '1.1.1.1', 53],
    ['1.1.1.1:5353', '1.1.1.1', 5353],
    ['2001:db8::1', '2001:db8::1', 53],
    ['[2001:db8::1]:5353', '2001:db8::1', 5353],
    ['fe80::1%eth0', 'fe80::1%eth0', 53],
  ])('reads %s', (text, host, port) => {
    expect(parseUpstream(text)).toEqual({ host, port })
  })
})

test('forward() of a question to an upstream that cannot be connected to has no answer', async () => {
  // EACCES without leaving the machine: connect(2) to the broadcast address is not allowed.
  const asked = forward({
    message: message('example', TYPE.A),
    query: query('example', TYPE.A),
    transport: 'udp',
    upstreams: ['255.255.255.255'],
    signal: new AbortController().signal,
  })
  expect(await asked).toBeUndefined()
})

const bytes = (text: string): Buffer => Buffer.from(text)

describe('RememberedAnswers', () => {
  test('gives the answers to a question in turn, each with the id of who asks', () => {
    const remembered = new RememberedAnswers()
    remembered.keep(bytes('\0\x01web'), bytes('..first'), { turn: 4, turns: 2 })
    expect(remembered.find(bytes('AAweb'))).toBeUndefined()
    expect(remembered.turn(bytes('AAweb'))).toBe(1)
    remembered.keep(bytes('AAweb'), bytes('..second'), { turn: 1, turns: 2 })
    const seen = ['BB', 'CC', 'DD'].map((id) => String(remembered.find(bytes(`${id}web`))))
    expect(seen).toEqual(['BBfirst', 'CCsecond', 'DDfirst'])
    expect(remembered.find(bytes('BBwex'))).toBeUndefined()
    remembered.clear()
    expect(remembered.find(bytes('BBweb'))).toBeUndefined()
  })

  test('keeps no more than its bound, whatever is asked', () => {
    const remembered = new RememberedAnswers()
    const keep = (id: number, length: number, turns = 1): void => {
      remembered.keep(bytes(`..name${id}`), Buffer.alloc(length), { turn: 0, turns })
    }
    for (let id = 0; id < 10_000; id += 1) keep(id, 400)
    const kept = Array.from({ length: 10_000 }, (_, id) => remembered.find(bytes(`..name${id}`)))
    const total = kept.reduce((sum, one) => sum + (one?.length ?? 0), 0)
    expect(total).toBeGreaterThan(0)
    expect(total).toBeLessThanOrEqual(DNS_REMEMBERED_BYTES_MAX)
    keep(1, DNS_REMEMBERED_NAME_BYTES_MAX)
    keep(2, 500, 60)
    expect(remembered.find(bytes('..name2'))).toBeUndefined()
  })
})
