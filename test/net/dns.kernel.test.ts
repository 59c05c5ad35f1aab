import { closeSync } from 'node:fs'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openInetSocket, withNamespace } from '../../src/linux/index.ts'
import { createNet, type DnsServer, type Net } from '../../src/net/index.ts'
import { until } from '../support/until.ts'
import { startUpstream, type Upstream } from './upstream.ts'
import { enterHost, fingerprint, run, sh, startContainer, type Container } from './world.ts'

let net: Net
let before: string
let web: Container
let dns: DnsServer
let upstream: Upstream
const dig = async (question: string, fd = web.fd) =>
  (await run(`dig +time=60 +tries=1 @127.0.0.11 ${question}`, fd)).stdout
const short = async (question: string, fd = web.fd) =>
  (await dig(`+short ${question}`, fd)).trim().split('\n')
/** Answers, in hex, to the datagram `hex`; the last word is had by a question right after it. */
async function answersTo(hex: string): Promise<readonly string[]> {
  const socket = await askerIn(web.fd)
  const heard: string[] = []
  await new Promise<void>((resolve) => {
    socket.on('message', (message) => {
      if (message.readUInt16BE(0) === 0xffff) resolve()
      else heard.push(message.toString('hex'))
    })
    socket.send(Buffer.from(hex, 'hex'), 53, '127.0.0.11')
    socket.send(question('web', 0xffff), 53, '127.0.0.11')
  })
  socket.close()
  return heard
}

beforeAll(async () => {
  enterHost()
  before = fingerprint()
  upstream = await startUpstream('127.0.0.1', 5300)
  net = await createNet({ rootId: 'aaaa' })
  net.createNetwork({ name: 'shop_front', stack: 'shop', internal: false })
  net.createNetwork({ name: 'shop_back', stack: 'shop', internal: false })
  web = await startContainer(net, 'shop-web-1', 'shop_front', '10.89.0.2')
  const entry = (network: string, container: string, service: string, address?: string) => {
    net.names.set({ network, container, stack: 'shop', names: [container, service], address })
  }
  entry('shop_front', 'shop-web-1', 'web', '10.89.0.2')
  entry('shop_front', 'shop-api-1', 'api', '10.89.0.3')
  entry('shop_front', 'shop-api-2', 'api', '10.89.0.4')
  entry('shop_front', 'shop-job-1', 'job')
  entry('shop_back', 'shop-db-1', 'db', '10.89.1.2')
  dns = await net.serveDns(request())
})
afterEach(() => {
  dns.update({ upstreams: ['127.0.0.1:5300'] })
  upstream.mode = 'answer'
  upstream.asked.length = 0
})
afterAll(async () => {
  await net.removeAll()
  await upstream.close()
  closeSync(web.fd)
  expect(fingerprint()).toBe(before)
  await net.close()
})

const request = () => ({
  netnsFd: web.fd,
  container: 'shop-web-1',
  stack: 'shop',
  networks: ['shop_front'],
  subnets: ['10.89.0.0/24'],
  upstreams: ['127.0.0.1:5300'],
})

