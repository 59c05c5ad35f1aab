/** What becomes of settings and variables: instructions that change no file. */
import { describe, expect, test } from 'vitest'
import { DockerfileError } from '../../src/errors.ts'
import { buildScene } from './build-scene.ts'

/** Settings of the image of these lines. */
async function settings(lines: string, args: Readonly<Record<string, string>> = {}) {
  using scene = buildScene()
  const { document } = await scene.build(`FROM scratch\n${lines}\n`, { args })
  return document.config
}

const label = async (text: string, args: Readonly<Record<string, string>> = {}) => {
  using scene = buildScene()
  return (await scene.build(text, { args })).document.config.Labels?.['x']
}

describe('settings', () => {
  test.each([
    [
      'ENV a=1 b="x y" c=$PATH',
      {
        Env: [expect.stringContaining('PATH='), 'a=1', 'b=x y', expect.stringContaining('c=/usr')],
      },
    ],
    [
      'ENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc',
      { Env: [expect.anything(), 'abc=bye', 'def=hello', 'ghi=bye'] },
    ],
    ['LABEL a=1 "b c"=2\nLABEL a=3', { Labels: { a: '3', 'b c': '2' } }],
    [
      'EXPOSE 80 53/udp 8000-8002',
      {
        ExposedPorts: {
          '80/tcp': {},
          '53/udp': {},
          '8000/tcp': {},
          '8001/tcp': {},
          '8002/tcp': {},
        },
      },
    ],
    ['ARG P="1 2"\nEXPOSE $P', { ExposedPorts: { '1/tcp': {}, '2/tcp': {} } }],
    ['VOLUME /a /b\nVOLUME ["/c d"]', { Volumes: { '/a': {}, '/b': {}, '/c d': {} } }],
    ['USER a:b', { User: 'a:b' }],
    ['STOPSIGNAL SIGINT', { StopSignal: 'SIGINT' }],
    ['CMD ["a","b"]', { Cmd: ['a', 'b'] }],
    ['CMD a b', { Cmd: ['/bin/sh', '-c', 'a b'] }],
    [
      'SHELL ["/bin/bash","-c"]\nENTRYPOINT a',
      { Entrypoint: ['/bin/bash', '-c', 'a'], Shell: ['/bin/bash', '-c'] },
    ],
    ['CMD a\nENTRYPOINT ["e"]', { Cmd: ['/bin/sh', '-c', 'a'], Entrypoint: ['e'] }],
    [
      'HEALTHCHECK --interval=5s CMD x',
      { Healthcheck: { Test: ['CMD-SHELL', 'x'], Interval: 5e9 } },
    ],
    ['ONBUILD RUN x', { OnBuild: ['RUN x'] }],
  ])('%s gives %j', async (lines, expected) => {
    expect(await settings(lines)).toMatchObject(expected)
  })

  test('an entrypoint drops the command of the base, and a stage hands its settings on', async () => {
    using scene = buildScene()
    const text = 'FROM scratch AS a\nCMD ["c"]\nENV x=1\nFROM a\nENTRYPOINT ["e"]\nENV y=$x\n'
    const { config } = (await scene.build(text)).document
    expect(config.Entrypoint).toEqual(['e'])
    expect(config.Cmd).toBeUndefined()
    expect(config.Env).toContain('y=1')
  })

  test('the author, the labels asked for and the history are in the image', async () => {
    using scene = buildScene()
    scene.files({ f: '' })
    const text = 'FROM scratch\nMAINTAINER Me\nCOPY f /\nENV a=b\n'
    const { document } = await scene.build(text, { labels: { by: 'test' } })
    expect(document.author).toBe('Me')
    expect(document.config.Labels).toEqual({ by: 'test' })
    expect(document.history).toMatchObject([
      { created_by: 'MAINTAINER Me', empty_layer: true },
      { created_by: 'COPY f /' },
      { created_by: 'ENV a=b', empty_layer: true },
    ])
    expect(document.rootfs.diff_ids).toHaveLength(1)
  })

  test('ONBUILD of a base runs behind FROM, and is not handed on', async () => {
    using scene = buildScene()
    scene.files({ f: 'f' })
    const base = 'FROM scratch\nONBUILD COPY f /from-base\nONBUILD LABEL x=y\n'
    await scene.build(base, { names: ['base:1'] })
    const { document, steps } = await scene.build('FROM base:1\nENV z=1\n')
    expect(steps).toEqual(['done'])
    expect(document.config.Labels).toEqual({ x: 'y' })
    expect(document.config.OnBuild).toBeUndefined()
  })
})

