/** Plans kept in files, history and rollback, and why a service is as it is. */
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { type Scene, shell, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)
const run = (...words: readonly string[]) => scene.run(...words)
const mode = (value: string): readonly string[] => [...SLEEP, `environment: { MODE: ${value} }`]

describe('plan -o', () => {
  test('keeps a plan that up carries out, once, and only while nothing has moved', async () => {
    scene.write({ web: mode('one') })
    expect((await run('plan', '-o', 'my.plan')).code).toBe(2)
    const file = join(scene.folder, 'my.plan')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await ok('up', '-d', 'my.plan')
    const again = await run('up', '-d', 'my.plan')
    expect(again.code).toBe(1)
    expect(again.stderr).toMatch(/have changed since it was made \[PLAN_OUTDATED\]\nhint: .*plan/)
    scene.write({ web: mode('two') })
    const planned = await run('plan', '-o', 'my.plan')
    expect(planned.stdout).toMatch(/^Downtime: web\. Data lost: none\.$/m)
    expect(planned.stdout).toMatch(
      /^About \d+\.\d s, along: stop cli-web-1 \(\d+ ms\), .*start cli-web-1 \(\d+ ms\)\.$/m,
    )
    await ok('stop')
    expect((await run('up', '-d', 'my.plan')).stderr).toContain('PLAN_OUTDATED')
    await ok('start')
    await ok('up', '-d', 'my.plan')
    expect((await ok('exec', 'web', 'printenv', 'MODE')).stdout).toBe('two\n')
    await ok('down')
  })

  test('of images that are not there yet is carried out once they are built', async () => {
    const stack = 'name: cli\nservices:\n  web: { build: ., network_mode: none, init: true }\n'
    const docker = ['FROM scratch', 'COPY busybox /bin/', 'VOLUME /data', 'HEALTHCHECK CMD true']
    const program = 'CMD ["/bin/busybox", "sleep", "1000"]'
    copyFileSync('/bin/busybox', join(scene.folder, 'busybox'))
    writeFileSync(join(scene.folder, 'compose.yaml'), stack)
    writeFileSync(join(scene.folder, 'Dockerfile'), [...docker, program, ''].join('\n'))
    const file = join(scene.folder, 'my.plan')
    writeFileSync(file, 'something else', { mode: 0o644 })
    const planned = await run('plan', '-o', 'my.plan')
    expect(planned.stdout).toContain('+ build image cli-web of web: there is no image yet\n')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    writeFileSync(join(scene.folder, 'compose.yaml'), stack.replace('true }', 'false }'))
    expect((await run('up', '-d', 'my.plan')).stderr).toContain('PLAN_OUTDATED')
    await ok('down', '--rmi', 'local')
    writeFileSync(join(scene.folder, 'compose.yaml'), stack)
    await ok('up', '-d', 'my.plan')
    expect((await ok('ps')).stdout).toMatch(/cli-web-1 +web +running/)
    expect((await run('up', '-d', 'my.plan')).stderr).toContain('PLAN_OUTDATED')
    const kept = await run('plan', '--build', '-o', 'my.plan')
    expect(kept.stderr).toContain('Cannot keep a plan with --build')
    await ok('down', '-v')
  })

  test('tells what is lost, in JSON too; a file that is no plan is refused', async () => {
    scene.write({ web: [...SLEEP, 'volumes: ["/data"]'] })
    await ok('up', '-d')
    const words = ['plan', '--force-recreate', '-V', '--json']
    expect(JSON.parse((await run(...words)).stdout).impact).toMatchObject({
      downtime: ['web'],
      dataLost: ['cli-web-1@data'],
      criticalPath: expect.arrayContaining(['stop-container:cli-web-1']),
      estimatedMs: expect.any(Number),
    })
    writeFileSync(join(scene.folder, 'other.json'), '{}')
    expect((await run('up', 'other.json')).stderr).toContain('Cannot read the plan in "other.json"')
    expect((await run('plan', '-o', 'no/where')).stderr).toContain('Cannot write the plan')
    await ok('down', '-v')
  })
})

