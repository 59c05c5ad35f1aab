/**
 * The process behind the commands: who may use it, who waits, how it starts, ends and hands over.
 */
import {
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeMessage, FrameReader } from '../../src/daemon/framing.ts'
import { detectCgroups } from '../../src/linux/index.ts'
import { finish, PROJECT, type Finished, type Sandbox, succeeded } from '../support/sandbox.ts'
import { until } from '../support/until.ts'
import { cli, CLI, HELLO, Scene, shell, SLEEP, STUBBORN } from './cli-scene.ts'

let scene: Scene
let sandbox: Sandbox
let folder: string
beforeEach(async () => {
  scene = await Scene.open()
  ;({ sandbox, folder } = scene)
})
afterEach(() => scene.close())

const run = (...words: readonly string[]): Promise<Finished> => scene.run(...words)
const ok = (...words: readonly string[]): Promise<Finished> => scene.ok(...words)

/** Pid 1 of a container of ours, as the machine sees it. */
async function pidOf(service: string): Promise<number> {
  const [container] = JSON.parse((await ok('ps', '--json', service)).stdout) as { pid: number }[]
  return container?.pid ?? 0
}

/** Says `messages` at once; what the supervisor answers until it closes. */
async function converse(
  messages: readonly object[],
): Promise<readonly { readonly kind: string }[]> {
  const socket = connect(join(sandbox.root, 'run/tsstack.sock'))
  for (const message of messages) socket.write(encodeMessage(message))
  const reader = new FrameReader()
  const answers: { readonly kind: string }[] = []
  for await (const chunk of socket) {
    for (const frame of reader.push(chunk as Uint8Array)) {
      if (frame.kind === 'message') answers.push(frame.message as { readonly kind: string })
    }
  }
  return answers
}

