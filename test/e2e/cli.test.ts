/** The command line as a user meets it, on the real supervisor and the real kernel. */
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { finish, type Finished, type Sandbox, succeeded } from '../support/sandbox.ts'
import { until } from '../support/until.ts'
import { CLI, cli, HELLO, Scene, shell, SLEEP, STUBBORN } from './cli-scene.ts'

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
const WAITS = 'depends_on: { db: { condition: service_healthy } }'

describe('which stack', () => {
  test('a name that no stack can have is refused with what a name needs', async () => {
    scene.write({ web: SLEEP })
    for (const command of ['ps', 'up', 'config']) {
      const wrong = await run(command, '-p', 'W X')
      expect(wrong.code).toBe(2)
      expect(wrong.stderr).toContain(`'W X' is invalid. It needs lower-case letters`)
    }
    expect((await ok('config', '-p', '', '--format', 'json')).stdout).toContain('"name": "cli"')
  })

  test('-f is taken before the command and after it, and from the folder without it', async () => {
    scene.write({ web: SLEEP })
    await ok('up', '-d')
    const file = join(folder, 'compose.yaml')
    for (const words of [
      ['-f', file, 'ps', '-q'],
      ['ps', '-q', '-f', file],
      ['ps', '-q'],
    ]) {
      expect((await ok(...words)).stdout).toBe('cli-web-1\n')
    }
    await ok('down')
    expect(await sandbox.leaks()).toBe('')
  })

  test('it is found from a folder below, and by its records when the file has gone or is broken', async () => {
    scene.write({ web: SLEEP })
    await ok('up', '-d')
    mkdirSync(join(folder, 'src'))
    const below = { cwd: join(folder, 'src') }
    expect((await sandbox.tsstack(['ps', '-q'], below)).stdout).toBe('cli-web-1\n')
    writeFileSync(join(folder, 'compose.yaml'), 'services: [broken\n')
    expect((await sandbox.tsstack(['ps', '-q'], below)).stdout).toBe('cli-web-1\n')
    expect((await sandbox.tsstack(['-p', 'cli', 'ps', '-q'], { cwd: '/' })).stdout).toBe(
      'cli-web-1\n',
    )
    await ok('down')
    expect(await sandbox.leaks()).toBe('')
  })

  test('a command without any says so, and names the stacks that there are', async () => {
    await ok('-f', HELLO, 'up', '-d')
    const result = await run('ps')
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toMatch(/compose\.yaml.*hello.*\[NO_STACK\]\nhint: .*-p NAME/s)
    await ok('-p', 'hello', 'down')
    expect(await sandbox.leaks()).toBe('')
  })
})

describe('words that are wrong', () => {
  test.each([
    [['pss'], 'Did you mean ps?'],
    [['up', '--detatch'], 'Did you mean --detach?'],
    [['up', '-t', 'soon'], 'whole number'],
    [['exec', 'web'], "missing required argument 'command'"],
    [['exec', '-e', '=z', 'web', 'true'], 'Cannot read "=z": its name is empty'],
    [['run', '-l', '', 'web', 'true'], 'Cannot read "": its name is empty'],
  ])('%j gets status 2 and "%s"', async (words, text) => {
    const result = await run(...words)
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(result.stderr).toContain(text)
  })

  test('a stack that is not there is answered with the one that was meant', async () => {
    scene.write({ web: SLEEP })
    await ok('up', '-d')
    const elsewhere = { cwd: '/' }
    const commands = ['ps', 'logs', 'stop', 'start', 'kill', 'top', 'events', 'status', 'history']
    for (const words of [...commands.map((one) => [one]), ['exec', 'web', 'true']]) {
      const result = await sandbox.tsstack(['-p', 'cil', ...words], elsewhere)
      expect(result, words.join(' ')).toMatchObject({ code: 1, stdout: '' })
      expect(result.stderr).toMatch(
        /Cannot find a stack "cil": .*did you mean "cli"\?.*\[NO_STACK\]/,
      )
    }
    const far = await sandbox.tsstack(['-p', 'unlike', 'ps'], elsewhere)
    expect(far.stderr).toContain('known stacks: cli')
    // Scripts take down what may be down already.
    expect(await sandbox.tsstack(['-p', 'cil', 'down'], elsewhere)).toEqual({
      code: 0,
      stdout: '',
      stderr: 'warning: nothing to remove of stack "cil"; did you mean "cli"?\n',
    })
    // With a file it is a stack that is not up yet.
    expect(await run('-p', 'cil', 'ps', '-q')).toEqual({ code: 0, stdout: '', stderr: '' })
    expect((await ok('ps', '-q')).stdout).toBe('cli-web-1\n')
    await ok('down')
    const again = await ok('down')
    expect(again.stderr).toBe('warning: nothing to remove of stack "cli"\n')
  })

  test('down -v finds volumes by the name of their stack when all else of it has gone', async () => {
    scene.write({ web: [...SLEEP, 'volumes: [data:/data]'] })
    scene.append('volumes: {data: {}}')
    await ok('up', '-d')
    await ok('down')
    const removed = await sandbox.tsstack(['-p', 'cli', 'down', '-v'], { cwd: '/' })
    expect(removed).toMatchObject({ code: 0, stderr: 'volume cli_data: removed\n' })
    expect(await sandbox.leaks()).toBe('')
  })

  test('a service that is not there is answered with the one that was meant', async () => {
    scene.write({ web: SLEEP })
    await ok('up', '-d')
    for (const words of [
      ['logs', 'wbe'],
      ['exec', 'wbe', 'true'],
      ['ps', 'wbe'],
      ['up', 'wbe'],
    ]) {
      const result = await run(...words)
      expect(result.code).toBe(1)
      expect(result.stderr).toContain('Cannot find "wbe"')
      expect(result.stderr).toMatch(/\[NO_SUCH_SERVICE\]\nhint: Did you mean "web"\?/)
    }
    await ok('down')
  })
})