describe('names of the stack', () => {
  test('are answered with every replica, in turns, authoritatively and with TTL 0', async () => {
    const first = await short('api')
    const second = await short('api')
    expect([...first].sort()).toEqual(['10.89.0.3', '10.89.0.4'])
    expect(second).toEqual([...first].reverse())
    const full = await dig('api')
    expect(full).toMatch(/flags: qr aa rd ra/)
    expect(full).toMatch(/^api\.\t+0\tIN\tA\t10\.89\.0\.[34]$/m)
  })

  test('are found whatever their case, by container name, and with the network’s name behind them', async () => {
    expect(await short('Shop-Api-2')).toEqual(['10.89.0.4'])
    expect(await short('web.shop_front')).toEqual(['10.89.0.2'])
    expect(await dig('WEB')).toContain('\nWEB.')
  })

  test('have no AAAA and no MX, which is not the same as not being there', async () => {
    for (const type of ['AAAA', 'MX', 'HTTPS']) {
      const answer = await dig(`api ${type}`)
      expect(answer).toContain('status: NOERROR')
      expect(answer).toContain('ANSWER: 0')
    }
    expect(upstream.asked).toEqual([])
  })

  test('are found backwards, and addresses of our subnets are asked of nobody', async () => {
    expect(await short('-x 10.89.0.3')).toEqual(['shop-api-1.shop_front.'])
    expect(await dig('-x 10.89.0.99')).toContain('status: NXDOMAIN')
    expect(upstream.asked).toEqual([])
  })

  test('on other networks or without a running container are NXDOMAIN and never forwarded', async () => {
    expect(await dig('db')).toContain('status: NXDOMAIN')
    expect(await dig('job')).toContain('status: NXDOMAIN')
    expect(upstream.asked).toEqual([])
  })

  test('follow update(), set() and delete() at once', async () => {
    dns.update({ networks: ['shop_front', 'shop_back'] })
    expect(await short('db')).toEqual(['10.89.1.2'])
    dns.update({ networks: ['shop_front'] })
    const key = { network: 'shop_front', container: 'shop-new-1' }
    net.names.set({ ...key, stack: 'shop', names: ['shop-new-1', 'new'], address: '10.89.0.9' })
    expect(await short('new')).toEqual(['10.89.0.9'])
    net.names.delete(key)
    expect(await dig('new')).toContain('status: NOERROR')
    expect(upstream.asked).toEqual(['new'])
  })

  test('are answered by tcp and with EDNS', async () => {
    expect([...(await short('+tcp api'))].sort()).toEqual(['10.89.0.3', '10.89.0.4'])
    expect(await dig('+bufsize=4096 api')).toContain('EDNS: version: 0')
    expect(await dig('+noedns api')).not.toContain('EDNS')
  })

  test('that do not fit a datagram come whole by tcp', async () => {
    for (let index = 0; index < 60; index++) {
      const container = `many-${index}`
      net.names.set({
        network: 'shop_front',
        container,
        stack: 'shop',
        names: ['many'],
        address: `10.89.0.${100 + index}`,
      })
    }
    expect(await dig('+noedns +ignore many')).toMatch(/flags: qr aa tc/)
    expect(await short('+noedns many')).toHaveLength(60)
    for (let index = 0; index < 60; index++)
      net.names.delete({ network: 'shop_front', container: `many-${index}` })
  })

  test('reach programs by the C library’s resolver', async () => {
    const file = `/tmp/tsstack-resolv-${process.pid}`
    const inside = [
      `echo nameserver 127.0.0.11 > ${file}; echo options timeout:30 >> ${file}`,
      `mount --bind ${file} /etc/resolv.conf`,
      `rm ${file}`,
      'getent ahostsv4 api',
    ]
    const lookup = `unshare -m sh -ec '${inside.join('; ')}'`
    expect((await run(lookup, web.fd)).stdout).toMatch(/^10\.89\.0\.[34]\s+STREAM api/)
  })
})

