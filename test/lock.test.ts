/** package-lock.json installs on any machine: no addresses, every platform named. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface LockEntry {
  readonly version?: string
  readonly resolved?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly integrity?: string
  readonly os?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const text = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')
const packages = (JSON.parse(text) as { packages: Record<string, LockEntry> }).packages

test('package-lock.json has no download addresses, so it works with any registry', () => {
  const resolved = Object.keys(packages).filter((path) => packages[path]?.resolved !== undefined)
  expect(resolved).toEqual([])
  const addresses = [...text.matchAll(/https?:\/\/[^"]+/g)].map(([address]) => address)
  expect(addresses.filter((address) => /\.tgz|registry|\/-\//.test(address))).toEqual([])
})

test('package-lock.json names the optional packages of every platform, or npm ci refuses it', () => {
  const missing = Object.values(packages).flatMap((entry) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([, version]) => /^\d/.test(version))
      .filter(([name]) => packages[`node_modules/${name}`] === undefined)
      .map(([name, version]) => `${name}@${version}`),
  )
  expect(missing, 'run npm run lock').toEqual([])
})

test('package-lock.json has a checksum for every package but dev packages of other platforms', () => {
  const unchecked = Object.entries(packages)
    .filter(([path, entry]) => path !== '' && entry.integrity === undefined)
    .filter(([, entry]) => !(entry.dev && entry.optional && entry.os))
  expect(unchecked.map(([path]) => path)).toEqual([])
})
