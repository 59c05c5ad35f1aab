/** RUN as containers of the real engine, on layers of busybox. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, afterEach, describe, expect, test } from 'vitest'
import { DockerfileError } from '../../src/errors.ts'
import { World } from '../engine/support.ts'
import { type BuildScene, buildScene, type Built, textIn } from './build-scene.ts'

let world: World
let scene: BuildScene
/** Of somebody who gives up. */
let signal: AbortSignal | undefined
beforeAll(async () => {
  world = await World.open()
  // One for all, so that its base is built once.
  scene = buildScene((step) => world.engine.runBuildStep({ ...step, ...(signal && { signal }) }))
  copyFileSync('/bin/busybox', join(scene.context, 'busybox'))
})
afterEach(async () => {
  signal = undefined
  expect(await world.leaks()).toBe('')
})
afterAll(async () => {
  scene[Symbol.dispose]()
  await world.close()
})

/** A stage with a shell and its programs, two layers. */
const BASE = [
  'FROM scratch AS base',
  'COPY --chmod=755 busybox /bin/busybox',
  'RUN ["/bin/busybox", "--install", "-s", "/bin"]',
  'COPY <<passwd <<group /etc/',
  'root:x:0:0::/root:/bin/sh',
  'app:x:1000:1000::/home/app:/bin/sh',
  'passwd',
  'root:x:0:',
  'group',
  '',
].join('\n')

const build = (lines: string, change: Parameters<BuildScene['build']>[1] = {}): Promise<Built> =>
  scene.build(`${BASE}${lines}\n`, change)

/** Everything that steps have written. */
const output = (): string =>
  scene.events
    .flatMap((event) => (event.kind === 'output' ? [Buffer.from(event.bytes).toString()] : []))
    .join('')

/** Paths of the topmost layer. */
function topLayer({ lowers }: Built): readonly string[] {
  return readdirSync(lowers[0] ?? '', { recursive: true })
    .map(String)
    .toSorted()
}