describe('exec', () => {
  beforeEach(async () => {
    scene.write({ web: SLEEP, ended: [shell('true')] })
    await ok('up', '-d')
  })
  afterEach(async () => {
    await ok('down', '-t', '0')
    expect(await sandbox.leaks()).toBe('')
  })

  test('passes on status, both outputs, variables, user and directory', async () => {
    const script = 'echo "$A $(id -u) $(pwd)"; echo wrong >&2; exit 41'
    const words = ['exec', '-e', 'A=b', '-u', 'nobody', '-w', '/tmp', 'web', 'sh', '-c', script]
    expect(await run(...words)).toEqual({ code: 41, stdout: 'b 65534 /tmp\n', stderr: 'wrong\n' })
  })

  test('leaves options after the service to the program', async () => {
    expect((await ok('exec', 'web', 'printf', '%s', '-f')).stdout).toBe('-f')
  })

  test('moves eight megabytes in and out, byte for byte', async () => {
    const input = 'tsstack '.repeat(1024 * 1024)
    const result = await sandbox.tsstack(['exec', 'web', 'cat'], { cwd: folder, input })
    expect(result.code).toBe(0)
    expect(result.stdout.length).toBe(input.length)
    expect(result.stdout === input).toBe(true)
  })

  test('brings the last bytes even to a reader that comes late', async () => {
    // More than a pipe holds: its end is still with the command when the program has ended.
    const script = '"$@" | { sleep 0.5; wc -c; }'
    const words = ['exec', 'web', 'head', '-c', '75000', '/dev/zero']
    const command = [process.execPath, CLI, ...words]
    const result = await sandbox.inNetns(['sh', '-c', script, 'sh', ...command], { cwd: folder })
    expect(result.stdout.trim()).toBe('75000')
  })

  test('ends although its input is never read, and although a grandchild keeps its output', async () => {
    const input = 'x'.repeat(1024 * 1024)
    const words = ['exec', 'web', 'sh', '-c', 'sleep 1000 & echo done']
    const result = await sandbox.tsstack(words, { cwd: folder, input })
    expect(result).toMatchObject({ code: 0, stdout: 'done\n' })
  })

  test('gives the program a terminal of the right size when there is one, and none with -T', async () => {
    const size = await scene.onTerminal(
      `stty rows 33 cols 99; ${cli('exec', 'web', 'stty', 'size')}`,
    )
    expect(size).toMatchObject({ code: 0, stdout: '33 99\r\n' })
    const plain = await scene.onTerminal(
      `${cli('exec', '-T', 'web', 'sh', '-c', "'test -t 1'")}; echo $?`,
    )
    expect(plain.stdout).toBe('1\r\n')
  })

  test('gives the terminal back as it was', async () => {
    const command = `stty -g; ${cli('exec', 'web', 'true')}; stty -g`
    const [before, after] = (await scene.onTerminal(command)).stdout.trim().split('\r\n')
    expect(before).toMatch(/^[\da-f:]+$/)
    expect(after).toBe(before)
  })

  test('of a missing program ends with 127, of a service that has ended with what it did', async () => {
    const missing = await run('exec', 'web', 'not-there')
    expect(missing.code).toBe(127)
    expect(missing.stderr).toContain('"not-there": executable file not found in $PATH')
    await until(async () => (await run('ps', '-a')).stdout, /cli-ended-1 .*exited/)
    const ended = await run('exec', 'ended', 'true')
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/cli-ended-1 is exited.*\[NOT_RUNNING\]/)
  })
})

