/**
 * Every example comes up on the real kernel, does what its page says, and goes away without a
 * trace.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cgroupsOf } from '../support/leak/files.ts'
import { until } from '../support/until.ts'
import { Sandbox, type Finished, succeeded } from '../support/sandbox.ts'

let sandbox: Sandbox
beforeEach(async () => {
  sandbox = await Sandbox.open()
})
afterEach(() => sandbox.close())

const file = (example: string): string => `examples/${example}/stack.yaml`

/** Runs a command on an example; it has to end with 0. */
const on = (example: string, ...words: readonly string[]): Promise<Finished> =>
  sandbox.ok(['-f', file(example), ...words])

const ask = (...words: readonly string[]): Promise<string> => sandbox.curl(...words)

async function logs(example: string, service: string): Promise<string> {
  return (await on(example, 'logs', service)).stdout
}

describe('hello', () => {
  test('up -d starts it, logs shows its greeting, down leaves nothing', async () => {
    await on('hello', 'up', '-d')
    await until(
      () => logs('hello', 'hello'),
      /Hello from hello-hello-1|Hello from \w+, process \d+/,
    )
    expect((await on('hello', 'ps')).stdout).toMatch(/hello.*running/)
    await on('hello', 'down')
    expect(await sandbox.leaks()).toBe('')
  })

  test('up -d of what runs already changes nothing', async () => {
    await on('hello', 'up', '-d')
    const before = (await on('hello', 'exec', 'hello', 'cat', '/proc/1/stat')).stdout
    await on('hello', 'up', '-d')
    expect((await on('hello', 'exec', 'hello', 'cat', '/proc/1/stat')).stdout).toBe(before)
    await on('hello', 'down')
    expect(await sandbox.leaks()).toBe('')
  })
})

describe('shop', () => {
  test('its services find each other by name, on networks they share and no other', async () => {
    await on('shop', 'up', '-d')
    expect(await ask('http://127.0.0.1:8080/')).toContain('<h1>The corner shop</h1>')
    succeeded(await fetchFrom('web', 'http://api:3000/products'))
    succeeded(await fetchFrom('api', 'http://store:9000/stock'))
    const refused = await fetchFrom('web', 'http://store:9000/stock')
    expect(refused.code).not.toBe(0)
    expect(refused.stderr + refused.stdout).toContain('ENOTFOUND')
    await on('shop', 'down')
    expect(await sandbox.leaks({ kept: /\/state\/volumes\/shop_stock(?:\/.*)?$/ })).toBe('')
  })

  test('an order goes through all three, and the stock outlives down and up', async () => {
    await on('shop', 'up', '-d')
    const order = ['-d', '{"item":"apples","quantity":3}', 'http://127.0.0.1:8080/api/orders']
    expect(JSON.parse(await ask(...order))).toEqual({
      item: 'apples',
      left: 17,
      total: 1.5,
    })
    await until(() => logs('shop', 'store'), /took 3 apples, 17 left/)
    await on('shop', 'down')
    await on('shop', 'up', '-d')
    expect(await ask('http://127.0.0.1:8080/')).toContain('apples: 0.5 each, 17 left')
    await on('shop', 'down', '-v')
    expect(await sandbox.leaks()).toBe('')
  })

  test('plan says 2 before up, 0 after it, and names each action', async () => {
    const plan = (): Promise<Finished> => sandbox.tsstack(['plan', '-f', file('shop')])
    const first = await plan()
    expect(first.code).toBe(2)
    for (const name of ['shop-web-1', 'shop-api-1', 'shop-store-1']) {
      expect(first.stdout).toContain(name)
    }
    await on('shop', 'up', '-d')
    succeeded(await plan())
    await on('shop', 'down', '-v')
    expect(await sandbox.leaks()).toBe('')
  })

  test('memory, processor and process limits stand in the kernel', async () => {
    await on('shop', 'up', '-d')
    const [id = ''] = sandbox.scope.marks?.filter((mark) => !mark.startsWith('/')) ?? []
    expect(id).toMatch(/^[\da-f]{8}$/)
    const groups = [...cgroupsOf(sandbox.scope.marks)].filter((path) =>
      path.endsWith('shop-store-1'),
    )
    expect(groups.length).toBeGreaterThan(0)
    const value = (...names: readonly string[]): string | undefined =>
      groups
        .flatMap((group) => names.map((name) => read(join(group, name))))
        .find((text) => text !== undefined)
    expect(value('memory.max', 'memory.limit_in_bytes')).toBe(String(256 * 1024 * 1024))
    expect(value('pids.max')).toBe('64')
    expect(value('cpu.max') ?? value('cpu.cfs_quota_us')).toMatch(/^50000( 100000)?$/)
    await on('shop', 'down', '-v')
    expect(await sandbox.leaks()).toBe('')
  })

  test('SHOP_PORT chooses the port, and a second stack beside it says who has it', async () => {
    const env = { SHOP_PORT: '9090' }
    expect(await sandbox.tsstack(['-f', file('shop'), 'up', '-d'], { env })).toMatchObject({
      code: 0,
    })
    expect(await ask('http://127.0.0.1:9090/')).toContain('The corner shop')
    const second = await sandbox.tsstack(['-p', 'other', '-f', file('shop'), 'up', '-d'], { env })
    expect(second.code).toBe(1)
    expect(second.stderr + second.stdout).toMatch(/9090/)
    expect(second.stderr + second.stdout).toMatch(/shop/)
    await sandbox.tsstack(['-p', 'other', '-f', file('shop'), 'down', '-v'])
    await on('shop', 'down', '-v')
    expect(await sandbox.leaks()).toBe('')
  })
})

describe('jobs', () => {
  test('each step runs when the one before has ended well', async () => {
    await on('jobs', 'up', '-d')
    await until(() => logs('jobs', 'report'), /the sum is 500500/)
    expect(await logs('jobs', 'collect')).toContain('collected 1000 numbers')
    await until(async () => (await on('jobs', 'ps', '-a')).stdout, /report.*exited/)
    await on('jobs', 'down', '-v')
    expect(await sandbox.leaks()).toBe('')
  })
})

describe('limits', () => {
  test('memory, cpu and pids bite', async () => {
    await on('limits', 'up', '-d')
    await until(() => logs('limits', 'pids'), /refused after \d+ processes: EAGAIN/)
    await until(() => logs('limits', 'cpu'), /given \d\.\d+ of a processor/)
    const share = Number(/given ([\d.]+) of/.exec(await logs('limits', 'cpu'))?.[1])
    expect(share).toBeLessThan(0.35)
    const ended = /memory.*137/
    await until(async () => (await on('limits', 'ps', '-a')).stdout, ended)
    const refused = Number(/after (\d+) processes/.exec(await logs('limits', 'pids'))?.[1])
    expect(refused).toBeLessThan(32)
    await on('limits', 'down')
    expect(await sandbox.leaks()).toBe('')
  })
})

function fetchFrom(service: string, url: string): Promise<Finished> {
  return sandbox.tsstack(['-f', file('shop'), 'exec', service, 'node', '-e', fetchScript(url)])
}

const fetchScript = (url: string): string =>
  `fetch('${url}').then(async (r) => console.log(await r.text()),` +
  ` (e) => { console.error(e.cause?.code ?? e); process.exit(7) })`

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined // This hierarchy or version has no such file.
  }
}