describe('RUN', () => {
  test('a step that is given up while it is started does not run on', async () => {
    await build('')
    const patience = new AbortController()
    signal = patience.signal
    const unsubscribe = world.engine.subscribe((event) => {
      if (event.kind === 'container' && event.state === 'started') patience.abort()
    })
    await expect(build('RUN sleep 1000')).rejects.toThrow('aborted')
    unsubscribe()
  })

  test('what a command changes is the layer: new, changed and removed files', async () => {
    const lines =
      'RUN mkdir -p /a/b && touch /a/b/f && ln /a/b/f /a/g && chown 5:6 /a/g && ln -s f /a/l\n' +
      'RUN rm -r /a/b && rm /bin/vi && mkdir /a/b && touch /a/b/new'
    const built = await build(lines)
    expect(topLayer(built)).toEqual(['a', 'a/b', 'a/b/new', 'bin', 'bin/vi'])
    const [top = '', below = ''] = built.lowers
    expect(lstatSync(join(top, 'bin/vi'))).toMatchObject({ rdev: 0 })
    const { uid, gid, nlink } = lstatSync(join(below, 'a/b/f'))
    expect([uid, gid, nlink]).toEqual([5, 6, 2])
    const later = await build(`${lines}\nRUN ls -A /a /a/b && ! ls /bin/vi`)
    expect(later.steps.slice(-3)).toEqual(['cached', 'cached', 'done'])
    expect(output()).toContain('b\ng\nl\n\n/a/b:\nnew\n')
  })

  test('a command that changes nothing makes no layer', async () => {
    const { document } = await build('RUN true')
    expect(document.rootfs.diff_ids).toHaveLength(3)
    expect(document.history.at(-1)).toMatchObject({ created_by: 'RUN true', empty_layer: true })
  })

  test.each([
    ['ENV a=1 b=2\nRUN echo $a-$b', '1-2\n'],
    ['ARG v=arg\nRUN echo $v', 'arg\n'],
    ['WORKDIR /w/x\nRUN pwd', '/w/x\n'],
    ['USER app\nRUN id -u; echo $HOME', '1000\n/home/app\n'],
    ['USER 7:8\nRUN id -u; id -g', '7\n8\n'],
    ['RUN ["echo", "exec form $PATH"]', 'exec form $PATH\n'],
    ['SHELL ["/bin/sh", "-e", "-c"]\nRUN false || echo shell', 'shell\n'],
    ['RUN echo to stderr >&2', 'to stderr\n'],
    ['RUN <<E\necho one\necho $((1 + 1))\nE', 'one\n2\n'],
    ['RUN <<E cat\nbody $HOSTNAME\nE', 'body build\n'],
    ['RUN <<-E\n\techo tabs\n\tE', 'tabs\n'],
    ['RUN <<E\n#!/bin/busybox sh\necho $0\nE', '/dev/pipes/E\n'],
    ['RUN hostname', 'build\n'],
    ['RUN --network=none ip -o link | wc -l', '1\n'],
    ['RUN grep -c . /proc/self/status > /dev/null && echo procfs', 'procfs\n'],
  ])('%j writes %j', async (lines, expected) => {
    await build(lines)
    expect(output()).toBe(expected)
  })

  test('its network has an address of its own and a resolver', async () => {
    const lines = 'RUN ip -4 -o addr show eth0 && cat /etc/resolv.conf'
    await build(lines, { network: 'default', extraHosts: [] })
    expect(output()).toMatch(/eth0 +inet 10\./)
    expect(output()).toContain('nameserver 127.0.0.11')
  })

  test('limits of processes and of memory are those asked for', async () => {
    const ulimits = { nofile: { soft: 1000, hard: 2000 } }
    await build('RUN ulimit -Sn; ulimit -Hn; cat /proc/self/cgroup | wc -l', { ulimits })
    expect(output()).toContain('1000\n2000\n')
    const memoryBytesMax = 16 * 1024 * 1024
    const greedy = 'RUN head -c 100000000 /dev/zero | tail'
    await expect(build(greedy, { memoryBytesMax })).rejects.toThrow(/RUN/)
    await build(greedy)
  })

  test('a host that is added is known', async () => {
    const extraHosts = [{ name: 'db.test', address: '192.0.2.7' }]
    await build('RUN grep db.test /etc/hosts', { extraHosts })
    expect(output()).toMatch(/192\.0\.2\.7\s+db\.test/)
  })

  test.each([
    ['RUN exit 3', '10:5+6 Cannot finish RUN: it ended with 3'],
    ['RUN no-such-program', '10:5+15 Cannot finish RUN: it ended with 127'],
    [
      'RUN sleep 99 & kill -9 $!; wait $!',
      '10:5+30 Cannot finish RUN: its command was killed by signal 9',
    ],
    ['RUN ["/no/such", "program"]', '10:5+23 Cannot start RUN: exec: '],
    ['USER nobody\nRUN true', '11:5+4 Cannot run as user "nobody"'],
  ])('%j is refused at %s', async (lines, expected) => {
    const error = await build(lines).catch((each: unknown) => each)
    expect(error).toBeInstanceOf(DockerfileError)
    const { line, column, length, message } = (error as DockerfileError).diagnostics[0] ?? {}
    expect(`${line}:${column}+${length} ${message}`.slice(0, expected.length)).toBe(expected)
  })

  test('what stands before a failure is not built again', async () => {
    await expect(build('RUN touch /x\nRUN exit 1')).rejects.toThrow('ended with 1')
    const { steps } = await build('RUN touch /x\nRUN exit 0')
    expect(steps).toEqual(['cached', 'cached', 'cached', 'cached', 'done'])
  })

  test('stages that copy from two others have both built at once', async () => {
    const meet =
      'i=0; while [ ! -e /meet/OTHER ] && [ $i -lt 2400 ]; do i=$((i+1)); sleep 0.05; done'
    const stage = (own: string, other: string): string =>
      `FROM base AS ${own}\nRUN --mount=type=cache,target=/meet touch /meet/${own}; ` +
      `${meet.replace('OTHER', other)}; test -e /meet/${other} && touch /${own}\n`
    const text = `${stage('left', 'right')}${stage('right', 'left')}FROM scratch\n`
    const built = await build(`${text}COPY --from=left /left /\nCOPY --from=right /right /`)
    expect(
      [...built.lowers]
        .map((lower) => readdirSync(lower))
        .flat()
        .toSorted(),
    ).toEqual(['left', 'right'])
  })
})

/** Has a cache of its own beside `other`: the one who ends first waits for the other to begin. */
const fresh = (own: string, other: string): string =>
  `--mount=type=cache,target=/meet,id=m test ! -e /c/mine && touch /c/mine /meet/${own} && ` +
  `until [ -e /meet/${other} ]; do sleep 0.05; done; touch /ok-${own}`

const cacheStage = (name: string, mount: string, command: string): string =>
  `FROM base AS ${name}\nRUN --mount=type=cache,target=/c,${mount} ${command}\n`

