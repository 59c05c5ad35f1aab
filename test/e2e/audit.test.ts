/** The built `tsstack audit`: its table, its JSON and its exit status. No root, no supervisor. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { PROJECT } from '../support/sandbox.ts'

const folder = mkdtempSync(join(tmpdir(), 'tsstack-audit-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

writeFileSync(
  join(folder, 'compose.yaml'),
  `services:
  web: { image: x, ports: ['8080:80'], mem_limit: 64m }
  root: { image: x, privileged: true, pid: host, volumes: ['/:/host'] }
  mapped: { image: x, userns_mode: auto, cap_add: [SYS_ADMIN] }
`,
)

function audit(...words: readonly string[]) {
  const command = [join(PROJECT, 'bin/tsstack.js'), 'audit', ...words]
  const { stdout, stderr, status } = spawnSync(process.execPath, command, {
    cwd: folder,
    encoding: 'utf8',
  })
  return { stdout, stderr, status }
}

test('tsstack audit shows a table, findings with advice, and ends with 1 for a high one', () => {
  const { stdout, status } = audit()
  expect(status).toBe(1)
  expect(stdout).toMatch(/^SERVICE +USER +USERNS +CAPS +SECCOMP/)
  expect(stdout).toMatch(/^root +- +host +all +unconfined +no +pid +\/ +-/m)
  expect(stdout).toMatch(
    /^HIGH +root \[host-path\] \/ of the host, writable\n +mount it read-only/m,
  )
  expect(stdout).toMatch(/^mapped +- +own +15 +default/m)
  expect(stdout).toMatch(/^LOW +mapped \[capability\] SYS_ADMIN: over its own namespaces only/m)
  expect(stdout).toMatch(/^LOW +web \[published-everywhere\] 80\/tcp/m)
})

test('tsstack audit --fail-on and --ignore decide about the exit status', () => {
  expect(audit('web').status).toBe(0)
  expect(audit('--fail-on', 'low', 'web').status).toBe(1)
  expect(audit('--fail-on', 'never').status).toBe(0)
  expect(audit('--ignore', 'privileged,host-pid,host-path').status).toBe(0)
})

test('tsstack audit --json is data', () => {
  const { version, services } = JSON.parse(audit('--json').stdout) as {
    readonly version: number
    readonly services: readonly { readonly service: string; readonly privileged: boolean }[]
  }
  expect(version).toBe(1)
  expect(services.map(({ service, privileged }) => [service, privileged])).toEqual([
    ['mapped', false],
    ['root', true],
    ['web', false],
  ])
})
