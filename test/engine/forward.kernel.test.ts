/** Output goes on to the journal and to syslog: all of it, once, whoever has died meanwhile. */
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ForwardSpec } from '../../src/planner/index.ts'
import { DatagramReceiver, journalFields, LineReceiver } from '../support/log-receivers.ts'
import { until } from '../support/until.ts'
import { containerSpec, sh, untilThere, useWorld, type World } from './support.ts'

let world: World
let journal: string
useWorld((opened) => {
  world = opened
  journal = join(world.root, 'journal')
  process.env['TSSTACK_JOURNAL_SOCKET'] = journal
})

const files = containerSpec('').logging
const to = (forward: ForwardSpec) => ({ logging: { ...files, forward } })
const toJournal = to({ driver: 'journald', tag: '{{.Name}}', fields: { TEAM: 'a\nb' } })
const syslogAt = (path: string, format: '' | 'rfc5424' = '') =>
  to({
    driver: 'syslog',
    tag: 'app/{{.Name}}',
    address: { kind: 'unix', path },
    facility: 16,
    format,
  })

const messages = ({ datagrams }: DatagramReceiver) => datagrams.map(journalFields)
const numbers = (lines: readonly string[]): readonly number[] =>
  lines.flatMap((line) => /n(\d+)$/.exec(line)?.slice(1).map(Number) ?? [])
/** A script that says n1, n2 …, and does something after each. */
const countTo = (count: number, then: string): string =>
  `n=0; while [ $n -lt ${count} ]; do n=$((n+1)); echo n$n; ${then}; done`
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at + 1)

test('the journal gets each line with what Docker says of the container', async () => {
  using receiver = new DatagramReceiver(journal)
  await world.up({ one: { ...sh('echo out; echo "bad = é" >&2; printf rest'), ...toJournal } })
  await world.exited('one')
  await until(async () => String(receiver.datagrams.length), /^3$/)
  const [out, bad, rest] = messages(receiver).toSorted((a, b) => order(a) - order(b))
  expect(out).toMatchObject({
    MESSAGE: 'out',
    PRIORITY: '6',
    CONTAINER_NAME: 'tst-one-1',
    CONTAINER_TAG: 'tst-one-1',
    SYSLOG_IDENTIFIER: 'tst-one-1',
    IMAGE_NAME: world.image,
    TEAM: 'a\nb',
  })
  expect(out?.['CONTAINER_ID_FULL']).toMatch(/^[0-9a-f]{64}$/)
  expect(out?.['CONTAINER_ID_FULL']?.slice(0, 12)).toBe(out?.['CONTAINER_ID'])
  expect(Date.parse(out?.['SYSLOG_TIMESTAMP'] ?? '')).toBeGreaterThan(Date.now() - 60_000)
  expect(bad).toMatchObject({ MESSAGE: 'bad = é', PRIORITY: '3' })
  expect(rest).toMatchObject({ MESSAGE: 'rest', PRIORITY: '6' })
  expect((await world.log('one')).toString()).toContain('out\n')
})

/** The last number that the service has said so far. */
async function lastNumber(): Promise<number> {
  let text = ''
  for await (const { bytes } of world.engine.logs('tst-one-1', { follow: false })) {
    text += Buffer.from(bytes).toString()
  }
  return numbers(text.trim().split('\n')).at(-1) ?? 0
}

const order = ({ MESSAGE = '' }: Readonly<Record<string, string>>): number =>
  ['out', 'bad = é', 'rest'].indexOf(MESSAGE)

test('a line that is too long for one message comes in parts that say so', async () => {
  using receiver = new DatagramReceiver(journal)
  const bytes = 40_000
  const script = `head -c ${bytes} /dev/zero | tr '\\0' x; echo; echo next`
  await world.up({ one: { ...sh(script), ...toJournal } })
  await until(async () => String(messages(receiver).at(-1)?.['MESSAGE']), /^next$/)
  const parts = messages(receiver).slice(0, -1)
  expect(parts.map((part) => part['MESSAGE']).join('')).toBe('x'.repeat(bytes))
  expect(parts.map((part) => part['CONTAINER_PARTIAL_MESSAGE'])).toEqual([
    'true',
    'true',
    undefined,
  ])
  expect(parts.map((part) => part['CONTAINER_PARTIAL_LAST'])).toEqual(['false', 'false', 'true'])
  expect(parts.map((part) => part['CONTAINER_PARTIAL_ORDINAL'])).toEqual(['1', '2', '3'])
  expect(new Set(parts.map((part) => part['CONTAINER_PARTIAL_ID'])).size).toBe(1)
})