describe('RUN --mount', () => {
  test('a cache keeps what was written to it, and is no part of the layer', async () => {
    const mount = 'RUN --mount=type=cache,target=/var/cache/x'
    await build(`${mount} echo 1 >> /var/cache/x/log`)
    const built = await build(`${mount} echo 2 >> /var/cache/x/log; cat /var/cache/x/log`)
    expect(output()).toBe('1\n2\n')
    expect(built.document.rootfs.diff_ids).toHaveLength(3)
  })

  test('a locked cache is one step at a time, a private one each has for itself', async () => {
    const alone = 'mkdir /c/held && sleep 0.3 && rmdir /c/held && touch /ok'
    const text = (['a', 'b', 'c'] as const)
      .map((name) => cacheStage(name, 'id=l,sharing=locked', `${alone}-${name}`))
      .concat(
        cacheStage('d', 'id=p,sharing=private', fresh('d', 'e')),
        cacheStage('e', 'id=p,sharing=private', fresh('e', 'd')),
      )
      .concat(['FROM scratch\n'])
      .concat(['a', 'b', 'c', 'd', 'e'].map((name) => `COPY --from=${name} /ok-${name} /\n`))
    const built = await build(text.join(''))
    expect(built.lowers).toHaveLength(5)
  })

  test('a bind shows the context without what is left out, and takes no changes', async () => {
    scene.files({ 'src/a': 'a', 'src/b.log': 'b', '.dockerignore': '**/*.log' })
    const ro = 'RUN --mount=type=bind,source=src,target=/src ls /src && ! touch /src/new'
    const rw = 'RUN --mount=type=bind,source=src,target=/src,rw touch /src/new && ls /src'
    const built = await build(`${ro}\n${rw}`)
    expect(output()).toContain('a\n')
    expect(output()).not.toContain('b.log')
    expect(built.document.rootfs.diff_ids).toHaveLength(3)
    expect(existsSync(join(scene.context, 'src/new'))).toBe(false)
    rmSync(join(scene.context, 'src/a'))
    expect((await build(`${ro}\n${rw}`)).steps.slice(-2)).toEqual(['done', 'done'])
  })

  // CVE-2024-23652: an empty file or directory of the host could be removed so.
  test('places made for mounts are removed from the layer alone', async () => {
    const victim = join(scene.directory, 'victim')
    mkdirSync(join(victim, 'b/x'), { recursive: true })
    const move = `mv /a /c && ln -s ${victim} /a`
    const built = await build(`RUN --mount=type=tmpfs,target=/a/b/x ${move}`)
    expect(existsSync(join(victim, 'b/x'))).toBe(true)
    expect(topLayer(built)).toContain('a')
  })

  test('a file that is a hole for the most part stays one from stage to stage', async () => {
    const lines = 'FROM base AS hole\nRUN echo x > /f && truncate -s 100M /f\n'
    const built = await build(`${lines}FROM scratch\nCOPY --from=hole /f /f\n`)
    const { size, blocks } = lstatSync(join(built.lowers[0] ?? '', 'f'))
    expect([size, blocks < 1000]).toEqual([100 * 1024 * 1024, true])
  })

  test('a bind of another stage, a file and a tmpfs', async () => {
    const text =
      'FROM base AS tools\nRUN mkdir /t && echo tool > /t/tool\nFROM base\n' +
      'RUN --mount=from=tools,source=/t/tool,target=/in/tool --mount=type=tmpfs,target=/mem ' +
      'cat /in/tool && echo x > /mem/x && grep -c "/mem tmpfs" /proc/mounts'
    const built = await build(text)
    expect(output()).toBe('tool\n1\n')
    expect(built.document.rootfs.diff_ids).toHaveLength(3)
  })

  test('a secret is a file or a variable, and in no layer, history or cache key', async () => {
    const secrets = [{ id: 'token', content: { text: 's3cret' } }]
    const lines =
      'RUN --mount=type=secret,id=token,env=TOKEN test ${#TOKEN} = 6\n' +
      'RUN --mount=type=secret,id=token,target=/t,mode=0440 ls -l /t && cat /t > /dev/null\n' +
      'RUN --mount=type=secret,id=token cat /run/secrets/token | wc -c > /size'
    const built = await build(lines, { secrets })
    expect(output()).toMatch(/^-r--r----- /)
    expect(textIn(built, 'size')).toBe('6\n')
    const where = ['-rl', 's3cret', scene.directory, '--exclude-dir=context']
    const kept = spawnSync('grep', where, { encoding: 'utf8' }).stdout
    expect(kept).toBe('')
  })

  test('an agent is reached through its socket', async () => {
    const path = join(scene.directory, 'agent.sock')
    const { createServer } = await import('node:net')
    const server = createServer().listen(path)
    await build('RUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && echo there', {
      ssh: [{ id: 'default', path }],
    })
    server.close()
    expect(output()).toBe('there\n')
  })
})
