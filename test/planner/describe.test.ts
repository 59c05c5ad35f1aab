import { expect, test } from 'vitest'
import { describe, plan, planToJson, type Plan, type PlanOptions } from '../../src/planner/index.ts'
import { desiredOf, observedOf } from './world.ts'

function planOf(desired: string, observed: string, options: PlanOptions = {}): Plan {
  return plan({
    desired: desiredOf(desired),
    observed: observedOf(observed, desired),
    now: 0,
    options,
  })
}

function text(desired: string, observed: string, options: PlanOptions = {}): string[] {
  return describe(planOf(desired, observed, options)).split('\n')
}

test('describe() says when there is nothing to change', () => {
  expect(text('web:', 'web.1')).toEqual(['Plan: nothing to change.'])
})

test('describe() shows what is created, networks and volumes first', () => {
  expect(text('web: { networks: [back], volumes: ["data:/d"] }', '')).toEqual([
    '+ network back: not created yet',
    '+ volume data: not created yet',
    '+ container web.1: not created yet',
    '',
    'Plan: 3 to add, 0 to replace, 0 to remove.',
  ])
})

test('describe() shows a replacement as one step, with each field', () => {
  const desired = 'web: { image: new, environment: { PORT: "80", NEW: "1" } }'
  expect(text(desired, 'web.1 running image=old environment={PORT:"8080"}')).toEqual([
    '± container web.1: environment and image changed',
    '    environment.NEW: (none) → "1"',
    '    environment.PORT: "8080" → "80"',
    '    image: "old" → "new"',
    '',
    'Plan: 0 to add, 1 to replace, 0 to remove.',
  ])
})

test('describe() shows removals, starts and restarts, and counts them', () => {
  const desired = 'a: { depends_on: { b: { restart: true } } }, b: { image: new }, c:'
  const observed = 'a.1, b.1 running image=old, c.1 exited 2, old.1'
  expect(text(desired, observed, { removeOrphans: true })).toEqual([
    '~ restart container a.1: "b", on which it depends, is replaced',
    '± container b.1: image changed',
    '    image: "old" → "new"',
    '~ start container c.1: exited with 2',
    '- container old.1: no longer in the stack file',
    '',
    'Plan: 0 to add, 1 to replace, 1 to remove, 1 to start, 1 to restart.',
  ])
})

test('describe() ends with the notes and the closing line', () => {
  expect(text('job:', 'job.1 exited 0')).toEqual([
    'Note: Container "job.1" has completed and is not run again; "up job" runs it',
    '',
    'Plan: nothing to change.',
  ])
})

test('describe() colours the signs when asked', () => {
  const [line] = describe(planOf('web:', ''), { color: true }).split('\n')
  expect(line).toBe('\u001b[32m+\u001b[0m container web.1: not created yet')
})

test.each([
  ['DB_PASSWORD', 'hunter2'],
  ['API_TOKEN', 'hunter2'],
  ['AWS_SECRET_ACCESS_KEY', 'hunter2'],
  ['SSH_KEY', 'hunter2'],
  ['DATABASE_URL', 'postgres://app:hunter2@db/app'],
])('describe() and planToJson() hide the value of %s', (name, value) => {
  const found = planOf(
    `web: { environment: { ${name}: "${value}" } }`,
    'web.1 running environment={}',
  )
  expect(describe(found)).toContain(`environment.${name}: (none) → `)
  expect(describe(found)).toContain('(hidden)')
  expect(describe(found)).not.toContain('hunter2')
  expect(JSON.stringify(planToJson(found))).not.toContain('hunter2')
})

test('describe() shows a value that is no secret', () => {
  const found = planOf('web: { environment: { PORT: "80" } }', 'web.1 running environment={}')
  expect(describe(found)).toContain('environment.PORT: (none) → "80"')
})

test('describe() lets no control character of a name or value reach the terminal', () => {
  const desired = 'web: { environment: { A: "\\u001b[2J\\u202e" } }'
  const shown = describe(planOf(desired, 'web.1 running environment={}'))
  expect(shown).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u)
})

test('planToJson() has the documented shape', () => {
  const desired = 'web: { image: new, depends_on: [db] }, db:'
  expect(planToJson(planOf(desired, 'web.1 running image=old, db.1'))).toEqual({
    version: 1,
    stack: 's',
    changes: true,
    summary: {
      create: 0,
      replace: 1,
      remove: 0,
      start: 0,
      stop: 0,
      restart: 0,
      update: 0,
      pause: 0,
      unpause: 0,
      signal: 0,
    },
    steps: [
      {
        resource: 'container',
        name: 'web.1',
        service: 'web',
        change: 'replace',
        reason: 'image changed',
        fields: [{ path: 'image', before: 'old', after: 'new' }],
      },
    ],
    actions: [
      {
        id: 'stop-container:web.1',
        kind: 'stop-container',
        name: 'web.1',
        service: 'web',
        after: [],
        reason: 'image changed',
        graceMs: 10_000,
      },
      {
        id: 'remove-container:web.1',
        kind: 'remove-container',
        name: 'web.1',
        service: 'web',
        after: ['stop-container:web.1'],
        reason: 'image changed',
        anonymousVolumes: false,
      },
      {
        id: 'create-container:web.1',
        kind: 'create-container',
        name: 'web.1',
        service: 'web',
        after: ['remove-container:web.1'],
        reason: 'image changed',
      },
      {
        id: 'start-container:web.1',
        kind: 'start-container',
        name: 'web.1',
        service: 'web',
        after: ['create-container:web.1'],
        reason: 'image changed',
        waitFor: [{ service: 'db', condition: 'service_started', required: true, restart: false }],
      },
    ],
    notes: [],
  })
})

test('planToJson() writes absent values as null', () => {
  const found = planOf('web: { environment: { A: "1" } }', 'web.1 running environment={}')
  expect(planToJson(found).steps[0]?.fields).toEqual([
    { path: 'environment.A', before: null, after: '1' },
  ])
})