test('syslog gets lines in the form that was asked for', async () => {
  const path = join(world.root, 'syslog')
  await using receiver = await LineReceiver.listen(path)
  const script = `echo out; ${untilThere('/tmp/go')}; echo bad >&2`
  await world.up({ one: { ...sh(script), ...syslogAt(path) } })
  await receiver.until(/out\n/)
  await world.exec('one', 'touch /tmp/go')
  const plain = await receiver.until(/bad\n/)
  expect(plain).toEqual([
    expect.stringMatching(/^<134>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d app\/tst-one-1\[\d+\]: out$/),
    expect.stringMatching(/^<131>.* app\/tst-one-1\[\d+\]: bad$/),
  ])
  await world.down()
  await world.up({ one: { ...sh('echo new'), ...syslogAt(path, 'rfc5424') } })
  expect((await receiver.until(/new\n/)).at(-1)).toMatch(
    /^<134>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S+ \S+ app\/tst-one-1 \d+ app\/tst-one-1 - new$/,
  )
})

test('what is written while nobody listens comes when somebody does, before the container goes', async () => {
  const path = join(world.root, 'syslog')
  const receiver = await LineReceiver.listen(path)
  // Whoever stands still meanwhile finds half of it unsaid.
  const half = `[ $n -ne 200 ] || ${untilThere('/tmp/go')}`
  const script = `${countTo(400, `sleep 0.005; ${half}`)}; sleep 100`
  await world.up({ one: { ...sh(script), ...syslogAt(path) } })
  await receiver.until(/n5\n/)
  await receiver[Symbol.asyncDispose]()
  const first = receiver.lines
  const unheard = await lastNumber()
  await world.exec('one', 'touch /tmp/go')
  await world.line('one', /^n400$/)
  await using later = await LineReceiver.listen(path)
  await world.down()
  const all = numbers([...first, ...(await later.until(/n400\n/))])
  // A stream that breaks may take along what it had taken: nobody acknowledges a syslog message.
  expect(all.filter((number) => number > unheard)).toEqual(upTo(400).slice(unheard))
  expect(numbers(first)).toEqual(upTo(numbers(first).length))
  expect(all).toEqual(all.toSorted((a, b) => a - b))
  expect(all.at(-1)).toBe(400)
})

test('a supervisor that is killed loses no line, and sends at most one of them again', async () => {
  using receiver = new DatagramReceiver(journal)
  const count = 600
  const script = `${countTo(count, 'sleep 0.003')}; sleep 100`
  const received = () => numbers(messages(receiver).map((each) => String(each['MESSAGE'])))
  const services = { one: { ...sh(script), ...toJournal } }
  for (const seen of [40, 150]) {
    const supervisor = await world.superviseElsewhere(services)
    await until(async () => String(received().length >= seen), /true/)
    supervisor.kill('SIGKILL')
    await once(supervisor, 'exit')
    await world.start()
  }
  await until(async () => String(received().at(-1)), new RegExp(`^${count}$`))
  const all = received()
  expect([...new Set(all)]).toEqual(upTo(count))
  expect(all.length - count).toBeLessThanOrEqual(2)
})

test('a supervisor that goes in peace sends no line twice, and one of a stack that waits goes on', async () => {
  using receiver = new DatagramReceiver(journal)
  const script = `${countTo(200, 'echo n$n >&2')}; sleep 100`
  await world.up({ one: { ...sh(script), ...toJournal } })
  for (let round = 0; round < 5; round += 1) await world.restart()
  const received = () => numbers(messages(receiver).map((each) => String(each['MESSAGE'])))
  await until(async () => String(received().length >= 400), /true/)
  for (const priority of ['6', '3']) {
    const own = messages(receiver).filter((each) => each['PRIORITY'] === priority)
    expect(numbers(own.map((each) => String(each['MESSAGE'])))).toEqual(upTo(200))
  }
})

test('a socket that is not there keeps the container from starting, and says what is needed', async () => {
  const [, outcome] = await world.apply({ one: { ...sh('true'), ...toJournal } })
  expect(outcome).toMatchObject({
    kind: 'failed',
    error: {
      message:
        'Cannot start "tst-one-1": its logging driver "journald" needs the socket ' +
        `"${journal}", which does not exist; start systemd-journald, or choose another driver`,
    },
  })
})
