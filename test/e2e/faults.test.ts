/**
 * Bad input and a hostile machine: each ends in a clear message with the cure, and leaves nothing.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PROJECT, Sandbox, saidBy, type Finished } from '../support/sandbox.ts'
import { CLI } from './cli-scene.ts'

let sandbox: Sandbox
let folder: string
beforeEach(async () => {
  sandbox = await Sandbox.open()
  folder = mkdtempSync(join(tmpdir(), 'tsstack-faults-'))
})
afterEach(async () => {
  await sandbox.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Writes `text` as the stack file and runs a command on it. */
function run(text: string, ...words: readonly string[]): Promise<Finished> {
  writeFileSync(join(folder, 'compose.yaml'), text)
  return sandbox.tsstack(words, { cwd: folder })
}

/** `up -d` of one service with these lines; the service is called `web`. */
const up = (...lines: readonly string[]): Promise<Finished> => run(service(...lines), 'up', '-d')

const service = (...lines: readonly string[]): string =>
  [
    'name: faulty',
    'services:',
    '  web:',
    "    image: 'host:'",
    ...lines.map((l) => `    ${l}`),
    '',
  ].join('\n')

async function expectDownClean(): Promise<void> {
  await sandbox.ok(['down', '-v'], { cwd: folder })
  expect(await sandbox.leaks()).toBe('')
}