describe('other names', () => {
  test('come from the upstream, unchanged, by udp and by tcp', async () => {
    expect(await short('example.com')).toEqual(['203.0.113.80'])
    expect(await short('+tcp example.com')).toEqual(['203.0.113.80'])
    expect(upstream.asked).toEqual(['example.com', 'example.com'])
    expect(upstream.ports.size).toBeGreaterThan(1)
  })

  test('come from the next upstream when one is not there or refuses', async () => {
    dns.update({ upstreams: ['127.0.0.1:5399', '127.0.0.1:5300'] })
    expect(await short('example.com')).toEqual(['203.0.113.80'])
  })

  test('are SERVFAIL when there is no upstream, and when none answers', async () => {
    dns.update({ upstreams: [] })
    expect(await dig('example.com')).toContain('status: SERVFAIL')
    dns.update({ upstreams: ['127.0.0.1:5399'] })
    expect(await dig('example.com')).toContain('status: SERVFAIL')
  })

  test('are not believed from an answer with another id, another question or another sender', async () => {
    for (const mode of ['wrong-id', 'wrong-question', 'wrong-sender'] as const) {
      upstream.mode = mode
      expect(await dig('example.com')).toContain('status: SERVFAIL')
    }
  })

  test('of stack names are not asked, so an upstream that lies about them is not heard', async () => {
    expect(await short('api')).not.toContain('203.0.113.80')
    expect(await short('localhost')).toEqual(['127.0.0.1'])
    expect(upstream.asked).toEqual([])
  })

  test('of one container fill at most their share of the way out', async () => {
    upstream.mode = 'silent'
    const flood = createSocket('udp4')
    const failed = await new Promise<number>((resolve) => {
      let count = 0
      withNamespace(web.fd, 'net', () => {
        const { fd } = openInetSocket({ protocol: 'udp', address: '0.0.0.0', port: 0 })
        flood.bind({ fd }, () => {
          flood.connect(53, '127.0.0.11', () => {
            for (let index = 0; index < 140; index++)
              flood.send(question(`q${index}.example`, index))
          })
        })
      })
      flood.on('message', () => {
        count++
        if (count === 40) resolve(count)
      })
    })
    expect(failed).toBe(40)
    // What has gone out may not have been read by the upstream, which lives in this process.
    await until(() => Promise.resolve(String(upstream.asked.length)), /^\d{3}$/)
    expect(upstream.asked).toHaveLength(100)
    flood.close()
    expect(await short('api')).toContain('10.89.0.3')
    await dns.close()
    dns = await net.serveDns(request())
  })
})

