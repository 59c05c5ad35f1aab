import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs'
import { createServer, createConnection } from 'node:net'
import { createSocket } from 'node:dgram'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  capabilityNames,
  effectiveCapabilities,
  lastCapability,
} from '../../src/linux/capabilities.ts'
import { createDetachedMount } from '../../src/linux/detached-mount.ts'
import {
  close,
  dup,
  makeFifo,
  memfd,
  pipe,
  seal,
  setCloseOnExec,
  setPipeSize,
  tryLock,
} from '../../src/linux/fd.ts'
import { createNetworkNamespace, openNamespace, withNamespace } from '../../src/linux/namespace.ts'
import {
  bootId,
  pidfdGetfd,
  pidfdOpen,
  pidfdSendSignal,
  startTime,
} from '../../src/linux/process.ts'
import { getWindowSize, openPty, setWindowSize } from '../../src/linux/pty.ts'
import { getRlimit, setRlimit } from '../../src/linux/rlimits.ts'
import { peerCredentials, socketIn } from '../../src/linux/socket.ts'
import { until } from '../support/until.ts'
import { leakedDescriptors, withDirectory } from './host.ts'

describe('descriptors', () => {
  test('pipe() is close-on-exec, of the size asked for, and carries bytes', () => {
    const { read, write } = pipe({ size: 1 << 17 })
    expect(readFileSync(`/proc/self/fdinfo/${read}`, 'utf8')).toMatch(/flags:\s+0?2000000/)
    expect(setPipeSize(write, 4096)).toBe(4096)
    writeSync(write, 'abc')
    const buffer = Buffer.alloc(3)
    readSync(read, buffer)
    expect(buffer.toString()).toBe('abc')
    close(read)
    close(write)
  })

  test('dup() numbers the copy at least as asked', () => {
    const { read, write } = pipe()
    const copy = dup(read, 100)
    expect(copy).toBeGreaterThanOrEqual(100)
    expect(readlinkSync(`/proc/self/fd/${copy}`)).toBe(readlinkSync(`/proc/self/fd/${read}`))
    setCloseOnExec(copy, false)
    expect(readFileSync(`/proc/self/fdinfo/${copy}`, 'utf8')).not.toMatch(/flags:\s+0?2/)
    for (const fd of [read, write, copy]) close(fd)
    expect(() => close(copy)).toThrow(`close(${copy}) failed: EBADF`)
  })

  test('memfd() and seal() make a file that cannot be changed', () => {
    const fd = memfd('tsstack-test')
    writeSync(fd, 'x')
    seal(fd)
    expect(() => writeSync(fd, 'y')).toThrow('EPERM')
    close(fd)
  })

  test('makeFifo() makes a named pipe and refuses an existing name', () => {
    withDirectory((directory) => {
      const path = join(directory, 'fifo')
      makeFifo(path)
      expect(statSync(path).isFIFO()).toBe(true)
      expect(() => makeFifo(path)).toThrow(`mkfifo("${path}") failed: EEXIST`)
    })
  })

  test('tryLock() is false while another open file holds the lock, and true after', () => {
    withDirectory((directory) => {
      const [one, two] = [1, 2].map(() => openSync(join(directory, 'lock'), 'w')) as [
        number,
        number,
      ]
      expect(tryLock(one)).toBe(true)
      expect(tryLock(two)).toBe(false)
      expect(tryLock(two, 'shared')).toBe(false)
      closeSync(one)
      expect(tryLock(two)).toBe(true)
      closeSync(two)
    })
  })
})

describe('pidfds', () => {
  test('signal and end with their process, and lend its descriptors', async () => {
    const child = spawn('sleep', ['100'], { stdio: ['pipe', 'ignore', 'ignore'] })
    const exit = once(child, 'exit')
    const pid = child.pid ?? -1
    const pidfd = pidfdOpen(pid)
    pidfdSendSignal(pidfd, 0)
    const borrowed = pidfdGetfd(pidfd, 0)
    expect(readlinkSync(`/proc/self/fd/${borrowed}`)).toBe(readlinkSync(`/proc/${pid}/fd/0`))
    close(borrowed)
    pidfdSendSignal(pidfd, 15)
    expect((await exit)[1]).toBe('SIGTERM')
    expect(() => pidfdSendSignal(pidfd, 0)).toThrow('ESRCH')
    close(pidfd)
    expect(startTime(pid)).toBeUndefined()
  })

  test('startTime() is field 22, also for a name with spaces and parentheses', async () => {
    const script = 'printf "a) b (1 2" >/proc/$$/comm; echo; read -r line'
    const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] })
    await once(child.stdout, 'data')
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').trim()
    expect(stat).toContain('(a) b (1 2)')
    // Counted from the end: stat has 52 fields since Linux 3.5.
    expect(startTime(child.pid ?? -1)).toBe(Number(stat.split(' ').at(22 - 53)))
    expect(startTime(child.pid ?? -1)).toBeGreaterThanOrEqual(startTime(process.pid) ?? Infinity)
    child.kill()
    await once(child, 'exit')
  })

  test('startTime() knows a process that has ended and is not reaped as gone', async () => {
    // It ends when nobody reaps it any more: as long as there is a shell, that does. Descriptor 0
    // of what runs in the background is /dev/null.
    const script = 'exec 3<&0; read line <&3 & echo $!; exec sleep 100'
    const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const pid = Number(String(line))
    await until(async () => readFileSync(`/proc/${child.pid}/comm`, 'utf8'), /^sleep/)
    child.stdin.end()
    await until(async () => readFileSync(`/proc/${pid}/stat`, 'utf8'), /\) Z /)
    expect(startTime(pid)).toBeUndefined()
    child.kill()
    await once(child, 'exit')
  })

  test('bootId() is the kernel’s', () => {
    expect(bootId()).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/)
  })
})

