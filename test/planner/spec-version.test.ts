import { expect, test } from 'vitest'
import { knownChanges } from '../../src/planner/spec-version.ts'

const changes = ['image', 'shine', 'resources.polish', 'mounts[/data].gloss', 'mounts[/data]'].map(
  (path) => ({ path, before: undefined, after: 1 }),
)
const since = { shine: 2, 'resources.polish': 3, 'mounts[].gloss': 2 }
const pathsFor = (recorded: number): readonly string[] =>
  knownChanges(changes, recorded, since).map(({ path }) => path)

test('fields that an older tsstack did not know are no difference', () => {
  expect(pathsFor(1)).toEqual(['image', 'mounts[/data]'])
  expect(pathsFor(2)).toEqual(['image', 'shine', 'mounts[/data].gloss', 'mounts[/data]'])
})

test('fields that it knew are', () => {
  expect(pathsFor(3)).toEqual(changes.map(({ path }) => path))
})
