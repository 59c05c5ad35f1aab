/** Further programs in a running container: as confined as its own, and gone when they end. */
import { readdirSync, readFileSync } from 'node:fs'
import { beforeEach, expect, test } from 'vitest'
import { descriptors, noMoreThan } from './descriptors.ts'
import { sh, textOf, useWorld, type World, type Service } from './support.ts'

let world: World
useWorld((opened) => (world = opened))
beforeEach(() => world.up({ one: SLEEPER }))

const SLEEPER: Service = { command: ['sleep', '1000'], environment: { A: 'stack', B: 'b' } }
const NAME = 'tst-one-1'

test('exec() gives the exit code, and 128 and the number of a signal', async () => {
  expect(await world.exec('one', 'exit 42')).toMatchObject({ exitCode: 42 })
  expect(await world.exec('one', 'kill -9 $$')).toMatchObject({ exitCode: 137 })
})

test('exec() keeps standard output and standard error apart', async () => {
  expect(await world.exec('one', 'echo out; echo err >&2')).toEqual({
    stdout: 'out\n',
    stderr: 'err\n',
    exitCode: 0,
  })
})

test('exec() takes a signal for a program that has just ended', async () => {
  const session = await world.engine.exec(NAME, { command: ['true'], tty: false })
  // Nothing of ours runs meanwhile: it ends and is reaped, and nobody here has heard of it.
  waitForMonitor()
  session.signal('SIGKILL')
  expect(await session.exited).toEqual({ exitCode: 0 })
})

/** Waits, as a stall would, until the monitor of the exec has ended: after its program. */
function waitForMonitor(): void {
  for (let round = 0; round < 12_000; round += 1) {
    // Of whichever thread. What has ended has no title any more, reaped or not.
    const titles = readdirSync('/proc/self/task')
      .flatMap((thread) => text(`/proc/self/task/${thread}/children`).split(' '))
      .map((pid) => (pid === '' ? '' : text(`/proc/${pid}/cmdline`)))
    if (!titles.some((title) => title.startsWith('tsstack: exec'))) return
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
  }
  throw new Error('The monitor of the exec did not end within a minute')
}

const text = (path: string): string => readFileSync(path, 'utf8')

test('exec() passes standard input on, whole and in order, to its end', async () => {
  const session = await world.engine.exec(NAME, { command: ['md5sum'], tty: false })
  const bytes = Buffer.alloc(3 * 1024 * 1024, 'a line of text\n')
  session.stdin.end(bytes)
  const { createHash } = await import('node:crypto')
  const expected = createHash('md5').update(bytes).digest('hex')
  expect(await textOf(session.stdout)).toBe(`${expected}  -\n`)
  expect(await session.exited).toEqual({ exitCode: 0 })
})

test('exec() brings back large binary output unchanged', async () => {
  const { stdout } = await world.exec('one', 'yes 0123456789abcde | head -c 4000000 | md5sum')
  const command = ['/bin/sh', '-c', 'yes 0123456789abcde | head -c 4000000']
  const session = await world.engine.exec(NAME, { command, tty: false })
  session.stdin.end()
  const text = await textOf(session.stdout)
  const { createHash } = await import('node:crypto')
  expect(stdout).toBe(`${createHash('md5').update(text).digest('hex')}  -\n`)
})

test('exec() has the container’s environment, with its own over it, and no more', async () => {
  const { stdout } = await world.exec('one', '', {
    command: ['env'],
    environment: { B: 'own', C: 'c' },
  })
  expect(stdout.trim().split('\n').toSorted()).toEqual([
    'A=stack',
    'B=own',
    'C=c',
    'HOME=/root',
    'HOSTNAME=box',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ])
})

test('exec() runs as a user, in a directory', async () => {
  const { stdout } = await world.exec('one', 'id -u; id -G; pwd; echo $HOME', {
    user: 'jane',
    workingDir: '/tmp',
  })
  expect(stdout).toBe('1000\n1000 29 44\n/tmp\n/home/jane\n')
})

test('exec() in a directory that is not there fails with the call that says so', async () => {
  await expect(world.exec('one', 'true', { workingDir: '/nowhere' })).rejects.toThrow(
    /chdir\("\/nowhere"\) failed: ENOENT/,
  )
})

test('exec() is confined as the container is', async () => {
  const wanted = /^(Cap...|NoNewPrivs|Seccomp|SigIgn|SigBlk):/
  const read = async (command: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await world.exec('one', '', { command })
    return stdout.split('\n').filter((line) => wanted.test(line))
  }
  const [inside, own] = [
    await read(['cat', '/proc/self/status']),
    await read(['cat', '/proc/1/status']),
  ]
  expect(inside).toEqual(own)
  expect(inside).toContain('Seccomp:\t2')
  const { stdout } = await world.exec('one', 'cat /proc/self/cgroup | cut -d: -f3 | sort -u; umask')
  expect(stdout).toBe('/\n0022\n')
  const namespaces = 'for n in cgroup ipc mnt net pid uts; do readlink /proc/$p/ns/$n; done'
  const both = await world.exec('one', `p=self; ${namespaces}; p=1; ${namespaces}`)
  const lines = both.stdout.trim().split('\n')
  expect(lines.slice(0, 6)).toEqual(lines.slice(6))
})

test('exec() takes part in the container’s limits', async () => {
  await world.up({ one: { ...SLEEPER, resources: { pidsMax: 5 } } })
  const { stderr } = await world.exec('one', 'for i in 1 2 3 4 5 6; do sleep 1 & done; wait')
  expect(stderr).toMatch(/Resource temporarily unavailable/)
})

