/**
 * What a packet costs on this kernel when it goes from one bridge to another, whoever sends it
 * there: machines with two bridges, made by hand, without tsstack.
 */
import { execFileSync } from 'node:child_process'
import { createNetworkNamespace } from '../src/linux/index.ts'

/** A network namespace with an address: of a container, or of something else beside it. */
export interface Place {
  readonly fd: number
  readonly address: string
}

export interface Passage {
  readonly client: Place
  readonly server: Place
}

export function inside({ fd }: Pick<Place, 'fd'>, ...command: readonly string[]): string {
  const args = [`--net=${path(fd)}`, ...command]
  return execFileSync('nsenter', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Where `client` asks `server` by way of a machine that routes, and has `rules` of nft. */
export function passage(rules: string): Passage {
  const host = { fd: createNetworkNamespace() }
  const setup = [1, 2].map(
    (at) =>
      `ip link add br${at} type bridge; ip link set br${at} up
       ip addr add 10.67.${at}.1/24 dev br${at}`,
  )
  inside(host, 'sh', '-ec', `${setup.join('\n')}\necho 1 > /proc/sys/net/ipv4/ip_forward`)
  if (rules !== '') inside(host, 'nft', rules)
  const [client, server] = [leaf(host, 1), leaf(host, 2)]
  return { client, server }
}

/** What no published port can do with less. */
export const LEAST_NAT = `add table ip least
add chain ip least in { type nat hook prerouting priority -100 ; }
add rule ip least in ip daddr 10.67.1.1 tcp dport 5301 dnat to 10.67.2.2:5201`

/** What Docker 28 writes for one published port of a container on a bridge, in the words of nft. */
export const DOCKER: string = `table ip raw {
  chain PREROUTING { type filter hook prerouting priority -300;
    ip daddr 10.67.2.2 iifname != "br2" counter drop; }
}
table ip nat {
  chain DOCKER { iifname != "br2" tcp dport 5301 counter dnat to 10.67.2.2:5201; }
  chain PREROUTING { type nat hook prerouting priority -100;
    fib daddr type local counter jump DOCKER; }
  chain OUTPUT { type nat hook output priority -100;
    ip daddr != 127.0.0.0/8 fib daddr type local counter jump DOCKER; }
  chain POSTROUTING { type nat hook postrouting priority 100;
    ip saddr 10.67.2.0/24 oifname != "br2" counter masquerade; }
}
table ip filter {
  chain DOCKER {
    ip daddr 10.67.2.2 iifname != "br2" oifname "br2" tcp dport 5201 counter accept
    iifname != "br2" oifname "br2" counter drop; }
  chain DOCKER-USER { }
  chain DOCKER-CT { oifname "br2" ct state related,established counter accept; }
  chain DOCKER-BRIDGE { oifname "br2" counter jump DOCKER; }
  chain DOCKER-ISOLATION-STAGE-2 { oifname "br2" counter drop; }
  chain DOCKER-ISOLATION-STAGE-1 {
    iifname "br2" oifname != "br2" counter jump DOCKER-ISOLATION-STAGE-2; }
  chain DOCKER-FORWARD {
    counter jump DOCKER-CT
    counter jump DOCKER-ISOLATION-STAGE-1
    counter jump DOCKER-BRIDGE
    iifname "br2" counter accept; }
  chain FORWARD { type filter hook forward priority 0; policy drop;
    counter jump DOCKER-USER
    counter jump DOCKER-FORWARD; }
}`

function leaf(host: Pick<Place, 'fd'>, at: number): Place {
  const fd = createNetworkNamespace()
  inside(
    host,
    'sh',
    '-ec',
    `ip link add leaf${at} type veth peer name eth0 netns ${path(fd)}
     ip link set leaf${at} master br${at} up`,
  )
  inside(
    { fd },
    'sh',
    '-ec',
    `ip link set eth0 up; ip addr add 10.67.${at}.2/24 dev eth0
     ip route add default via 10.67.${at}.1`,
  )
  return { fd, address: `10.67.${at}.2` }
}

const path = (fd: number): string => `/proc/${process.pid}/fd/${fd}`