describe('a stack file', () => {
  test('that does not exist is named, and nothing is started', async () => {
    const result = await sandbox.tsstack(['-f', 'absent.yaml', 'up', '-d'], { cwd: folder })
    expect(result.code).toBe(1)
    expect(saidBy(result)).toContain('absent.yaml')
    expect(saidBy(result)).not.toMatch(/^\s+at /m)
    expect(await sandbox.leaks()).toBe('')
  })

  test('that is nowhere: the names that are looked for are told', async () => {
    const result = await sandbox.tsstack(['up', '-d'], { cwd: folder })
    expect(result.code).toBe(1)
    expect(saidBy(result)).toContain('compose.yaml')
  })

  test('that is a directory is refused by name', async () => {
    mkdirSync(join(folder, 'compose.yaml'))
    const result = await sandbox.tsstack(['config'], { cwd: folder })
    expect(result.code).toBe(1)
    expect(saidBy(result)).toContain('compose.yaml')
  })

  test.each([
    ['empty', ''],
    ['malformed', 'services:\n  web: [unclosed\n'],
    ['a list', '- services\n'],
    ['binary', '\u0000\u0001\u0002'],
    ['an alias bomb', bomb()],
  ])('that is %s gets a diagnostic and no stack trace', async (_, text) => {
    const result = await run(text, 'up', '-d')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toMatch(/compose\.yaml|services/)
    expect(saidBy(result)).not.toMatch(/^\s+at \S+ \(/m)
    expect(await sandbox.leaks()).toBe('')
  })

  test('of more than 10 MB is refused before it is parsed', async () => {
    const result = await run(`# ${'x'.repeat(11 * 1024 * 1024)}\nservices: {}\n`, 'config')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toMatch(/compose\.yaml.*(?:MiB|MB|bytes)/s)
  })

  test('with five mistakes gets five diagnostics, each with its line', async () => {
    const text = service('comand: [a]', 'mem_limit: lots', 'ports: ["99999:1"]', 'depends_on: [no]')
    const result = await run(`${text}volums: {}\n`, 'config')
    expect(result.code).toBe(1)
    for (const mistake of ['comand', 'lots', '99999', 'undefined service "no"', 'volums']) {
      expect(saidBy(result)).toContain(mistake)
    }
    expect(saidBy(result).match(/compose\.yaml:\d+:\d+/g)?.length).toBeGreaterThanOrEqual(5)
  })
})

describe('a service', () => {
  test('whose program is missing ends with 127, and up with 1, in the words of the field', async () => {
    const result = await up('command: [foo]')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toContain('exec: "foo": executable file not found in $PATH')
    const ps = await sandbox.tsstack(['ps', '-a'], { cwd: folder })
    expect(ps.stdout).toContain('127')
    await expectDownClean()
  })

  test('whose program cannot be executed ends with 126, and up with 1', async () => {
    const result = await up('command: [/etc/passwd]')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toMatch(/\/etc\/passwd.*permission denied/i)
    expect((await sandbox.tsstack(['ps', '-a'], { cwd: folder })).stdout).toContain('126')
    await expectDownClean()
  })

  test('whose bind source is missing is not started; the message names the path', async () => {
    const source = join(folder, 'not-there')
    const result = await up(
      'command: [sleep, "1000"]',
      `volumes: [{ type: bind, source: ${source}, target: /x, bind: { create_host_path: false } }]`,
    )
    expect(result.code).toBe(1)
    expect(saidBy(result)).toContain(source)
    await expectDownClean()
  })

  test('whose port a process has already is not started; the message names both', async () => {
    const script = "require('net').createServer().listen(7070,()=>console.log('up'))"
    const words = [`--net=${sandbox.netns}`, process.execPath, '-e', script]
    const holder = spawn('nsenter', words)
    await once(holder.stdout, 'data')
    const result = await up('command: [sleep, "1000"]', 'ports: ["7070:80"]')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toContain('7070')
    expect(saidBy(result)).toMatch(new RegExp(`node|${holder.pid}`))
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    await expectDownClean()
  })

  test('whose user does not exist is not started; the message names the user', async () => {
    const result = await up('command: [sleep, "1000"]', 'user: nobody-knows-me')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toContain('nobody-knows-me')
    await expectDownClean()
  })

  test('whose image is unknown is not started; the message says what image takes', async () => {
    const result = await run(service().replace("'host:'", 'dir:/not/there'), 'up', '-d')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toContain('/not/there')
    await expectDownClean()
  })
})

describe('a network', () => {
  test('whose subnet the machine uses already is refused; the message names both', async () => {
    await sandbox.inNetns(['ip', 'link', 'add', 'taken', 'type', 'bridge'])
    await sandbox.inNetns(['ip', 'addr', 'add', '10.77.0.1/16', 'dev', 'taken'])
    await sandbox.inNetns(['ip', 'link', 'set', 'taken', 'up'])
    const network = 'networks: { default: { ipam: { config: [{ subnet: 10.77.5.0/24 }] } } }\n'
    const result = await run(service('command: [sleep, "1000"]') + network, 'up', '-d')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toContain('10.77.5.0/24')
    expect(saidBy(result)).toMatch(/10\.77\.0\.[01]|taken/)
    await sandbox.inNetns(['ip', 'link', 'del', 'taken'])
    await expectDownClean()
  })
})

describe('a machine', () => {
  test('whose state directory is read-only says so', async () => {
    const result = await upAfter('mount -t tmpfs -o ro none $D')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toMatch(/Cannot .*place\/root.*(?:read-only|EROFS)/is)
    expect(saidBy(result)).not.toMatch(/^\s+at \S+ \(/m)
    expect(await sandbox.leaks()).toBe('')
  })

  test('whose state directory is full says so', async () => {
    const fill =
      'mount -t tmpfs -o size=64k,mode=700 none $D && (cat /dev/zero > $D/fill || true) 2>/dev/null'
    const result = await upAfter(fill)
    expect(result.code).toBe(1)
    expect(saidBy(result)).toMatch(/no space left|ENOSPC/i)
    expect(saidBy(result)).not.toMatch(/^\s+at \S+ \(/m)
    expect(await sandbox.leaks()).toBe('')
  })

  test('that lets a supervisor open few files is told how many are needed, and starts nothing', async () => {
    const names = Array.from({ length: 100 }, (_, at) => `s${at}`)
    const lines = names.map((name) => `  ${name}: { image: 'host:', network_mode: none }`)
    writeFileSync(join(folder, 'compose.yaml'), `name: faulty\nservices:\n${lines.join('\n')}\n`)
    const limited = ['prlimit', '--nofile=256:256', process.execPath, CLI, 'up', '-d']
    const result = await sandbox.inNetns(limited, { cwd: folder })
    expect(result.code).toBe(1)
    expect(saidBy(result)).toMatch(
      /Cannot start 100 containers.* may have 256; \d+ more are needed/,
    )
    expect((await sandbox.ok(['ls', '-q'])).stdout).toBe('')
    expect(await sandbox.leaks()).toBe('')
  })

  test('without control groups says so', async () => {
    const result = await upAfter('umount --recursive --lazy /sys/fs/cgroup')
    expect(result.code).toBe(1)
    expect(saidBy(result)).toMatch(/cgroup/)
    expect(await sandbox.leaks()).toBe('')
  })

  test('whose state directory cannot hold an overlay says so', async () => {
    const nested =
      'mount -t tmpfs none $D && mkdir $D/l $D/u $D/w $D/m && ' +
      'mount -t overlay -o lowerdir=$D/l,upperdir=$D/u,workdir=$D/w none $D/m && ' +
      'mount --bind $D/m $D && chmod 700 $D'
    const result = await upAfter(nested)
    expect(result.code).toBe(1)
    expect(saidBy(result)).toMatch(/overlay/)
    expect(await sandbox.leaks()).toBe('')
  })
})

/**
 * Runs `up -d` where `script` has changed the mounts first, then `down`: both see the same mounts.
 * $D is an empty directory. Answers with what `up` said and its status.
 */
function upAfter(script: string): Promise<Finished> {
  writeFileSync(join(folder, 'compose.yaml'), service('command: [sleep, "1000"]'))
  const directory = join(sandbox.root, 'place')
  mkdirSync(directory, { mode: 0o700 })
  const commands = `${script}; "$@" up -d; status=$?; "$@" down -v >/dev/null 2>&1; exit $status`
  const words = [process.execPath, join(PROJECT, 'bin/tsstack.js')]
  return sandbox.inNetns(['unshare', '--mount', 'sh', '-c', commands, 'sh', ...words], {
    cwd: folder,
    env: { D: directory, TSSTACK_ROOT: join(directory, 'root') },
  })
}

/** Ten levels of ten aliases: ten thousand million values in a few hundred bytes. */
function bomb(): string {
  const levels = Array.from({ length: 10 }, (_, level) =>
    level === 0
      ? 'x-0: &a0 [boom]'
      : `x-${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`,
  )
  return `${levels.join('\n')}\nservices:\n  web:\n    image: 'host:'\n    command: *a9\n`
}