describe('the supervisor', () => {
  test('says why nothing can be started where it may make no control groups', async () => {
    scene.write({ web: SLEEP })
    const own = join(detectCgroups().hierarchies.at(-1)?.mountPoint ?? '', 'tsstack')
    const script = `mkdir -p ${own}
      mount --bind ${own} ${own} && mount -o remount,bind,ro ${own} || exit 9
      ! ${cli('ls')} && ! ${cli('up', '-d')} && ! ${cli('plan')} || exit 8
      umount ${own} && rmdir --ignore-fail-on-non-empty ${own}`
    const words = ['unshare', '--mount', 'sh', '-c', script]
    const { code, stdout, stderr } = await sandbox.inNetns(words, { cwd: folder })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    const refusal =
      /error: Cannot create cgroup .*EROFS.* \[NO_CGROUP\]\nhint: Mount the cgroup file/g
    expect(stderr.match(refusal)).toHaveLength(3)
    await ok('up', '-d')
  })

  test('lets one command at a time change a stack; the other says for whom it waits', async () => {
    scene.write({ web: [...STUBBORN, 'stop_grace_period: 1h'] })
    await ok('up', '-d')
    await until(async () => (await run('logs')).stdout, /ready/)
    const pid = await pidOf('web')
    const first = run('down')
    await until(async () => (await run('logs')).stdout, /asked/)
    const second = sandbox.start(['up', '-d'], { cwd: folder })
    let said = ''
    second.stderr.on('data', (text: Buffer) => (said += String(text)))
    const end = finish(second)
    await until(
      async () => said,
      /^waiting for tsstack down \(pid \d+\), which is changing stack "cli" \(begun \d+ seconds? ago\)$/m,
    )
    process.kill(pid, 'SIGKILL')
    succeeded(await first)
    succeeded(await end)
    expect((await ok('ps', '-q')).stdout).toBe('cli-web-1\n')
    await ok('down', '-t', '0')
    expect(await sandbox.leaks()).toBe('')
  })

  test('is open to root alone: 0600 in 0700, and the others are told what is needed', async () => {
    await ok('-f', HELLO, 'up', '-d')
    const socket = join(sandbox.root, 'run/tsstack.sock')
    expect((statSync(socket).mode & 0o777).toString(8)).toBe('600')
    expect((statSync(join(sandbox.root, 'run')).mode & 0o777).toString(8)).toBe('700')
    const nobody = await asUser(['ls'])
    expect(nobody).toMatchObject({ code: 1, stdout: '' })
    expect(nobody.stderr).toMatch(/root is needed.*uid 65534.*\[NOT_ROOT\]\nhint: .*sudo/s)
    await ok('-p', 'hello', 'down')
  })

  test('lets in the group that root names', async () => {
    const env = { TSSTACK_GROUP: '4711' }
    await sandbox.tsstack(['-f', HELLO, 'up', '-d'], { env })
    const socket = statSync(join(sandbox.root, 'run/tsstack.sock'))
    expect((socket.mode & 0o777).toString(8)).toBe('660')
    expect(socket.gid).toBe(4711)
    expect((await asUser(['ls', '-q'], ['--regid=4711'])).stdout).toBe('hello\n')
    expect((await asUser(['ls'])).code).toBe(1)
    await ok('-p', 'hello', 'down')
  })

  test('works below a directory whose path is longer than a socket address', async () => {
    const root = join(folder, 'deep'.repeat(30))
    mkdirSync(root, { mode: 0o700 })
    const options = { env: { TSSTACK_ROOT: root } }
    succeeded(await sandbox.tsstack(['ls', '-q'], options))
    const info = await sandbox.tsstack(['info', '--json'], options)
    expect(JSON.parse(info.stdout)).toMatchObject({ supervisor: { stacks: [] } })
    expect(await sandbox.leaks()).toBe('')
  })

  test('leaves a stack file of more than 256 KiB to the command, with the same result', async () => {
    scene.write({ web: SLEEP })
    const file = join(folder, 'compose.yaml')
    writeFileSync(file, `# ${'x'.repeat(300 * 1024)}\n${readFileSync(file, 'utf8')}`)
    await ok('up', '-d')
    expect((await ok('ps', '-q')).stdout).toBe('cli-web-1\n')
    expect((await ok('plan')).stdout).toContain('nothing to change')
    writeFileSync(file, `${readFileSync(file, 'utf8')}oops: 1\n`)
    const broken = await run('up', '-d')
    expect(broken).toMatchObject({ code: 1, stdout: '' })
    expect(broken.stderr).toMatch(/^compose\.yaml:\d+:1: error: .*"oops"/m)
    await ok('down', '-t', '0')
    expect(await sandbox.leaks()).toBe('')
  })

  test('hands over to that of another build, and the containers do not notice', async () => {
    scene.write({ web: SLEEP })
    await ok('up', '-d')
    const pid = await pidOf('web')
    const before = await supervisorPid()
    const other = await anotherBuild()
    const ps = await sandbox.inNetns([process.execPath, other, 'ps', '--json'], { cwd: folder })
    expect(JSON.parse(ps.stdout)).toMatchObject([{ pid, state: 'running' }])
    expect(await supervisorPid(other)).not.toBe(before)
    await sandbox.inNetns([process.execPath, other, 'down', '-t', '0'], { cwd: folder })
    expect(await sandbox.leaks()).toBe('')
  })

  test('that is to hand over ends its work first, and says whose it is', async () => {
    const { ended: down } = await endlessly('down')
    const newer = [process.execPath, await anotherBuild()]
    // Whoever only looks is answered by the one that there is, which stays.
    const ps = await sandbox.inNetns([...newer, 'ps', '--services'], { cwd: folder })
    expect(ps).toMatchObject({ code: 0, stdout: 'web\n', stderr: '' })
    const other = sandbox.startInNetns([...newer, 'up', '-d'], { cwd: folder })
    let said = ''
    other.stderr.on('data', (text: Buffer) => (said += String(text)))
    await until(
      async () => said,
      /^the supervisor before .* hands over .*\nwaiting for tsstack down \(pid \d+\).*"cli" \(begun .*\n/,
    )
    expect(said).not.toMatch(/kill/)
    // Whoever comes meanwhile is served.
    await letEnd()
    succeeded(await down)
    await until(async () => String(other.exitCode), /^0$/)
    await ok('down', '-t', '0')
    expect(await sandbox.leaks()).toBe('')
  })

  test('stays when whoever it is to hand over to has gone before its work is done', async () => {
    const { ended: restart } = await endlessly('restart')
    const before = await supervisorPid()
    const words = [process.execPath, await anotherBuild(), 'up', '-d']
    const hasty = sandbox.startInNetns(words, { cwd: folder })
    await once(hasty.stderr, 'data')
    hasty.kill('SIGKILL')
    await once(hasty, 'exit')
    await letEnd()
    succeeded(await restart)
    expect(await supervisorPid()).toBe(before)
    await ok('down', '-t', '0')
    expect(await sandbox.leaks()).toBe('')
  })

  test('passes over a request that was sent unread to one of another build', async () => {
    await ok('-f', HELLO, 'up', '-d')
    const hello = { kind: 'hello', protocol: 2, version: '1.0.0', pid: 1, command: 'test' }
    const words = [{ ...hello, build: 'other', hasRequest: true }, { kind: 'nonsense' }]
    const answers = await converse([...words, { kind: 'stacks' }])
    expect(answers.map(({ kind }) => kind)).toEqual(['hello', 'stacks', 'done'])
    // And without that word, the first is the request.
    const refused = await converse([{ ...hello, build: 'other' }, { kind: 'nonsense' }])
    expect(refused.map(({ kind }) => kind)).toEqual(['hello', 'error'])
    await ok('-p', 'hello', 'down')
  })

  test('that cannot start says why, and the command repeats it', async () => {
    writeFileSync(join(sandbox.root, 'run'), 'no directory')
    const result = await run('ls')
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/Cannot .*\/run".*\[STATE_DIRECTORY\]/)
  })
})

/** A command that stops a program which ends once /tmp/end is there, as soon as it waits for that. */
async function endlessly(command: string): Promise<{ readonly ended: Promise<Finished> }> {
  const told = "trap 'echo asked; until [ -e /tmp/end ]; do sleep 0.05; done; exit' TERM"
  scene.write({
    web: [shell(`${told}; echo ready; while :; do sleep 0.05; done`), 'stop_grace_period: 5m'],
  })
  await ok('up', '-d')
  await until(async () => (await run('logs')).stdout, /ready/)
  const ended = run(command)
  await until(async () => (await run('logs')).stdout, /asked/)
  return { ended }
}

/** What {@link endlessly} waits for. The program may end, and all with it, before `touch` has. */
const letEnd = (): Promise<Finished> => run('exec', 'web', 'touch', '/tmp/end')

const asUser = (
  words: readonly string[],
  group: readonly string[] = ['--regid=65534'],
): Promise<Finished> => {
  const user = ['setpriv', '--reuid=65534', '--clear-groups', ...group]
  // The sandbox's root is 0700: the way to the socket has to be open for the socket to be what
  // refuses.
  const open = `chmod 711 ${sandbox.root} && exec "$@"`
  return sandbox.inNetns(['sh', '-c', open, 'sh', ...user, process.execPath, CLI, ...words], {
    cwd: '/',
  })
}

async function supervisorPid(binary: string = CLI): Promise<number> {
  const result = await sandbox.inNetns([process.execPath, binary, 'info', '--json'])
  return JSON.parse(result.stdout).supervisor.pid
}

/** The same program under the name of another build: its `bin/tsstack.js`. */
async function anotherBuild(): Promise<string> {
  const directory = join(folder, 'other')
  const { build } = JSON.parse((await ok('version', '--json')).stdout)
  for (const name of ['bin', 'dist', 'package.json']) {
    cpSync(join(PROJECT, name), join(directory, name), { recursive: true })
  }
  symlinkSync(join(PROJECT, 'node_modules'), join(directory, 'node_modules'))
  for (const path of globSync(join(directory, 'dist/*.js'))) {
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(build, 'f'.repeat(build.length)))
  }
  return join(directory, 'bin/tsstack.js')
}
