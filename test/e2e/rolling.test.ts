/** Updates of a service whose replicas share a published port, under load. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { type Scene, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const PORT = 18_080

/** Ends at once when it is asked to: whoever is served then has an error. */
const SERVER = `
import { createServer } from 'node:http'
const version = process.argv[2]
process.on('SIGTERM', () => process.exit(0))
if (version === 'bad') process.exit(3)
const answer = (request, response) => {
  setTimeout(() => response.end(version), request.url === '/slow' ? 400 : 2)
}
setTimeout(() => createServer(answer).listen(80), 200)
`

/** Asks from many sides until its input ends; prints each new answer, then how often it got which. */
const LOAD = `
import { Agent, get } from 'node:http'
const counts = {}
let goesOn = true
process.stdin.resume().on('end', () => (goesOn = false))
const ask = (path) => new Promise((resolve) => {
  const agent = new Agent({ keepAlive: false })
  const request = get({ host: '127.0.0.1', port: ${PORT}, path, agent }, (response) => {
    let text = ''
    response.on('data', (chunk) => (text += chunk))
    response.on('end', () => resolve(text)).on('error', (error) => resolve(error.code))
  })
  request.on('error', (error) => resolve(error.code))
})
const worker = async (path) => {
  while (goesOn) {
    const answer = await ask(path)
    if (!(answer in counts)) process.stdout.write(' ' + answer)
    counts[answer] = (counts[answer] ?? 0) + 1
  }
}
const paths = ['/', '/', '/', '/slow', '/slow']
process.stdout.write('begun')
await Promise.all(paths.map(worker))
process.stdout.write('\\n' + JSON.stringify(counts))
`

function write(version: string, update: string, replicas = 2): void {
  const check =
    "fetch('http://127.0.0.1').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"
  const lines = [
    'name: cli',
    'services:',
    '  web:',
    "    image: 'host:'",
    `    command: [/bin/node24, /app/server.mjs, ${version}]`,
    `    volumes: [".:/app:ro", "${process.execPath}:/bin/node24:ro"]`,
    `    ports: ["${PORT}:80"]`,
    '    stop_grace_period: 5s',
    '    healthcheck:',
    `      test: [CMD, /bin/node24, -e, ${JSON.stringify(check)}]`,
    '      interval: 1s',
    // A server may take its time before it answers: it is not unhealthy for that.
    '      retries: 100',
    '    deploy:',
    `      replicas: ${replicas}`,
    `      update_config: { order: start-first, ${update} }`,
    '',
  ]
  writeFileSync(join(scene.folder, 'compose.yaml'), lines.join('\n'))
  writeFileSync(join(scene.folder, 'server.mjs'), SERVER)
  writeFileSync(join(scene.folder, 'load.mjs'), LOAD)
}

/** Runs `work` under load until `last` is answered; how many requests got which answer. */
async function underLoad(
  last: string,
  work: () => Promise<void>,
): Promise<Readonly<Record<string, number>>> {
  const load = scene.sandbox.startInNetns([process.execPath, join(scene.folder, 'load.mjs')])
  let said = ''
  load.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(load.stdout, 'data')
  try {
    await work()
    await until(async () => said, RegExp(` ${last}\\b`))
  } finally {
    load.stdin.end()
    await once(load, 'close')
  }
  return JSON.parse(said.slice(said.indexOf('\n'))) as Readonly<Record<string, number>>
}

const replicas = async (): Promise<readonly string[]> => {
  const listed = JSON.parse((await scene.ok('ps', '--json')).stdout) as readonly {
    readonly name: string
    readonly health: string
  }[]
  return listed.map(({ name, health }) => `${name} ${health}`)
}

