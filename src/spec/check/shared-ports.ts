/** Warns of services that have one port of the machine together: clients go to them in turns. */
import type { Place } from '../tree/node.ts'
import { sharesPorts } from '../units/own-options.ts'
import type { CheckContext } from './check.ts'

interface Publication {
  readonly service: string
  readonly isMeant: boolean
  readonly place: Place
}

interface Placed {
  readonly key: string
  readonly publication: Publication
}

const HINT =
  'give them ports of their own, or say that it is meant: x-tsstack: {shared-ports: true}'

/** Replicas of one service share its ports anyway. */
export function checkSharedPorts(context: CheckContext): void {
  for (const [port, publications] of publicationsOf(context)) {
    const byService = new Map(publications.toReversed().map((one) => [one.service, one]))
    const [first, second, ...more] = [...byService.values()].toReversed()
    if (first === undefined || second === undefined) continue
    const all = [first, second, ...more]
    if (all.some(({ isMeant }) => isMeant)) continue
    const names = all.map(({ service }) => `"${service}"`)
    context.report.warn({
      rule: 'shared-port',
      place: second.place,
      message:
        `${names.slice(0, -1).join(', ')} and ${names.at(-1)} publish one port of the machine, ` +
        `${port}: its clients are led to them in turns`,
      hint: HINT,
      related: [first, ...more].map(({ service, place }) => ({
        message: `"${service}" publishes it at`,
        place,
      })),
    })
  }
}

/** By port; those of one address of the machine apart from those of another. */
function publicationsOf({
  activation,
  placeOf,
}: CheckContext): ReadonlyMap<string, readonly Publication[]> {
  const all = Object.entries(activation.active).flatMap(([name, service]) =>
    (service.ports ?? []).flatMap(({ published = '', protocol = 'tcp', host_ip: ip }, at) => {
      // Of a range each takes a port that is free.
      if (!/^\d+$/.test(published) || Number(published) === 0) return []
      const address = ip === undefined || ip === '' || ip === '0.0.0.0' ? '' : `${ip}:`
      const place = placeOf(['services', name, 'ports', at])
      const publication = { service: name, isMeant: sharesPorts(service), place }
      return [{ key: `${address}${published}/${protocol}`, publication }]
    }),
  )
  const byKey = Map.groupBy(all.toSorted(byPlace), ({ key }) => key)
  return new Map([...byKey].map(([key, own]) => [key, own.map((one) => one.publication)]))
}

/** In the order of a reader; files stay in the order of services. */
function byPlace(one: Placed, other: Placed): number {
  const [left, right] = [one.publication.place, other.publication.place]
  return left.source === right.source ? left.start - right.start : 0
}
