import { expect, test } from 'vitest'
import { SpecError } from '../../src/errors.ts'
import { renderConfig, type ConfigOptions } from '../../src/spec/index.ts'
import { request } from './stack.ts'

const STACK = `
services:
  web: { image: "x:\${TAG:-1}", depends_on: [api] }
  api: { image: x, links: [db] }
  db: { image: x, networks: [back], volumes: [data:/data] }
  other: { image: x, networks: [side] }
  tool: { image: x, profiles: [tools] }
networks: { back: {}, side: {} }
volumes: { data: {} }
`

const config = (options: ConfigOptions): string => renderConfig(request(STACK), options).output
const model = (options: ConfigOptions) => JSON.parse(config({ ...options, format: 'json' }))

test('config prints the named services, what they need, and what all those use', () => {
  const { services, networks, volumes } = model({ services: ['web'] })
  expect(Object.keys(services)).toEqual(['api', 'db', 'web'])
  expect(Object.keys(networks)).toEqual(['back', 'default'])
  expect(Object.keys(volumes)).toEqual(['data'])
  expect(Object.keys(model({ services: ['other'] }))).toEqual(['name', 'services', 'networks'])
})

test('config enables the profiles of the named services', () => {
  expect(config({ services: ['tool'], list: 'services' })).toBe('tool\n')
})

test('config limits lists and uninterpolated output to the named services as well', () => {
  expect(config({ services: ['db'], list: 'volumes' })).toBe('data\n')
  expect(config({ services: ['other'], list: 'volumes' })).toBe('')
  const { services } = model({ services: ['web'], noInterpolate: true })
  expect(Object.keys(services).toSorted()).toEqual(['api', 'db', 'web'])
  expect(services.web.image).toBe('x:${TAG:-1}')
})

test('config refuses a service that is not there, with a guess', () => {
  const seen: unknown[] = []
  try {
    config({ services: ['wbe'] })
  } catch (error) {
    if (!(error instanceof SpecError)) throw error
    seen.push(...error.diagnostics)
  }
  expect(seen).toMatchObject([{ rule: 'unknown-service', hint: 'did you mean "web"?' }])
})