describe('the place of the server', () => {
  test('leaves port 53 of every address of the container to the container', async () => {
    const bound = await run(
      'timeout 0.3 socat udp4-recv:53 - & timeout 0.3 socat tcp4-listen:53 -; wait',
      web.fd,
    )
    expect(bound.stderr).toBe('')
    expect(sh('ss -Hlnu; ss -Hlnt')).not.toContain(':53 ')
  })

  test('answers garbage with FORMERR or not at all, and goes on', async () => {
    const malformed = [expect.stringMatching(/^12348001/)]
    expect(await answersTo('12340100000100000000000041')).toEqual(malformed)
    expect(await answersTo('1234010000020000000000000000010001')).toEqual(malformed)
    expect(await answersTo('1234810000010000000000000000010001')).toEqual([])
    expect(await answersTo('12')).toEqual([])
    expect(await short('web')).toEqual(['10.89.0.2'])
  })

  test('one that asks without end is bounded by the kernel, and others are answered', async () => {
    const other = await startContainer(net, 'shop-api-1', 'shop_front', '10.89.0.3')
    const server = await net.serveDns({ ...request(), netnsFd: other.fd, container: 'shop-api-1' })
    expect(sh('nft list table ip tsstack_dns', web.fd)).toMatch(
      /ip daddr 127\.0\.0\.11 limit rate over 20000\/second burst 5000 packets drop/,
    )
    // 40,000 questions in some hundred milliseconds, again and again, by a process of its own.
    const flood = run(`${process.execPath} -e ${JSON.stringify(FLOOD)}`, web.fd)
    const answers = []
    for (let asked = 0; asked < 10; asked += 1) answers.push(await short('web', other.fd))
    expect(answers).toEqual(Array.from({ length: 10 }, () => ['10.89.0.2']))
    const { stdout } = await flood
    expect(Number(stdout)).toBeGreaterThan(0)
    expect(await short('web')).toEqual(['10.89.0.2'])
    await server.close()
    closeSync(other.fd)
  })

  test('one that has asked much is not answered in full before its neighbour is', async () => {
    const other = await startContainer(net, 'shop-api-1', 'shop_front', '10.89.0.3')
    const server = await net.serveDns({ ...request(), netnsFd: other.fd, container: 'shop-api-1' })
    const [loud, quiet] = await Promise.all([askerIn(web.fd), askerIn(other.fd)])
    const answers: string[] = []
    const done = new Promise<void>((resolve) => {
      loud.on('message', () => {
        if (answers.push('loud') === QUESTIONS + 1) resolve()
      })
      quiet.on('message', () => {
        if (answers.push('quiet') === QUESTIONS + 1) resolve()
      })
    })
    // All of them lie in the servers' queues before this process comes to read any.
    for (let id = 0; id < QUESTIONS; id += 1) loud.send(question('web', id), 53, '127.0.0.11')
    quiet.send(question('web', 1), 53, '127.0.0.11')
    await done
    expect(answers.indexOf('quiet')).toBeLessThan(QUESTIONS / 2)
    for (const socket of [loud, quiet]) socket.close()
    await server.close()
    closeSync(other.fd)
  })

  test('is taken over by the next supervisor', async () => {
    const next = await createNet({ rootId: 'aaaa' })
    next.names.set({
      network: 'shop_front',
      container: 'x',
      stack: 'shop',
      names: ['later'],
      address: '10.89.0.7',
    })
    const server = await next.serveDns(request())
    expect(await short('later')).toEqual(['10.89.0.7'])
    await server.close()
    await next.close()
    await dns.close()
    dns = await net.serveDns(request())
    expect(await short('web')).toEqual(['10.89.0.2'])
  })

  test('without nf_tables is port 53 of 127.0.0.11 itself', async () => {
    const plain = await createNet({ rootId: 'cccc', firewall: 'proxy' })
    plain.createNetwork({ name: 'plain', stack: 'p', internal: false })
    const box = await startContainer(plain, 'box', 'plain', '10.89.2.2')
    plain.names.set({
      network: 'plain',
      container: 'box',
      stack: 'p',
      names: ['box'],
      address: '10.89.2.2',
    })
    const server = await plain.serveDns({
      ...request(),
      netnsFd: box.fd,
      stack: 'p',
      networks: ['plain'],
    })
    expect(server.mode).toBe('bound')
    expect(await short('box', box.fd)).toEqual(['10.89.2.2'])
    expect(await short('+tcp box', box.fd)).toEqual(['10.89.2.2'])
    expect(sh('nft list ruleset', box.fd)).toBe('')
    await plain.removeAll()
    await plain.close()
    closeSync(box.fd)
  })
})

/** Asks for `web` as fast as it can for a second, and says, when there are any, how many answers came. */
const FLOOD = [
  "const socket = require('dgram').createSocket('udp4')",
  "const question = Buffer.from('123401000001000000000000' + '03776562' + '0000010001', 'hex')",
  'let answers = 0',
  "socket.on('message', () => answers++)",
  'const until = Date.now() + 1000',
  'const ask = () => {',
  "  for (let at = 0; at < 200; at++) socket.send(question, 53, '127.0.0.11')",
  '  if (Date.now() < until) return setImmediate(ask)',
  '  const end = () => answers > 0 ? (console.log(answers), socket.close()) : setTimeout(end, 50)',
  '  setTimeout(end, 300)',
  '}',
  'ask()',
]
  .join(';')
  .replaceAll('{;', '{')

/** Fewer than a socket's queue holds, more than are read in one go. */
const QUESTIONS = 150

async function askerIn(netnsFd: number): Promise<UdpSocket> {
  const { fd } = withNamespace(netnsFd, 'net', () =>
    openInetSocket({ protocol: 'udp', address: '127.0.0.1', port: 0 }),
  )
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => {
    socket.bind({ fd }, resolve)
  })
  return socket
}

function question(name: string, id: number): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]))
  const header = Buffer.alloc(12)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100, 2)
  header.writeUInt16BE(1, 4)
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, 1, 0, 1)])
}
