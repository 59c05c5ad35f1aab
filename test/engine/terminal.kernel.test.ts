/** `tty` and `stdin_open` of a service: its own terminal, and an input that outlives supervisors. */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { fields, probeIn } from './probe.ts'
import { sh, STACK, useWorld, type World, type Service } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const probe = (script: string, service?: Service): Promise<readonly string[]> =>
  probeIn(world, script, service)

const NAME = `${STACK}-one-1`

/** Types `text` at the container, as somebody who is attached for that long. */
async function type(text: string): Promise<void> {
  const { stream } = world.engine.input(NAME)
  stream.end(text)
  await once(stream, 'close')
}

test('tty: standard streams are one terminal of the container’s own, which is its console', async () => {
  const script = `for fd in 0 1 2; do [ -t $fd ] && readlink /proc/self/fd/$fd; done
    tty; echo $TERM
    stat -c %t:%T /dev/console /dev/pts/0; ls -1 /dev/pts
    echo direct > /dev/tty; echo console > /dev/console
    grep -c ' /dev/console ' /proc/self/mountinfo`
  const lines = (await probe(script, { tty: true })).map((line) => line.trimEnd())
  expect(lines).toEqual([
    ...Array.from({ length: 4 }, () => '/dev/pts/0'),
    'xterm',
    '88:0',
    '88:0',
    '0',
    'ptmx',
    'direct',
    'console',
    '1',
  ])
})

test('tty: a user who is not root may open the terminal anew', async () => {
  const script = 'echo there > /dev/stdout; echo here > /dev/pts/0; stat -c %u:%g /dev/pts/0'
  const lines = await probe(script, { tty: true, user: 'jane' })
  expect(lines.map((line) => line.trimEnd())).toEqual(['there', 'here', '1000:5'])
})

test('a user who is not root may open its streams anew without a terminal as well', async () => {
  const { output } = await world.run({
    ...sh('echo out > /dev/stdout; echo err > /dev/stderr; cat < /dev/stdin'),
    user: 'jane',
  })
  expect(output.split('\n').toSorted()).toEqual(['', 'err', 'out'])
})

test('tty: job control works, and what is typed interrupts the foreground alone', async () => {
  // It is the job itself that says it is there: before that the shell is what is interrupted.
  const job = 'sh -c "echo ready; exec sleep 1000"'
  const script = `set -m; trap : INT; ${job}; echo interrupted $?; read x; echo got $x`
  await world.up({ one: { ...sh(script), tty: true } })
  await world.line('one', /ready/)
  await type('\u0003')
  await world.line('one', /interrupted 130/)
  await type('hello\r')
  await world.line('one', /got hello/)
  expect((await world.exited('one')).exitCode).toBe(0)
})

test('tty: the size is that of who is attached, and its change is a signal', async () => {
  const script = 'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.05; done'
  await world.up({ one: { ...sh(script), tty: true } })
  await world.line('one', /ready/)
  const input = world.engine.input(NAME)
  expect(input.isTerminal).toBe(true)
  input.resize({ rows: 33, columns: 77 })
  await world.line('one', /33 77/)
  input.stream.destroy()
  await once(input.stream, 'close')
})

test.for([true, false])(
  'with tty: %s input outlives the supervisor, and comes whole',
  async (tty) => {
    const script =
      'stty -echo 2>/dev/null; echo ready; while read x; do echo got $x; done; echo end'
    await world.up({ one: { ...sh(script), tty, stdinOpen: true } })
    await world.line('one', /ready/)
    await type('first\n')
    await world.line('one', /got first/)
    const { pid } = await world.observe('one')
    await world.restart()
    await type('second\n')
    await world.line('one', /got second/)
    expect((await world.observe('one')).pid).toBe(pid)
  },
)

test('stdin_open: the program waits for its input; without it there is an end', async () => {
  const [line] = await probe('read x || echo end')
  expect(line).toBe('end')
  await world.up({ one: { ...sh('echo ready; head -c 200001'), stdinOpen: true } })
  await world.line('one', /ready/)
  expect((await world.observe('one')).state).toBe('running')
  const text = 'x'.repeat(200_000)
  await type(`${text}\n`)
  expect((await world.log('one')).toString().split('\n').join('')).toBe(`ready${text}`)
})

test('a container without input says so, and one that has ended does', async () => {
  await world.up({ one: { command: ['sleep', '1000'] } })
  expect(() => world.engine.input(NAME)).toThrow(/it reads no input/)
  await world.up({ one: { ...sh('true'), tty: true } })
  await world.exited('one')
  expect(() => world.engine.input(NAME)).toThrow(/does not run/)
})

test('a terminal ends with what holds it, and its log has every byte', async () => {
  const { output, exitCode } = await world.run({
    ...sh('i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; exit 7'),
    tty: true,
  })
  expect(exitCode).toBe(7)
  expect(output.trimEnd().split('\r\n')).toEqual(
    Array.from({ length: 2000 }, (_, at) => `line ${at}`),
  )
})

test('without a log the streams are the container’s own /dev/null, and a terminal is read', async () => {
  const logging = { driver: 'none', segmentBytesMax: 0, segmentsMax: 0 } as const
  await world.up({ one: { command: ['sleep', '1000'], logging } })
  const script = 'stat -L -c %d /proc/1/fd/0 /proc/1/fd/1 /proc/1/fd/2 /dev/null | sort -u | wc -l'
  expect((await world.exec('one', script)).stdout).toBe('1\n')
  await world.down()
  const loud = 'head -c 1000000 /dev/zero | tr "\\0" x; exit 3'
  await world.up({ one: { ...sh(loud), tty: true, logging } })
  expect(await world.when('one', ({ state }) => state === 'exited')).toMatchObject({ exitCode: 3 })
})

test('a terminal takes nothing from the confinement', async () => {
  const lines = await probe('grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status', { tty: true })
  expect(fields(lines.map((line) => line.trimEnd()))).toEqual({ Seccomp: '2', NoNewPrivs: '0' })
})
