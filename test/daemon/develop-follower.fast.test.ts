/** Files of `develop.watch` that change while what is followed changes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DevelopFollower } from '../../src/daemon/develop/follower.ts'
import type { DevelopRule } from '../../src/daemon/protocol.ts'
import { until } from '../support/until.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsstack-follow-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function ruleOf(name: string): DevelopRule {
  const path = join(directory, name)
  mkdirSync(path)
  const common = {
    service: 'web',
    action: 'sync',
    ignore: [],
    include: [],
    target: '/app',
  } as const
  return { ...common, path, initialSync: false }
}

test('a file that is written while another rule comes or goes is not missed', async () => {
  const [rule, other] = [ruleOf('src'), ruleOf('other')]
  const synced = new Set<string>()
  const errors: unknown[] = []
  const follower = new DevelopFollower({
    perform: ({ synced: files }) => {
      for (const { path } of files) synced.add(basename(path))
      return Promise.resolve()
    },
    onError: (error) => errors.push(error),
  })
  const written: string[] = []
  const write = (name: string): void => {
    writeFileSync(join(rule.path, name), '')
    written.push(name)
  }
  await follower.follow([rule])
  for (let round = 0; round < 20; round += 1) {
    const followed = follower.follow(round % 2 === 0 ? [rule, other] : [rule])
    write(`${round}-at-once`)
    await setTimeout(round)
    write(`${round}-later`)
    await followed
  }
  const missed = (): readonly string[] => written.filter((name) => !synced.has(name))
  await until(() => Promise.resolve(missed().join(' ')), /^$/, 20_000)
  expect(errors).toEqual([])
  await follower.close()
})