test('history lists what was applied, diff shows what differs, rollback goes back', async () => {
  scene.write({ web: mode('one') })
  await ok('up', '-d')
  expect((await run('diff')).stderr).toContain(
    'Cannot find a revision before the newest of stack "cli": there is 1',
  )
  scene.write({ web: mode('two'), db: SLEEP })
  await ok('up', '-d')
  await ok('up', '-d')
  expect((await ok('history')).stdout).toMatch(
    /^REVISION +APPLIED +CHANGES\n1 .*first: 1 containers\n2 .*cli-db-1 added, cli-web-1 changed\n$/,
  )
  const diff = await run('diff')
  expect(diff.code).toBe(2)
  expect(diff.stdout).toBe(
    'revision 1 → 2\n+ container cli-db-1\n± container cli-web-1\n    environment.MODE: "one" → "two"\n',
  )
  expect((await run('diff', '2', '2')).stdout).toBe('revision 2 → 2: nothing differs\n')
  const back = await ok('rollback')
  expect(back.stderr).toContain('as revision 1 was')
  expect((await ok('exec', 'web', 'printenv', 'MODE')).stdout).toBe('one\n')
  expect((await ok('ps', '--services')).stdout).toBe('web\n')
  const list = JSON.parse((await ok('history', '--json')).stdout)
  expect(list.map(({ revision }: { revision: number }) => revision)).toEqual([1, 2, 3])
  await ok('rollback', '2')
  expect((await ok('exec', 'web', 'printenv', 'MODE')).stdout).toBe('two\n')
  for (const command of ['diff', 'rollback']) {
    const wrong = await run(command, '77')
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toContain('Cannot find revision "77" of stack "cli": there are 1 to 4')
  }
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

describe('explain SERVICE', () => {
  test('tells of a memory limit, with the peak, and what up would do', async () => {
    scene.write({
      web: [
        'command: [python3, -c, "x = bytearray(200 << 20)"]',
        'mem_limit: 32m',
        'memswap_limit: 32m',
      ],
    })
    await ok('up', '-d')
    await until(async () => (await ok('ps', '-a')).stdout, /exited \(137\)/)
    const { stdout } = await ok('explain', 'web')
    expect(stdout).toMatch(/exited \(137\).*, out of memory/)
    expect(stdout).toMatch(/killed by its memory limit, peak 32MiB of 32MiB/)
    expect(stdout).toContain('~ start container cli-web-1: killed by its memory limit')
    await ok('down')
  })

  test('follows the chain of dependencies, probes and last lines', async () => {
    const check = 'healthcheck: { test: "echo not yet; false", interval: 100ms, retries: 2 }'
    scene.write({
      web: [...SLEEP, 'depends_on: { api: { condition: service_started } }'],
      api: [
        shell('echo from api; exec sleep 1000'),
        'depends_on: { db: { condition: service_started } }',
      ],
      db: [...SLEEP, check],
    })
    await ok('up', '-d')
    await until(async () => (await ok('explain', 'db')).stdout, /health: unhealthy/)
    expect((await ok('explain', 'db')).stdout).toMatch(/\d seconds? ago: failed/)
    expect((await ok('explain', 'web')).stdout).toMatch(
      /depends on "api" .*cli-api-1 is running\n +depends on "db" .*cli-db-1 is running, unhealthy/,
    )
    await until(
      async () => (await ok('explain', 'api')).stdout,
      /last log lines:\napi-1 +\| from api/,
    )
    const wrong = await run('explain', 'wbe')
    expect(wrong).toMatchObject({ code: 1 })
    expect(wrong.stderr).toContain('Did you mean "web"?')
    await ok('down', '-t', '0')
  })
})

test('the file of a plan holds no more than the plan', async () => {
  scene.write({ web: mode('one') })
  await run('plan', '-o', 'my.plan')
  const file = JSON.parse(readFileSync(join(scene.folder, 'my.plan'), 'utf8'))
  expect(Object.keys(file).toSorted()).toEqual([
    'input',
    'madeAt',
    'options',
    'plan',
    'tsstackPlan',
  ])
  expect(file.input).not.toHaveProperty('env')
})