test('an update under load fails no request, and neither does one that goes back', async () => {
  write('v1', 'failure_action: rollback')
  await scene.ok('up', '-d', '--wait')
  const answers = await underLoad('v3', async () => {
    write('v2', 'failure_action: rollback')
    const { stderr } = await scene.ok('up', '-d')
    expect(stderr).toContain('update of web, batch 2 of 2: well')
    expect(await replicas()).toEqual(['cli-web-3 healthy', 'cli-web-4 healthy'])
    write('bad', 'failure_action: rollback')
    const { code, stderr: said } = await scene.run('up', '-d')
    expect(code).toBe(1)
    expect(said).toContain('warning: The update of web failed: going back')
    expect(said).toContain('"cli-web-1" exited with 3')
    expect(await replicas()).toEqual(['cli-web-3 healthy', 'cli-web-4 healthy'])
    write('v3', 'parallelism: 0')
    await scene.ok('up', '-d')
    expect(await replicas()).toEqual(['cli-web-1 healthy', 'cli-web-2 healthy'])
  })
  expect(Object.keys(answers).toSorted()).toEqual(['v1', 'v2', 'v3'])
  await scene.ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('an update that fails stops there, and the next up goes on', async () => {
  write('v1', 'monitor: 300ms', 1)
  await scene.ok('up', '-d', '--wait')
  const answers = await underLoad('v2', async () => {
    write('bad', 'monitor: 300ms', 1)
    expect((await scene.run('up', '-d')).stderr).toContain('mend it, and run "tsstack up" again')
    expect(await scene.sandbox.curl(`http://127.0.0.1:${PORT}`)).toBe('v1')
    write('v2', 'monitor: 300ms', 1)
    await scene.ok('up', '-d')
    expect(await scene.sandbox.curl(`http://127.0.0.1:${PORT}`)).toBe('v2')
  })
  expect(Object.keys(answers).toSorted()).toEqual(['v1', 'v2'])
  expect((await scene.ok('plan')).stdout).toContain('nothing to change')
})

test('a supervisor that is killed in the middle of an update does no harm', async () => {
  write('v1', 'monitor: 2s')
  await scene.ok('up', '-d', '--wait')
  const answers = await underLoad('v2', async () => {
    write('v2', 'monitor: 2s')
    const up = scene.sandbox.start(['up', '-d'], { cwd: scene.folder })
    up.stdin.end()
    let said = ''
    for await (const text of up.stderr) {
      if (
        !said.includes('cli-web-3: started') &&
        `${said}${String(text)}`.includes('cli-web-3: started')
      ) {
        process.kill(await supervisor(), 'SIGKILL')
      }
      said += String(text)
    }
    await scene.ok('up', '-d')
  })
  expect(Object.keys(answers).toSorted()).toEqual(['v1', 'v2'])
  expect(await replicas()).toHaveLength(2)
})

async function supervisor(): Promise<number> {
  const info = JSON.parse((await scene.ok('info', '--json')).stdout) as {
    readonly supervisor: { readonly pid: number }
  }
  return info.supervisor.pid
}

test('a replica that is not healthy gets no requests while others are', async () => {
  write('v1', 'monitor: 0s')
  scene.replace('test: [CMD, ', 'test: [CMD-SHELL, "! test -e /tmp/ill"] #')
  scene.replace('interval: 1s', 'interval: 300ms')
  scene.replace('retries: 100', 'retries: 3')
  await scene.ok('up', '-d', '--wait')
  await until(served, /^cli-web-1 cli-web-2$/)
  await scene.ok('exec', '--index', '1', 'web', 'touch', '/tmp/ill')
  await until(served, /^cli-web-2$/)
  await scene.ok('exec', '--index', '1', 'web', 'rm', '/tmp/ill')
  await until(served, /^cli-web-1 cli-web-2$/)
})

/** Containers that the kernel leads clients of the port to. */
async function served(): Promise<string> {
  const { stdout } = await scene.sandbox.inNetns(['nft', 'list', 'ruleset'])
  const elements = stdout
    .split('\n')
    .filter((line) => line.includes(` ${PORT}`) && line.includes(' . 80'))
  return [...new Set(elements.join(' ').match(/cli-web-\d/g) ?? [])].toSorted().join(' ')
}
