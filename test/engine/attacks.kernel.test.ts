/** Attacks on container engines that have a CVE number, each tried on ours. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, posix } from 'node:path'
import { expect, test } from 'vitest'
import type { MountSpec } from '../../src/planner/index.ts'
import { detectCgroups } from '../../src/linux/index.ts'
import { probeIn } from './probe.ts'
import { sh, useWorld, type World, type Service } from './support.ts'

let world: World
let hostile: string
useWorld((opened) => {
  world = opened
  hostile = join(world.root, 'hostile')
})

/** A copy of the image with something nasty in it. */
function hostileImage(change: (at: (path: string) => string) => void): string {
  rmSync(hostile, { recursive: true, force: true })
  cpSync(join(world.root, 'rootfs'), hostile, { recursive: true, verbatimSymlinks: true })
  change((path) => join(hostile, path))
  return `dir:${hostile}`
}

const probe = (script: string, service?: Service): Promise<readonly string[]> =>
  probeIn(world, script, service)

/** A directory of the host that no container may touch, with a file that says so. */
function canary(): { readonly directory: string; readonly isUntouched: () => boolean } {
  const directory = join(world.root, 'canary')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  writeFileSync(join(directory, 'file'), 'untouched')
  const isUntouched = (): boolean =>
    readdirSync(directory).join() === 'file' &&
    readFileSync(join(directory, 'file'), 'utf8') === 'untouched'
  return { directory, isUntouched }
}

const volume = (target: string, name = 'tst_shared'): MountSpec => ({
  kind: 'volume',
  volume: name,
  anonymous: false,
  target,
  readOnly: false,
  nocopy: true,
})

const WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"

test.for(['proc', 'proc/self/attr', 'sys', 'dev', '../../proc/self'])(
  'a link to /%s that another container leaves in a shared volume is no place to mount at (CVE-2021-30465, CVE-2019-16884)',
  async (aim) => {
    const resources = { volumes: ['tst_shared', 'tst_second'] }
    const attacker = { ...sh(`ln -sfn /${aim} /data/inner; ${WAIT}`), mounts: [volume('/data')] }
    await world.up({ attacker }, resources)
    await world.line('attacker', /up/)
    const mounts = [volume('/data'), volume('/data/inner', 'tst_second')]
    const outcomes = await world.apply({ attacker, victim: { ...sh(WAIT), mounts } }, resources)
    expect(outcomes.at(-1)).toMatchObject({
      kind: 'failed',
      error: {
        code: 'LAUNCH',
        message:
          'Cannot mount at "/data/inner" of "tst-victim-1": a symbolic link lies on the way in ' +
          'what is mounted at "/data"',
      },
    })
  },
)

test('a link that is swapped in while the mounts are made is never followed (CVE-2021-30465)', async () => {
  const resources = { volumes: ['tst_shared', 'tst_second'] }
  // Directory and link change places as fast as a shell can, for as long as the victims start.
  const swap =
    'while :; do mkdir d 2>/dev/null; mv -T d inner; rm -rf inner; ln -s /proc inner; rm inner; done'
  const attacker = { ...sh(`cd /data; echo up; ${swap}`), mounts: [volume('/data')] }
  await world.up({ attacker }, resources)
  await world.line('attacker', /up/)
  const victim = {
    ...sh("grep -c ' /proc[ /]' /proc/self/mountinfo; [ -e /proc/1/status ] && echo real"),
    mounts: [volume('/data'), volume('/data/inner', 'tst_second')],
  }
  const [plain] = await probe("grep -c ' /proc[ /]' /proc/self/mountinfo")
  await world.up({ attacker }, resources)
  for (let round = 0; round < 10; round += 1) {
    const outcomes = await world.apply({ attacker, victim }, resources)
    const start = outcomes.findLast(({ action }) => action.kind === 'start-container')
    if (start?.kind === 'done') {
      await world.exited('victim')
      expect((await world.log('victim')).toString()).toBe(`${plain}\nreal\n`)
    }
    await world.apply({ attacker }, resources)
    await world.engine.apply('tst', undefined, {})
    await world.up({ attacker }, resources)
  }
})

