/** Limits that change while a container runs. */
import { expect, test } from 'vitest'
import { describe as describePlan } from '../../src/planner/index.ts'
import { check } from './check.ts'

test('plan() updates a running container whose limits alone have changed', () => {
  const found = check('web: { grace: 30 }', 'web.1 running grace=5', 'update web.1')
  expect(describePlan(found)).toMatch(/^~ update container web\.1: stopGraceMs changed\n/)
  expect(describePlan(found)).toMatch(/Plan: 0 to add, 0 to replace, 0 to remove, 1 to update\.$/)
})

test('plan() updates a stopped container before it starts it', () => {
  check('web: { grace: 30 }', 'web.1 exited grace=5 code=1', 'update web.1, start web.1')
})

test('plan() replaces a container when anything else has changed as well', () => {
  const replaced = 'stop web.1, remove web.1, create web.1, start web.1'
  check('web: { grace: 30, image: new }', 'web.1 running grace=5 image=old', replaced)
})
