import { expect, test } from 'vitest'
import { hostsText, resolvText, updatedHosts } from '../../../src/engine/rootfs/network-files.ts'

const HOST = [
  '# written by something',
  'nameserver 9.9.9.9',
  'nameserver 8.8.8.8',
  'search a.example',
  'search corp.example lan',
  'options edns0',
  '',
].join('\n')
const resolv = (change: Partial<Parameters<typeof resolvText>[0]>) =>
  resolvText({
    resolver: 'embedded',
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    host: HOST,
    ...change,
  })

test('hostsText() names the container by its addresses, after extra hosts', () => {
  const text = hostsText({
    hostname: 'web',
    domainname: 'example.org',
    addresses: ['10.89.0.2', 'fd00::2'],
    extraHosts: [{ name: 'db', address: '192.0.2.7' }],
  })
  expect(text.split('\n').slice(0, 2)).toEqual([
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
  ])
  expect(text.split('\n').slice(6)).toEqual([
    '192.0.2.7\tdb',
    '10.89.0.2\tweb.example.org web',
    'fd00::2\tweb.example.org web',
    '',
  ])
})

test('updatedHosts() changes the addresses of its own lines, and nothing that others wrote', () => {
  const input = {
    hostname: 'web',
    addresses: ['10.89.0.2', 'fd00::2'],
    extraHosts: [{ name: 'host', address: '10.89.0.1' }],
  }
  const text = `${hostsText(input)}192.0.2.1\tlater\n192.0.2.2 web`
  const moved = updatedHosts(text, {
    ...input,
    addresses: ['10.89.1.7'],
    extraHosts: [{ name: 'host', address: '10.89.1.1' }],
  })
  const lines = moved?.split('\n').slice(6)
  expect(lines).toEqual([
    '10.89.1.1\thost',
    '10.89.1.7\tweb',
    '192.0.2.1\tlater',
    '192.0.2.2 web',
    '',
  ])
  const nowhere = updatedHosts(text, { ...input, addresses: [] }) ?? ''
  expect(nowhere).not.toMatch(/\tweb$/m)
  expect(updatedHosts(`${nowhere}# end\n`, input)).toContain('10.89.0.2\tweb\nfd00::2\tweb\n')
  expect(updatedHosts(text, input)).toBe(`${text}\n`)
  expect(updatedHosts('10.0.0.1\tsomebody else\n', input)).toBeUndefined()
})

test('resolvText() of the embedded resolver keeps the search list of the host', () => {
  expect(resolv({})).toBe('nameserver 127.0.0.11\nsearch corp.example lan\noptions edns0 ndots:0\n')
})

test('resolvText() lets the stack file have the last word', () => {
  const text = resolv({ dns: ['1.1.1.1'], dnsSearch: ['x.example'], dnsOptions: ['ndots:2'] })
  expect(text).toBe('nameserver 127.0.0.11\nsearch x.example\noptions ndots:2\n')
})

test('resolvText() drops the search list for "."', () => {
  expect(resolv({ dnsSearch: ['.'] })).not.toContain('search')
})

test('resolvText() without our resolver names the stack file’s servers, or the host’s', () => {
  expect(resolv({ resolver: 'direct' })).toBe(
    'nameserver 9.9.9.9\nnameserver 8.8.8.8\nsearch corp.example lan\noptions edns0\n',
  )
  expect(resolv({ resolver: 'direct', dns: ['1.1.1.1'] })).toContain('nameserver 1.1.1.1\nsearch')
  expect(resolv({ resolver: 'direct', host: '' })).toBe('')
})