describe('network namespaces', () => {
  test('createNetworkNamespace() leaves this thread where it was', () => {
    const home = readlinkSync('/proc/thread-self/ns/net')
    const fd = createNetworkNamespace()
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(home)
    expect(readlinkSync(`/proc/self/fd/${fd}`)).not.toBe(home)
    const inside = withNamespace(fd, 'net', () => readFileSync('/proc/thread-self/net/dev', 'utf8'))
    expect(inside.trim().split('\n')).toHaveLength(3)
    close(fd)
  })

  test('withNamespace() comes back after an error, and refuses asynchronous work', () => {
    const home = readlinkSync('/proc/thread-self/ns/net')
    const fd = createNetworkNamespace()
    const leaked = leakedDescriptors(() => {
      expect(() =>
        withNamespace(fd, 'net', () => {
          throw new Error('inside')
        }),
      ).toThrow('inside')
      expect(() => withNamespace(fd, 'net', () => Promise.resolve())).toThrow('synchronous')
    })
    expect(leaked).toBe(0)
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(home)
    const namespace = openNamespace('net')
    expect(readlinkSync(`/proc/self/fd/${namespace}`)).toBe(home)
    close(namespace)
    close(fd)
  })

  test('socketIn() binds inside, and node serves it from outside', async () => {
    const netns = createNetworkNamespace()
    const home = readlinkSync('/proc/thread-self/ns/net')
    const udp = socketIn(netns, {
      family: 'inet',
      type: 'dgram',
      bind: { address: '127.0.0.11', port: 53 },
    })
    const tcp = socketIn(netns, {
      family: 'inet6',
      type: 'stream',
      bind: { address: '::', port: 8080 },
    })
    const table = withNamespace(netns, 'net', () => [
      readFileSync('/proc/thread-self/net/udp', 'utf8'),
      readFileSync('/proc/thread-self/net/tcp6', 'utf8'),
    ])
    expect(table[0]).toContain('0B00007F:0035')
    const socket = createSocket('udp4')
    socket.bind({ fd: udp })
    expect(socket.address()).toMatchObject({ address: '127.0.0.11', port: 53 })
    socket.close()
    const server = createServer()
    await new Promise<void>((listening) => server.listen({ fd: tcp }, listening))
    expect(server.address()).toMatchObject({ address: '::', port: 8080 })
    server.close()
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(home)
    close(netns)
  })

  test('socketIn() names the address that is not there', () => {
    const netns = createNetworkNamespace()
    // Without any link up the namespace has no table of local addresses, and all are taken.
    withNamespace(netns, 'net', () => execFileSync('ip', ['link', 'set', 'lo', 'up']))
    const leaked = leakedDescriptors(() => {
      expect(() =>
        socketIn(netns, { family: 'inet', type: 'dgram', bind: { address: '192.0.2.1', port: 1 } }),
      ).toThrow('bind("192.0.2.1", 1) failed: EADDRNOTAVAIL')
    })
    expect(leaked).toBe(0)
    close(netns)
  })
})

describe('peerCredentials()', () => {
  test('says who connected', async () => {
    const directory = withDirectory((path) => path)
    const path = `${directory}.sock`
    const server = createServer()
    server.listen(path)
    await once(server, 'listening')
    const client = createConnection(path)
    const [accepted] = await once(server, 'connection')
    const { fd } = (accepted as { _handle: { fd: number } })._handle
    expect(peerCredentials(fd)).toEqual({ pid: process.pid, uid: 0, gid: 0 })
    client.destroy()
    server.close()
  })
})

describe('openPty()', () => {
  test('opens a terminal of a detached devpts, of its own numbers', () => {
    const devpts = createDetachedMount({
      type: 'devpts',
      options: { ptmxmode: '0666', mode: '0620' },
    })
    const first = openPty(devpts)
    const second = openPty(devpts)
    expect([first.number, second.number]).toEqual([0, 1])
    setWindowSize(first.master, { rows: 30, columns: 100 })
    expect(getWindowSize(first.slave)).toEqual({ rows: 30, columns: 100 })
    writeSync(first.master, 'typed\n')
    const buffer = Buffer.alloc(100)
    expect(buffer.toString('utf8', 0, readSync(first.slave, buffer))).toBe('typed\n')
    for (const { master, slave } of [first, second]) {
      close(slave)
      close(master)
    }
    close(devpts)
  })
})

describe('effectiveCapabilities() and lastCapability()', () => {
  test('say what this process and this kernel have', () => {
    const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    expect(capabilityNames(effectiveCapabilities())).toContain('SYS_ADMIN')
    expect(effectiveCapabilities() & ~BigInt(`0x${bounding?.[1] ?? ''}`)).toBe(0n)
    expect(lastCapability()).toBeGreaterThanOrEqual(37)
  })
})

describe('getRlimit() and setRlimit()', () => {
  test('read and lower a limit of another process', async () => {
    const child = spawn('sleep', ['100'], { stdio: 'ignore' })
    const exit = once(child, 'exit')
    const pid = child.pid ?? -1
    const { hard } = getRlimit('core', pid)
    setRlimit('nofile', { soft: 64n, hard: 128n }, pid)
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/Max open files\s+64\s+128/)
    expect(getRlimit('nofile', pid)).toEqual({ soft: 64n, hard: 128n })
    expect(hard).toBeGreaterThan(0n)
    child.kill()
    await exit
  })
})