test('exec() has three descriptors and no other', async () => {
  const { stdout } = await world.exec('one', '', { command: ['ls', '/proc/self/fd'] })
  // ls itself opens the directory as the fourth.
  expect(stdout.trim().split('\n')).toEqual(['0', '1', '2', '3'])
})

test('exec() with a terminal has its size, its echo and its signals', async () => {
  const command = ['/bin/sh', '-c', 'stty size; tty; cat; echo not reached']
  const size = { rows: 31, columns: 97 }
  const session = await world.engine.exec(NAME, { command, tty: true, size })
  expect(session.stderr).toBeUndefined()
  const inputs = [
    { after: '/dev/pts/0\r\n', text: 'typed\n' },
    { after: 'typed\r\ntyped\r\n', text: '\x03' },
  ]
  let seen = ''
  const reading = (async () => {
    for await (const part of session.stdout) {
      seen += String(part)
      const input = inputs[0]
      if (input && seen.includes(input.after)) {
        inputs.shift()
        session.stdin.write(input.text)
      }
    }
  })()
  expect(await session.exited).toEqual({ exitCode: 130 })
  await reading
  expect(seen).toBe('31 97\r\n/dev/pts/0\r\ntyped\r\ntyped\r\n^C')
})

test('resize() reaches the program as SIGWINCH with the new size', async () => {
  const script = "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done"
  const size = { rows: 10, columns: 20 }
  const command = ['/bin/sh', '-c', script]
  const session = await world.engine.exec(NAME, { command, tty: true, size })
  let seen = ''
  for await (const part of session.stdout) {
    seen += String(part)
    if (seen === 'ready\r\n') session.resize({ rows: 40, columns: 120 })
  }
  expect(seen).toBe('ready\r\n40 120\r\n')
})

test('signal() reaches the program, and what it leaves behind ends with the container', async () => {
  const command = ['/bin/sh', '-c', "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done"]
  const session = await world.engine.exec(NAME, { command, tty: false })
  session.stdout.once('data', () => session.signal('SIGUSR1'))
  expect(await session.exited).toEqual({ exitCode: 9 })
  await world.exec('one', '(sleep 1000 </dev/null >/dev/null 2>&1 &)')
})

const run = (command: string) => world.exec('one', '', { command: [command] })

test('exec() of a missing program says so in the words that people look for', async () => {
  await expect(run('foo')).rejects.toMatchObject({
    code: 'EXEC_NOT_FOUND',
    message: 'exec: "foo": executable file not found in $PATH',
  })
  await expect(run('/bin/plain')).rejects.toMatchObject({
    code: 'EXEC_NOT_EXECUTABLE',
    message: 'exec: "/bin/plain": permission denied',
  })
  await expect(run('orphan')).rejects.toMatchObject({
    code: 'EXEC_NOT_FOUND',
    message: 'exec: "orphan": no such file or directory',
  })
})

test('exec() in a directory that is not there says what to name', async () => {
  await expect(world.exec('one', 'true', { workingDir: '/nope' })).rejects.toMatchObject({
    message: expect.stringContaining('chdir("/nope") failed: ENOENT') as string,
    hint: expect.stringContaining('name a directory of the container') as string,
  })
})

test('exec() in a container that has ended is refused', async () => {
  await world.engine.kill(NAME, 'SIGKILL')
  await world.exited('one')
  await expect(world.exec('one', 'true')).rejects.toMatchObject({ code: 'NOT_RUNNING' })
  await expect(world.exec('two', 'true')).rejects.toMatchObject({ code: 'NO_SUCH_SERVICE' })
})

test('an exec that runs when its container ends is ended with it', async () => {
  const session = await world.engine.exec(NAME, { command: ['sleep', '1000'], tty: false })
  await world.engine.kill(NAME, 'SIGKILL')
  expect(await session.exited).toEqual({ exitCode: 137 })
  await world.exited('one')
})

test('200 execs in a row leave no descriptor and no process behind', async () => {
  await world.exec('one', 'true')
  const before = descriptors()
  for (let round = 0; round < 200; round += 1) {
    expect(await world.exec('one', `echo ${round}`)).toMatchObject({ stdout: `${round}\n` })
  }
  await noMoreThan(before)
  const { pid = 0 } = await world.observe('one')
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  expect(children).toBe('')
})

const fail = (change: Parameters<World['exec']>[2]): Promise<unknown> =>
  world.exec('one', 'true', change).then(
    () => expect.fail('it should have failed'),
    () => undefined,
  )

async function failInEveryWay(): Promise<void> {
  await fail({ command: ['foo'] })
  await fail({ command: ['orphan'] })
  await fail({ workingDir: '/nowhere', tty: true })
  await fail({ user: 'nobody-here' })
}

test('execs that fail leave no descriptor behind', async () => {
  await failInEveryWay()
  const before = descriptors()
  for (let count = 0; count < 10; count += 1) await failInEveryWay()
  await noMoreThan(before)
})

test('20 execs at once each get their own output', async () => {
  const rounds = Array.from({ length: 20 }, (_, index) => index)
  const results = await Promise.all(
    rounds.map((one) => world.exec('one', `echo ${one}; sleep 0.1`)),
  )
  expect(results.map(({ stdout }) => stdout)).toEqual(rounds.map((one) => `${one}\n`))
})

test('a service whose program reads its input to the end ends', async () => {
  await world.up({ one: SLEEPER, two: { ...sh('cat; echo end') } })
  expect((await world.log('two')).toString()).toBe('end\n')
})