test.for(['proc', 'sys', 'dev', 'etc', 'tmp'])(
  'an image whose /%s leads to the host leaves the host alone (CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2026-41579, CVE-2026-47766)',
  async (name) => {
    const { directory, isUntouched } = canary()
    for (const aim of [directory, join('..', '..', '..', directory), '/root', '/proc/self']) {
      const image = hostileImage((at) => {
        rmSync(at(name), { recursive: true, force: true })
        symlinkSync(aim, at(name))
        if (name !== 'tmp') mkdirSync(at(directory), { recursive: true })
      })
      const mounts: readonly MountSpec[] = [
        { kind: 'tmpfs', target: `/${name === 'proc' ? 'tmp' : name}/deep/er`, options: [] },
      ]
      // What cannot be refused has to be real: procfs in its place, with the container's own view.
      const outcomes = await world.apply({
        one: { ...sh('stat -f -c %T /proc; ls -d /proc/1 /dev/null'), image, mounts },
      })
      if (outcomes.at(-1)?.kind === 'done') {
        await world.exited('one')
        const text = (await world.log('one')).toString()
        expect(text).toBe('proc\n/dev/null\n/proc/1\n')
      }
      expect(isUntouched()).toBe(true)
      await world.down()
    }
  },
)

test('devices and links that an image has at /dev are covered (CVE-2025-31133, CVE-2025-52565)', async () => {
  const { directory, isUntouched } = canary()
  const image = hostileImage((at) => {
    mkdirSync(at('dev/pts'), { recursive: true })
    symlinkSync('/proc/sysrq-trigger', at('dev/null'))
    symlinkSync(join(directory, 'file'), at('dev/console'))
    symlinkSync('/proc/sys/kernel/core_pattern', at('dev/pts/0'))
    execFileSync('mknod', [at('dev/mem'), 'c', '1', '1'])
    execFileSync('mknod', [at('disk'), 'b', '8', '0'])
  })
  const lines = await probe(
    `stat -c '%F %t:%T' /dev/null; ls /dev | tr '\\n' ' '; ls /dev/pts
     stat -c %F /proc/keys; head -c 1 /proc/keys | wc -c; head -c 1 /disk`,
    { image },
  )
  expect(lines).toEqual([
    'character special file 1:3',
    'core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ptmx',
    'character special file',
    '0',
    'head: /disk: Operation not permitted',
  ])
  expect(isUntouched()).toBe(true)
})

test.for([
  '/proc/self/fd/3',
  '/proc/self/fd/4',
  '/proc/self/fd/5',
  '/proc/self/fd/6',
  '/proc/self/fd/7',
  '/proc/self/fd/8',
  '/proc/self/fd/9/..',
  '/proc/1/cwd/../..',
  '/proc/thread-self/fd/10',
])('a working directory of %s is none of the host (CVE-2024-21626)', async (workingDir) => {
  const script = 'pwd -P; cat ../../../../../../../../etc/passwd | head -1'
  const outcomes = await world.apply({ one: { ...sh(script), workingDir } })
  if (outcomes.at(-1)?.kind === 'done') {
    await world.exited('one')
    const text = (await world.log('one')).toString()
    expect(text).toBe('/\nroot:x:0:0::/root:/bin/sh\n')
  } else {
    expect(outcomes.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'LAUNCH' } })
  }
  await world.down()
  await world.up({ one: sh(WAIT) })
  await world.line('one', /up/)
  const executed = await world.exec('one', script, { workingDir }).catch((error: unknown) => error)
  if (executed instanceof Error) expect(executed.message).toMatch(/chdir|getcwd/)
  else expect(executed).toMatchObject({ stdout: '/\nroot:x:0:0::/root:/bin/sh\n' })
})

test('neither pid 1 nor an exec leaves the supervisor’s program to be overwritten (CVE-2019-5736)', async () => {
  const before = execFileSync('sha256sum', [process.execPath]).toString()
  const script = 'for f in /proc/[0-9]*/exe; do echo "#!/x" > $f; readlink $f; done'
  await world.up({ one: { command: ['sleep', '1000'], init: true }, two: sh(WAIT) })
  await world.line('two', /up/)
  for (const service of ['one', 'two']) {
    // `#!/proc/self/exe` was how an exec was made to run the host's program.
    const { stdout } = await world.exec(service, script)
    expect(stdout).not.toMatch(/node|tsstack$/)
    await world.exec(
      service,
      'ln -sf /proc/self/exe /tmp/evil; printf "#!/tmp/evil\\n" > /tmp/run; chmod +x /tmp/run',
    )
    const failed = await world.engine
      .exec(`tst-${service}-1`, { command: ['/tmp/run'], tty: false })
      .catch((error: unknown) => error)
    if (!(failed instanceof Error) && failed !== null && typeof failed === 'object') {
      await (failed as { exited: Promise<unknown> }).exited
    }
  }
  expect(execFileSync('sha256sum', [process.execPath]).toString()).toBe(before)
})