describe('ARG', () => {
  test.each([
    ['FROM scratch\nARG v=1\nLABEL x=$v', {}, '1'],
    ['FROM scratch\nARG v=1\nLABEL x=$v', { v: '2' }, '2'],
    ['FROM scratch\nARG v\nLABEL x=[$v]', {}, '[]'],
    ['FROM scratch\nLABEL x=[$v]', { v: '2' }, '[]'],
    ['ARG v=1\nFROM scratch\nLABEL x=[$v]', {}, '[]'],
    ['ARG v=1\nFROM scratch\nARG v\nLABEL x=$v', {}, '1'],
    ['ARG v=1\nFROM scratch\nARG v=own\nLABEL x=$v', {}, 'own'],
    ['ARG v=1\nFROM scratch\nARG v=own\nLABEL x=$v', { v: '2' }, '2'],
    ['ARG a=1\nARG b=$a-2\nFROM scratch\nARG b\nLABEL x=$b', {}, '1-2'],
    ['FROM scratch\nARG v=arg\nENV v=env\nLABEL x=$v', { v: 'given' }, 'env'],
    ['FROM scratch\nENV v=env\nARG v=arg\nLABEL x=$v', {}, 'env'],
    ['FROM scratch\nARG v=1\nENV w=${v:-d}\nLABEL x=$w', {}, '1'],
    ['FROM scratch AS a\nARG v=1\nFROM a\nLABEL x=$v', {}, '1'],
    ['FROM scratch AS a\nARG v=1\nFROM scratch\nLABEL x=[$v]', {}, '[]'],
    [
      'ARG s=b\nFROM scratch AS a\nLABEL x=a\nFROM scratch AS b\nLABEL x=b\nFROM $s',
      { s: 'a' },
      'a',
    ],
    ['FROM scratch\nARG TARGETOS\nLABEL x=$TARGETOS', {}, 'linux'],
    ['FROM scratch\nLABEL x=[$TARGETOS]', {}, '[]'],
  ])('%j with %j says %s', async (text, args, expected) => {
    expect(await label(text, args)).toBe(expected)
  })

  test('one that nothing names is a warning', async () => {
    using scene = buildScene()
    await scene.build('FROM scratch\nARG a\n', { args: { a: '1', b: '2', HTTP_PROXY: 'p' } })
    expect(scene.events.filter(({ kind }) => kind === 'warning')).toMatchObject([
      { message: expect.stringContaining('"b" is not used') },
    ])
  })
})

describe('mistakes', () => {
  test.each([
    ['FROM scratch\nEXPOSE x', '2:8+1 Cannot expose "x": it is no port'],
    ['FROM scratch\nEXPOSE 70000', '2:8+5 Cannot expose "70000": it is no port'],
    ['FROM scratch\nSTOPSIGNAL 99', '2:12+2 Cannot stop with "99": it is no signal'],
    ['FROM scratch\nENV a=1 b=${c', '2:11+3 Cannot expand "${c"'],
    ['FROM scratch\nENV a="${b:?must be given}"', '2:8+19 Cannot expand "b": must be given'],
    ['FROM $nothing', '1:6+8 Cannot begin with "$nothing": it is empty'],
    ['FROM scratch\nCOPY --chmod=abc a /', '2:14+3 Cannot change modes by "abc"'],
    ['FROM scratch\nCOPY missing /', '2:6+7 Cannot copy "missing": the build context has no such'],
    ['FROM scratch\nCOPY a b /c', '2:10+2 Cannot copy 2 files to "/c": it is one file'],
    ['FROM scratch\nCOPY --chown=nobody a /', '2:14+6 Cannot give files to "nobody"'],
    ['FROM scratch\nCOPY [a-] /', '2:'],
    ['FROM scratch\nADD ftp://host/a /', '2:5+12 Cannot fetch "ftp://host/a"'],
    [
      'FROM scratch\nADD file:///srv/a.git /',
      '2:5+17 Cannot add "file:///srv/a.git": it is outside',
    ],
    ['FROM scratch\nADD --checksum=x a /', '2:16+1 Cannot check "a"'],
    ['FROM scratch\nRUN --mount=type=secret,id=s,required x', '2:13+25 Cannot mount the secret'],
  ])('%j is refused at %s', async (text, expected) => {
    using scene = buildScene()
    scene.files({ a: '', b: '' })
    const error = await scene.build(text).catch((each: unknown) => each)
    expect(error).toBeInstanceOf(DockerfileError)
    const [first] = (error as DockerfileError).diagnostics
    const { line, column, length, message } = first ?? {}
    expect(`${line}:${column}+${length} ${message}`.slice(0, expected.length)).toBe(expected)
  })

  test('a missing context, Dockerfile or base image says so', async () => {
    using scene = buildScene()
    const context = '/nowhere/at/all'
    await expect(scene.build('FROM scratch\nCOPY a /', { context })).rejects.toThrow(context)
    const dockerfile = { kind: 'file', path: '/nowhere/Dockerfile', shown: 'Dockerfile' } as const
    await expect(scene.build('', { dockerfile })).rejects.toThrow('does not exist')
    await expect(scene.build('FROM scratch', { platform: 'linux/s390x' })).rejects.toThrow(
      'Cannot build for linux/s390x',
    )
  })
})
