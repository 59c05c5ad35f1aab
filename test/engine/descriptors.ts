/** Descriptors of this process: network namespaces, of which one may be made ahead, and others. */
import { readdirSync, readlinkSync } from 'node:fs'
import { until } from '../support/until.ts'

export interface Descriptors {
  readonly namespaces: number
  readonly others: number
}

export function descriptors(): Descriptors {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // It was the one by which they were listed.
    }
  })
  const namespaces = links.filter((link) => link.startsWith('net:[')).length
  return { namespaces, others: links.length - namespaces }
}

/**
 * Waits until there are no more than `before`, but for the spare namespace, which comes some
 * milliseconds after a start: the last monitor is seen to be gone after its program.
 */
export async function noMoreThan(before: Descriptors): Promise<void> {
  const isNoMore = (now: Descriptors): boolean =>
    now.others <= before.others && now.namespaces <= before.namespaces + 1
  await until(
    () => Promise.resolve(`${isNoMore(descriptors())} ${JSON.stringify(descriptors())}`),
    /^true/,
  )
}