test('cgroup files cannot be written, nor a release agent be set (CVE-2022-0492)', async () => {
  const script = `find /sys/fs/cgroup -type f -writable 2>/dev/null | while read f; do
      (: >> "$f") 2>/dev/null && echo "wrote $f"
    done
    mkdir /tmp/c; mount -t cgroup -o memory cgroup /tmp/c 2>&1 | grep -c -i 'denied\\|permitted'
    unshare -U -r true 2>&1 | grep -c -i permitted; find / -xdev -name release_agent`
  expect(await probe(script)).toEqual(['1', '1'])
})

test('abstract sockets of the host are out of sight (CVE-2020-15257)', async () => {
  expect(await probe('grep -c @ /proc/net/unix')).toEqual(['0'])
})

test('a write to procfs goes to procfs, whatever the image has there (CVE-2025-52881)', async () => {
  const { directory, isUntouched } = canary()
  const image = hostileImage((at) => {
    mkdirSync(at('proc/self'), { recursive: true })
    mkdirSync(at('proc/sys/kernel'), { recursive: true })
    for (const path of ['proc/self/oom_score_adj', 'proc/sys/kernel/msgmax']) {
      symlinkSync(join(directory, 'file'), at(path))
    }
  })
  const service = { image, sysctls: { 'kernel.msgmax': '1234' }, oomScoreAdj: 321 }
  const lines = await probe('cat /proc/1/oom_score_adj /proc/sys/kernel/msgmax', service)
  expect(lines).toEqual(['321', '1234'])
  expect(isUntouched()).toBe(true)
})

test('no directory or file is made on the host for a mount (CVE-2024-45310)', async () => {
  const { directory, isUntouched } = canary()
  const image = hostileImage((at) => {
    symlinkSync(directory, at('out'))
    symlinkSync(`../../../../../../../..${directory}`, at('up'))
  })
  const mounts: readonly MountSpec[] = [
    { kind: 'tmpfs', target: '/out/made', options: [] },
    { kind: 'tmpfs', target: '/up/also/made', options: [] },
    {
      kind: 'bind',
      source: join(directory, 'file'),
      target: '/out/empty',
      readOnly: true,
      createHostPath: false,
    },
  ]
  await world.apply({ one: { ...sh('true'), image, mounts } })
  expect(isUntouched()).toBe(true)
})

test.for(['run', 'run/secrets', 'run/secrets/key'])(
  'a secret does not follow a link that the image has at /%s',
  async (link) => {
    const { directory, isUntouched } = canary()
    const image = hostileImage((at) => {
      mkdirSync(at(posix.dirname(link)), { recursive: true })
      rmSync(at(link), { recursive: true, force: true })
      symlinkSync(link.endsWith('key') ? join(directory, 'file') : directory, at(link))
    })
    const from = { kind: 'file', path: '/etc/hostname' } as const
    const file = { kind: 'file', object: 'secret', name: 'key', from } as const
    const mounts = [{ ...file, target: '/run/secrets/key', uid: 0, gid: 0, mode: 0o444 }]
    const outcomes = await world.apply({ one: { ...sh('true'), image, mounts } })
    const message = expect.stringContaining('the image has a link there that leads nowhere')
    expect(outcomes.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'LAUNCH', message } })
    expect(isUntouched()).toBe(true)
  },
)

test('users and groups that an image gives wild numbers are refused (CVE-2024-40635)', async () => {
  for (const line of ['evil:x:4294967296:0', 'evil:x:-1:0', 'evil:x:0x0:0', 'evil:x: 0:0']) {
    const image = hostileImage((at) => writeFileSync(at('etc/passwd'), `${line}::/:/bin/sh\n`))
    const outcomes = await world.apply({ one: { ...sh('id -u'), image, user: 'evil' } })
    expect(outcomes.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'LAUNCH' } })
    await world.down()
  }
})

