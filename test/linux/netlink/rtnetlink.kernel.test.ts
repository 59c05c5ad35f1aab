import { closeSync, existsSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { KernelError } from '../../../src/errors.ts'
import {
  NETLINK_ROUTE,
  NetlinkSocket,
  addAddress,
  addRoute,
  createBridge,
  createNetworkNamespace,
  createVeth,
  deleteAddress,
  deleteLink,
  deleteLinkGroup,
  deleteNeighbour,
  deleteRoute,
  getLink,
  listAddresses,
  listLinks,
  listNeighbours,
  listRoutes,
  parseAddresses,
  parseLinks,
  parseNeighbours,
  parseRoutes,
  setLink,
  setNeighbour,
  withNamespace,
} from '../../../src/linux/index.ts'
import { enterFreshNetwork, readJson, run } from './kernel.ts'

let socket: NetlinkSocket
let home: number
const indexOf = (name: string): number =>
  parseLinks(socket.request([getLink({ name })]))[0]?.index ?? 0

beforeAll(() => {
  home = enterFreshNetwork()
  socket = new NetlinkSocket(NETLINK_ROUTE)
})
afterEach(() => {
  for (const link of parseLinks(socket.dump(listLinks()))) {
    if (link.kind === 'bridge' || link.kind === 'veth') socket.exchange([deleteLink(link)])
  }
  expect(readJson(['ip', '-j', 'link']).map((link: any) => link.ifname)).toEqual(['lo'])
})
afterAll(() => {
  socket.close()
  closeSync(home)
})

describe('links', () => {
  test('createBridge() and setLink() make what ip shows', () => {
    socket.request([
      createBridge('tsb0', { up: true, mtu: 1400, mac: '02:42:0a:59:00:01' }),
      setLink({ name: 'tsb0' }, { alias: 'tsstack:x:y:z' }),
    ])
    const [link] = readJson(['ip', '-j', '-d', 'link', 'show', 'tsb0'])
    expect(link).toMatchObject({
      ifname: 'tsb0',
      mtu: 1400,
      address: '02:42:0a:59:00:01',
      ifalias: 'tsstack:x:y:z',
      linkinfo: { info_kind: 'bridge' },
    })
    expect(link.flags).toContain('UP')
  })

  test('createVeth() makes the peer inside another namespace, with its address', () => {
    socket.request([createBridge('tsb0', { up: true })])
    const fd = createNetworkNamespace()
    socket.request([
      createVeth(
        'tsv0',
        { up: true, master: indexOf('tsb0') },
        { name: 'eth0', netnsFd: fd, mac: '02:42:0a:59:00:02' },
      ),
    ])
    const [inside] = readJson(['ip', '-j', 'link', 'show', 'eth0'], fd)
    expect(inside).toMatchObject({ ifname: 'eth0', address: '02:42:0a:59:00:02' })
    const [outside] = readJson(['ip', '-j', 'link', 'show', 'tsv0'])
    expect(outside).toMatchObject({ master: 'tsb0' })
    expect(outside.flags).toContain('UP')
    const [queues] = readJson(['ip', '-j', '-d', 'link', 'show', 'tsv0'])
    expect(queues).toMatchObject({ num_tx_queues: 1, num_rx_queues: 1 })
    expect(readJson(['ip', '-j', 'link']).map((link: any) => link.ifname)).not.toContain('eth0')
    closeSync(fd)
  })

  test.runIf(existsSync('/proc/sys/net/ipv6/conf'))(
    'setLink() keeps the kernel from making an IPv6 link-local address',
    () => {
      socket.request([
        createBridge('tsb0'),
        setLink({ name: 'tsb0' }, { ipv6LinkLocal: false }),
        setLink({ name: 'tsb0' }, { up: true }),
      ])
      const [link] = readJson(['ip', '-j', '-d', 'addr', 'show', 'tsb0'])
      expect(link).toMatchObject({ addr_info: [] })
    },
  )

  test('listLinks() agrees with ip', () => {
    socket.request([createBridge('tsb0'), createVeth('a0', {}, { name: 'a1' })])
    const ours = parseLinks(socket.dump(listLinks())).map(({ index, name, mtu }) => [
      index,
      name,
      mtu,
    ])
    const theirs = readJson(['ip', '-j', 'link']).map((one: any) => [
      one.ifindex,
      one.ifname,
      one.mtu,
    ])
    expect(new Set(ours)).toEqual(new Set(theirs))
  })

  test('deleteLinkGroup() deletes the links of the group and no other', () => {
    socket.request([
      ...['tsb0', 'tsb1', 'tsb2'].map((name) => createBridge(name)),
      ...['tsb0', 'tsb2'].map((name) => setLink({ name }, { group: 0x74000001 })),
      deleteLinkGroup(0x74000001),
    ])
    const names = readJson(['ip', '-j', 'link']).map((link: any) => link.ifname)
    expect(names).toEqual(['lo', 'tsb1'])
    expect(() => socket.request([deleteLinkGroup(0x74000001)])).toThrow(/ENODEV/)
  })

  test('a refusal names what was tried, errno, and leaves the socket usable', () => {
    socket.request([createBridge('tsb0')])
    const attempt = (): unknown => socket.request([createBridge('tsb0')])
    expect(attempt).toThrow(KernelError)
    expect(attempt).toThrow(/create bridge "tsb0"\) failed: EEXIST \(File exists/)
    expect(indexOf('tsb0')).toBeGreaterThan(0)
  })

  test('a refusal carries the extended acknowledgement', () => {
    expect(() => socket.request([addRoute({ gateway: '192.0.2.1' })])).toThrow(
      /ENETUNREACH .*Nexthop has invalid gateway/,
    )
  })

  test('exchange() tries everything and says which requests were refused', () => {
    const { refused } = socket.exchange([
      { ...deleteLink({ name: 'nobody' }), flags: 4 },
      { ...createBridge('tsb0'), flags: createBridge('tsb0').flags | 4 },
    ])
    expect(refused.map(({ request, error }) => [request.what, error.errnoName])).toEqual([
      ['delete link "nobody"', 'ENODEV'],
    ])
    expect(indexOf('tsb0')).toBeGreaterThan(0)
  })

  test('dump() reads a list that needs many datagrams', () => {
    const names = Array.from({ length: 60 }, (_, index) => `tsb${index}`)
    socket.request(names.map((name) => createBridge(name)))
    const listed = new Set(parseLinks(socket.dump(listLinks())).map(({ name }) => name))
    expect(names.filter((name) => !listed.has(name))).toEqual([])
  })
})

describe('addresses, routes and neighbours', () => {
  test('addAddress(), addRoute() and setNeighbour() do what ip shows, and delete undoes it', () => {
    socket.request([createBridge('tsb0', { up: true })])
    const linkIndex = indexOf('tsb0')
    const address = { linkIndex, address: '10.89.3.1', prefixLength: 24 }
    const route = { destination: '10.77.0.0', prefixLength: 16, gateway: '10.89.3.9' }
    const neighbour = { linkIndex, address: '10.89.3.9', mac: '02:42:0a:59:03:09' }
    socket.request([addAddress(address), addRoute(route), setNeighbour(neighbour)])
    socket.request([addAddress(address)])

    expect(readJson(['ip', '-j', '-4', 'addr', 'show', 'tsb0'])[0].addr_info).toMatchObject([
      { local: '10.89.3.1', prefixlen: 24, broadcast: '10.89.3.255' },
    ])
    expect(readJson(['ip', '-j', 'route', 'show', '10.77.0.0/16'])).toMatchObject([
      { dst: '10.77.0.0/16', gateway: '10.89.3.9', dev: 'tsb0' },
    ])
    expect(run(['ip', 'neigh'])).toContain('10.89.3.9 dev tsb0 lladdr 02:42:0a:59:03:09 PERMANENT')

    expect(parseAddresses(socket.dump(listAddresses()))).toContainEqual({
      linkIndex,
      family: 4,
      address: '10.89.3.1',
      prefixLength: 24,
      label: 'tsb0',
    })
    expect(parseRoutes(socket.dump(listRoutes()))).toContainEqual({
      family: 4,
      destination: '10.77.0.0',
      prefixLength: 16,
      gateway: '10.89.3.9',
      linkIndex,
      table: 254,
      type: 1,
    })
    expect(parseNeighbours(socket.dump(listNeighbours()))).toContainEqual({
      linkIndex,
      family: 4,
      address: '10.89.3.9',
      mac: '02:42:0a:59:03:09',
      state: 0x80,
    })

    socket.request([deleteRoute(route), deleteNeighbour(neighbour), deleteAddress(address)])
    expect(parseRoutes(socket.dump(listRoutes())).filter(({ family }) => family === 4)).toEqual([])
    expect(run(['ip', 'neigh'])).toBe('')
  })
})

describe('withNamespace()', () => {
  test('opens sockets inside, and comes back even when the work throws', () => {
    const fd = createNetworkNamespace()
    const inside = withNamespace(fd, 'net', () => new NetlinkSocket(NETLINK_ROUTE))
    inside.request([createBridge('inside')])
    expect(run(['ip', 'link'], fd)).toContain('inside')
    expect(run(['ip', 'link'])).not.toContain('inside')
    expect(() =>
      withNamespace(fd, 'net', () => {
        throw new Error('broken')
      }),
    ).toThrow('broken')
    expect(run(['ip', 'link'])).not.toContain('inside')
    inside.close()
    closeSync(fd)
  })
})