test('an option that is empty is as if it was not given: a script has no value for it', async () => {
  scene.write({ web: [...SLEEP, 'user: "65534"', 'working_dir: /tmp'] })
  await ok('-p', '', 'up', '-d')
  const look = ['web', 'sh', '-c', 'id -u; pwd']
  expect((await ok('exec', '-u', '', '-w', '', ...look)).stdout).toBe('65534\n/tmp\n')
  expect((await ok('run', '--rm', '-w', '', ...look)).stdout).toBe('65534\n/tmp\n')
  await ok('down', '-t', '0')
})

const inShell = (script: string) => sandbox.inNetns(['sh', '-c', script], { cwd: folder })

describe('logs', () => {
  test('has names before the lines, the last ones with -n, and all of them in the order of time', async () => {
    scene.write({
      a: [shell('echo one; sleep 0.3; echo three')],
      bbb: [shell('sleep 0.15; echo two >&2')],
    })
    await ok('up', '-d')
    await until(async () => (await ok('logs')).stdout, [/two\n/, /three\n/])
    expect((await ok('logs', '--no-log-prefix', 'a')).stdout).toBe('one\nthree\n')
    const lines = (await ok('logs', '-n', '1')).stdout
    expect(lines.split('\n').toSorted()).toEqual(['', 'a-1    | three', 'bbb-1  | two'])
    await ok('down')
  })

  test('-f follows, also what is started later, until everything has ended', async () => {
    scene.write({ web: [shell('echo begin; sleep 1; echo end')] })
    await ok('up', '-d')
    const result = await run('logs', '-f')
    expect(result).toMatchObject({ code: 0, stdout: 'web-1  | begin\nweb-1  | end\n' })
    await ok('down')
    expect(await sandbox.leaks()).toBe('')
  })

  test('makes escapes harmless on a terminal, and leaves bytes alone on a pipe', async () => {
    const hostile = String.raw`printf '\033]52;c;AAAA\007\033[2Jreal\rfake | ok \377\n'`
    scene.write({ web: [shell(hostile)] })
    await ok('up', '-d')
    await until(async () => (await ok('logs')).stdout, /fake/)
    const piped = await sandbox.inNetns(
      ['sh', '-c', `${cli('logs', '--no-log-prefix')} | od -An -c | tr -d ' \\n'`],
      { cwd: folder },
    )
    expect(piped.stdout).toBe(String.raw`033]52;c;AAAA\a033[2Jreal\rfake|ok377\n`)
    const shown = (await scene.onTerminal(cli('logs'))).stdout
    expect(shown).toContain(String.raw`\x1b]52;c;AAAA\x07\x1b[2Jreal\x0dfake | ok`)
    // The colours of the prefix are the only escapes, and no line is begun anew.
    expect(shown.replaceAll(/\p{Cc}\[\d*m/gu, '')).not.toMatch(/(?![\r\n])\p{Cc}|\r(?!\n)/u)
    await ok('down')
  })

  test('ends quietly when its reader does', async () => {
    scene.write({ web: [shell('seq 1 200000')] })
    await ok('up', '-d')
    await until(async () => (await ok('logs', '-n', '1')).stdout, /200000/)
    const result = await sandbox.inNetns(['sh', '-c', `${cli('logs')} | head -n 1`], {
      cwd: folder,
    })
    expect(result).toMatchObject({ code: 0, stdout: 'web-1  | 1\n', stderr: '' })
    await ok('down')
  })

  test('says when there is no room for a result, and works on when there is none for words', async () => {
    scene.write({ web: SLEEP })
    await ok('up', '-d')
    for (const words of [['ps'], ['config'], ['exec', '-T', 'web', 'echo', 'a']]) {
      const { code, stderr } = await inShell(`${cli(...words)} > /dev/full`)
      expect({ code, stderr: stderr.split('ENOSPC')[0] }).toEqual({
        code: 1,
        stderr: 'error: Cannot write to standard output: ',
      })
    }
    succeeded(await inShell(`${cli('stop', '-t', '0')} 2> /dev/full`))
    expect((await ok('ps', '-q')).stdout).toBe('')
    expect(await inShell(`mkdir gone; cd gone; rmdir ../gone; ${cli('ps')}`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('this directory has been removed [NO_STACK]') as string,
    })
    await ok('down')
  })
})

describe('up in the foreground', () => {
  test('shows every line from the first, and ends with the last container', async () => {
    scene.write({ web: [shell('echo first; echo last')] })
    const result = await run('up')
    expect(result).toMatchObject({ code: 0, stdout: 'web-1  | first\nweb-1  | last\n' })
    expect(result.stderr).toContain('container cli-web-1: exited (0)')
    await ok('down')
    expect(await sandbox.leaks()).toBe('')
  })

  test('stops gracefully at the first interrupt', async () => {
    const script = 'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
    scene.write({ web: [shell(script)] })
    const up = sandbox.start(['up'], { cwd: folder })
    const result = finish(up)
    const shown = once(up.stdout, 'data')
    await until(async () => (await run('logs')).stdout, /ready/)
    await shown
    up.kill('SIGINT')
    const { code, stdout, stderr } = await result
    expect(stdout).toBe('web-1  | ready\nweb-1  | bye\n')
    expect(stderr).toContain('container cli-web-1: stopped')
    expect(code).toBe(130)
    // Kept, with its log, as Compose does: the next start is one of the same container.
    expect((await ok('ps', '-q')).stdout).toBe('')
    expect((await ok('ps', '-a')).stdout).toMatch(/cli-web-1 .*exited \(0\)/)
    expect((await ok('logs', '--no-log-prefix')).stdout).toBe('ready\nbye\n')
    await ok('down')
    expect(await sandbox.leaks()).toBe('')
  })

  test('kills at the second, all of it, whatever the order and the restart policies', async () => {
    const stubborn = [...STUBBORN, 'stop_grace_period: 1h', 'restart: always']
    scene.write({ web: [...stubborn, 'depends_on: [db]'], db: stubborn })
    const up = sandbox.start(['up'], { cwd: folder })
    const result = finish(up)
    // A trap that is not set yet would not hear.
    await until(async () => (await run('logs', 'web')).stdout, /ready/)
    up.kill('SIGINT')
    await until(async () => (await run('logs', 'web')).stdout, /asked/)
    up.kill('SIGINT')
    expect((await result).code).toBe(130)
    expect((await ok('ps', '-a')).stdout).toMatch(/db-1 .*exited \(137\).*web-1 .*exited \(137\)/s)
    await ok('down')
    expect(await sandbox.leaks()).toBe('')
  })

  test.each(['up -d', 'up'])(
    '%s no longer waits for a dependency once interrupted',
    async (words) => {
      const never = 'healthcheck: { test: [CMD, "false"], start_period: 1h }'
      scene.write({ db: [...SLEEP, never, 'stop_grace_period: 1s'], web: [...SLEEP, WAITS] })
      const up = sandbox.start(words.split(' '), { cwd: folder })
      const result = finish(up)
      await until(async () => (await run('ps', '-a')).stdout, /db-1 .*running.*web-1 .*created/s)
      up.kill('SIGINT')
      const { code, stderr } = await result
      expect(code).toBe(130)
      expect(stderr).toContain('container cli-web-1: skipped: cancelled')
      expect(stderr).not.toContain('error:')
      const db = words === 'up -d' ? 'running' : 'exited'
      expect((await ok('ps', '-a')).stdout).toMatch(
        new RegExp(`db-1 .*${db}.*web-1 .*created`, 's'),
      )
      await ok('down', '-t', '0')
      expect(await sandbox.leaks()).toBe('')
    },
  )

  test('leaves the containers running when it is killed itself', async () => {
    scene.write({ web: SLEEP })
    const up = sandbox.start(['up'], { cwd: folder })
    await until(async () => (await run('ps')).stdout, /web.*running/)
    up.kill('SIGKILL')
    await once(up, 'exit')
    expect((await ok('ps', '-q')).stdout).toBe('cli-web-1\n')
    await ok('down', '-t', '0')
    expect(await sandbox.leaks()).toBe('')
  })
})

test('version and config load no module of Node that costs time and that they do not need', async () => {
  scene.write({ web: SLEEP })
  const probe = join(folder, 'probe.cjs')
  const report = "fs.writeSync(2, process.moduleLoadList.join('\\n'))"
  writeFileSync(probe, `const fs = require('fs'); process.on('exit', () => ${report})`)
  for (const command of ['version', 'config']) {
    const words = [process.execPath, '--require', probe, CLI, command]
    const { code, stderr } = await sandbox.inNetns(words, { cwd: folder })
    expect(code).toBe(0)
    expect(stderr).toContain('NativeModule fs')
    expect(stderr).not.toMatch(/^NativeModule (?:net|tty|child_process|http)$/m)
  }
})
