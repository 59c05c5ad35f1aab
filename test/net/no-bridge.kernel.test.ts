/** On a kernel without bridges: a throw-away one, from which their module is taken away. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createNet } from '../../src/net/index.ts'
import { enterHost, fingerprint, sh } from './world.ts'

// Removing the module takes every bridge of the machine along: never on one that somebody uses.
const isThrowAway = readFileSync('/proc/cpuinfo', 'utf8').includes('User Mode Linux')
const LOADER = '/proc/sys/kernel/modprobe'
let loader = ''

beforeAll(() => {
  if (!isThrowAway) return
  loader = readFileSync(LOADER, 'utf8').trim()
  enterHost()
  sh(`modprobe -r br_netfilter bridge; echo /bin/false > ${LOADER}`)
})
afterAll(() => {
  if (isThrowAway) sh(`echo ${loader} > ${LOADER}`)
})

test.skipIf(!isThrowAway)(
  'a network is refused before anything is made, with what to load (npm run test:vm -- --kernel uml)',
  async () => {
    expect(() => sh('ip link add b0 type bridge')).toThrow('Unknown device type')
    const before = fingerprint()
    const net = await createNet({ rootId: 'aaaa' })
    const request = { name: 'shop_default', stack: 'shop', internal: false }
    const message =
      'Cannot make interfaces of network "shop_default": this kernel has no bridge; ' +
      'load its module (modprobe bridge)'
    expect(() => net.checkNetwork(request)).toThrow(message)
    expect(() => net.createNetwork(request)).toThrow(message)
    expect(fingerprint()).toBe(before)
    sh(`echo ${loader} > ${LOADER}`)
    net.checkNetwork(request)
    net.createNetwork(request)
    expect(net.listNetworks()).toMatchObject([{ name: 'shop_default' }])
    await net.removeAll()
    await net.close()
    expect(fingerprint()).toBe(before)
  },
)