test.for(['fifo', 'device', 'link', 'directory', 'huge'])(
  'an image whose /etc/passwd is a %s neither hangs nor leads out',
  async (kind) => {
    const image = hostileImage((at) => {
      rmSync(at('etc/passwd'))
      if (kind === 'fifo') execFileSync('mkfifo', [at('etc/passwd')])
      if (kind === 'device') execFileSync('mknod', [at('etc/passwd'), 'c', '1', '5'])
      if (kind === 'link') symlinkSync('/etc/shadow', at('etc/passwd'))
      if (kind === 'directory') mkdirSync(at('etc/passwd'))
      if (kind === 'huge') execFileSync('truncate', ['-s', '10G', at('etc/passwd')])
    })
    // By a name it has to be read, and is not; whoever needs no name needs no file.
    const named = await world.apply({ one: { ...sh('true'), image, user: 'jane' } })
    expect(named.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'LAUNCH' } })
    await world.down()
    expect((await world.apply({ one: { ...sh('true'), image } })).at(-1)?.kind).toBe('done')
  },
)

test('inheritable and ambient capabilities are empty, also for an exec (CVE-2022-29162, CVE-2022-24769)', async () => {
  await world.up({ one: { ...sh(WAIT), capAdd: ['NET_ADMIN'], user: 'jane' } })
  await world.line('one', /up/)
  const { stdout } = await world.exec('one', "grep -E 'Cap(Inh|Amb|Eff)' /proc/self/status")
  expect(stdout).toBe(
    ['CapInh', 'CapEff', 'CapAmb'].map((name) => `${name}:\t${'0'.repeat(16)}\n`).join(''),
  )
})

test('the state of tsstack is closed to other users (CVE-2024-25621)', async () => {
  await world.up({ one: { ...sh(WAIT), mounts: [volume('/data')] } }, { volumes: ['tst_shared'] })
  await world.line('one', /up/)
  for (const path of ['state', 'run']) {
    const { status } = spawnSync('ls', [join(world.root, path)], { uid: 65534, gid: 65534 })
    expect(status).not.toBe(0)
    expect(lstatSync(join(world.root, path)).mode & 0o077).toBe(0)
  }
})

test('hostile links in a running container do not lead an exec out of it', async () => {
  const { directory, isUntouched } = canary()
  const script = `ln -sf ${directory}/file /bin/aimed; rm -f /etc/passwd
    ln -s ${directory}/file /etc/passwd
    ln -sfn ${directory} /work; ${WAIT}`
  await world.up({ one: { ...sh(script), image: hostileImage(() => {}) } })
  await world.line('one', /up/)
  for (const request of [{ command: ['/bin/aimed'] }, { command: ['true'], workingDir: '/work' }]) {
    const failure = await world.engine
      .exec('tst-one-1', { tty: false, ...request })
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(Error)
  }
  expect(isUntouched()).toBe(true)
  const terminal = await world.exec('one', 'tty; readlink /proc/self/fd/0', { tty: true })
  expect(terminal.stdout).toMatch(/^\/dev\/pts\/0/)
  // What it does to the list of its users shuts nobody out.
  await world.exec('one', 'rm /etc/passwd; mkdir /etc/passwd')
  expect((await world.exec('one', 'echo in')).stdout).toBe('in\n')
})

test('a privileged container that replaced its own /proc and /dev/pts fools no exec', async () => {
  const { isUntouched } = canary()
  // With mount rights of its own it covers procfs by a plain directory, and devpts by another.
  const script = `mkdir -p /fake/self /fakepts; echo x > /fake/self/oom_score_adj
    mknod /fakepts/ptmx c 1 3; mount -o bind /fakepts /dev/pts && echo up; sleep 1000`
  await world.up({ one: { ...sh(script), privileged: true } })
  await world.line('one', /up/)
  const failure = await world.engine
    .exec('tst-one-1', { command: ['true'], tty: true })
    .catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(Error)
  expect(isUntouched()).toBe(true)
})

test('files of cgroups that the container’s group holds belong to root alone', async () => {
  expect(detectCgroups().hierarchies.length).toBeGreaterThan(0)
  const lines = await probe('find /sys/fs/cgroup ! -user 0 | wc -l', { user: 'jane' })
  expect(lines.at(-1)).toBe('0')
  expect(existsSync('/sys/fs/cgroup')).toBe(true)
  chmodSync(world.root, 0o700)
})

test('the console of the host cannot be opened, whoever makes its node', async () => {
  const [line] = await probe('mknod /console c 5 1; : > /console && echo opened')
  expect(line).toMatch(/Operation not permitted/)
})
