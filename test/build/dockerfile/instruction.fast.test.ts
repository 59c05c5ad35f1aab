/** Each instruction as data, and what is wrong with each, at its place. */
import { describe, expect, test } from 'vitest'
import { parseDockerfile } from '../../../src/build/dockerfile/dockerfile.ts'
import type { Instruction } from '../../../src/build/dockerfile/instruction.ts'
import { parseMount } from '../../../src/build/dockerfile/mount.ts'

/** The one instruction of a stage. */
function one(line: string): Instruction {
  const result = parseDockerfile(`FROM scratch\n${line}\n`)
  if ('findings' in result) throw new Error(result.findings.map((each) => each.message).join('\n'))
  const [instruction] = result.dockerfile.stages[0]?.instructions ?? []
  if (instruction === undefined) throw new Error('no instruction')
  return instruction
}

/** `line:column+length message` of everything found. */
function errors(text: string): readonly string[] {
  const result = parseDockerfile(text)
  const findings = 'findings' in result ? result.findings : []
  return findings.map(
    ({ line, column, length, message }) => `${line}:${column}+${length} ${message}`,
  )
}

describe('parseDockerfile()', () => {
  test('stages and global arguments are told apart', () => {
    const result = parseDockerfile('ARG V=1\nFROM a:$V AS Base\nRUN x\nFROM --platform=$P base\n')
    if ('findings' in result) throw new Error('unexpected')
    const { globalArgs, stages } = result.dockerfile
    expect(globalArgs).toHaveLength(1)
    expect(stages.map(({ from }) => [from.base.text, from.name, from.platform?.text])).toEqual([
      ['a:$V', 'base', undefined],
      ['base', undefined, '$P'],
    ])
  })

  test.each([
    [
      'ENV a=b c="d e" f=g\\ h',
      {
        pairs: [
          ['a', 'b'],
          ['c', '"d e"'],
          ['f', 'g\\ h'],
        ],
      },
    ],
    ['ENV a b  c', { pairs: [['a', 'b  c']] }],
    ['ENV a=', { pairs: [['a', '']] }],
    ["LABEL a.b='c d'", { pairs: [['a.b', "'c d'"]] }],
  ])('%s has the pairs %j', (line, { pairs }) => {
    const instruction = one(line)
    if (instruction.kind !== 'env' && instruction.kind !== 'label') throw new Error('unexpected')
    expect(instruction.pairs.map(({ key, value }) => [key.text, value.text])).toEqual(pairs)
  })

  test.each([
    ['CMD a b', { form: 'shell', text: 'a b' }],
    ['CMD ["a", "b c"]', { form: 'exec', args: ['a', 'b c'] }],
    ["CMD ['a']", { form: 'shell', text: "['a']" }],
    ['RUN [ -f x ] && y', { form: 'shell', text: '[ -f x ] && y' }],
    ['ENTRYPOINT []', { form: 'exec', args: [] }],
  ])('%s has the command %j', (line, command) => {
    expect(one(line)).toMatchObject({ command })
  })

  test.each([
    ['EXPOSE 80 443/udp', { kind: 'expose', values: [{ text: '80' }, { text: '443/udp' }] }],
    ['VOLUME /a /b', { kind: 'volume', values: [{ text: '/a' }, { text: '/b' }] }],
    ['VOLUME ["/a b"]', { kind: 'volume', values: [{ text: '/a b' }] }],
    ['WORKDIR /a b', { kind: 'workdir', value: { text: '/a b' } }],
    ['SHELL ["/bin/bash", "-c"]', { kind: 'shell', shell: ['/bin/bash', '-c'] }],
    ['ARG a b=c', { kind: 'arg', args: [{ name: { text: 'a' } }, { value: { text: 'c' } }] }],
    ['ONBUILD COPY . /x', { kind: 'onbuild', trigger: 'COPY . /x' }],
    ['HEALTHCHECK NONE', { health: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl x || exit 1',
      {
        health: {
          Test: ['CMD-SHELL', 'curl x || exit 1'],
          Interval: 90e9,
          Timeout: 5e8,
          Retries: 3,
        },
      },
    ],
    ['HEALTHCHECK CMD ["a"]', { health: { Test: ['CMD', 'a'] } }],
    ['RUN --network=none a', { network: 'none' }],
    [
      'COPY --link --chmod=755 a b /c/',
      { link: true, chmod: { text: '755' }, target: { text: '/c/' } },
    ],
    ['COPY ["a b", "c"]', { sources: [{ path: { text: 'a b' } }], target: { text: 'c' } }],
    ['COPY --exclude=*.a --exclude=b . /', { excludes: [{ text: '*.a' }, { text: 'b' }] }],
    ['COPY --link=false a b', { link: false }],
    ['ADD --unpack=false a b', { kind: 'add', unpack: false }],
  ])('%s is %j', (line, expected) => {
    expect(one(line)).toMatchObject(expected)
  })

  test('a heredoc of COPY is a source among others', () => {
    expect(one('COPY a <<b /c/\nhi\nb')).toMatchObject({
      sources: [{ kind: 'path' }, { kind: 'heredoc', heredoc: { name: 'b', body: 'hi\n' } }],
    })
  })

  test.each([
    ['', '1:1+1 Cannot build the Dockerfile: it has no instruction'],
    ['RUN a', '1:1+3 Cannot use RUN here: no FROM comes before it'],
    ['FROM', '1:1+4 Cannot use FROM: it has one image and at most a name'],
    ['FROM a b', '1:6+3 Cannot use FROM: it has one image and at most a name'],
    ['FROM a AS 1x', '1:11+2 Cannot name a stage "1x"'],
    ['FROM a\nRUNN b', '2:1+4 Cannot build "RUNN": there is no such instruction'],
    ['FROM a\nRUN', '2:1+3 Cannot use RUN: nothing follows it'],
    ['FROM a\nCOPY x', '2:6+1 Cannot use COPY: it needs a source and a target'],
    ['FROM a\nCOPY --form=b x y', '2:6+8 Cannot use the flag --form of COPY: it is unknown'],
    ['FROM a\nCOPY --link=maybe x y', '2:13+5 Cannot use --link=maybe: it is a switch'],
    ['FROM a\nCOPY --from=$b x y', '2:13+2 Cannot copy from "$b": --from takes no variables'],
    ['FROM a\nCOPY --from x y', '2:6+6 Cannot use --from: it has no value'],
    ['FROM a\nCOPY --chmod=1 --chmod=2 x y', '2:16+9 Cannot use --chmod twice'],
    ['FROM a\nENV a=b c', '2:9+1 Cannot use "c" of ENV: it has no "="'],
    ['FROM a\nENV a', '2:5+1 Cannot use "a" of ENV: it has no value'],
    ['FROM a\nENV =b', '2:5+2 Cannot use "=b": its name is empty'],
    ['FROM a\nSHELL bash', '2:7+4 Cannot use SHELL: it needs a JSON list of words'],
    ['FROM a\nCMD [1]', '2:5+3 Cannot use the list: it holds something that is no text'],
    ['FROM a\nONBUILD FROM b', '2:9+6 Cannot use FROM in ONBUILD'],
    ['FROM a\nHEALTHCHECK x', '2:13+1 Cannot use HEALTHCHECK: it needs a command, or NONE'],
    ['FROM a\nHEALTHCHECK --interval=5 CMD x', '2:24+1 Cannot use "5" as a time of HEALTHCHECK'],
    ['FROM a\nRUN --mount=type=bin,target=/x y', '2:13+18 Cannot use type=bin of the mount'],
    ['FROM a\nRUN --network=lan y', '2:15+3 Cannot use the network "lan" in RUN'],
    [
      'FROM a\nRUN b \\\n  --x \\\n  c\nCOPY d',
      '5:6+1 Cannot use COPY: it needs a source and a target',
    ],
  ])('%j is refused with %s', (text, expected) => {
    expect(errors(text)).toEqual([expected])
  })

  test('all mistakes of a file are found at once', () => {
    const text = 'FROM a\nRUNN x\nCOPY y\n# c\nENV z\nRUN <<E\nnever ends\n'
    expect(errors(text).map((each) => each.split(':')[0])).toEqual(['6', '2', '3', '5'])
  })
})

const mount = (text: string) =>
  parseMount({ text, start: 0, end: text.length }, (value) => value.replace('$V', 'v'))

describe('parseMount()', () => {
  test.each([
    ['target=/x', { kind: 'bind', target: '/x', readOnly: true, from: '', source: '/' }],
    [
      'type=bind,from=a,source=/b,dst=/x,rw',
      { kind: 'bind', from: 'a', source: '/b', readOnly: false },
    ],
    ['type=cache,target=/$V', { kind: 'cache', id: '/v', sharing: 'shared', readOnly: false }],
    [
      'type=cache,id=i,target=/x,sharing=locked,mode=0700,uid=1',
      {
        id: 'i',
        sharing: 'locked',
        owner: { mode: 0o700, uid: 1, gid: 0 },
      },
    ],
    ['type=tmpfs,target=/x,size=64m', { kind: 'tmpfs', sizeBytes: 64 * 1024 * 1024 }],
    ['type=secret,id=s', { kind: 'secret', id: 's', target: '/run/secrets/s', required: false }],
    ['type=secret,id=s,required', { required: true }],
    ['type=secret,id=s,env=TOKEN', { env: 'TOKEN', target: '' }],
    ['type=secret,target=/a/b', { id: 'b', target: '/a/b' }],
    ['type=ssh', { kind: 'ssh', id: 'default', target: '/run/buildkit/ssh_agent.0' }],
    ['"source=a,b",target=/x', { source: 'a,b' }],
  ])('%s is %j', (text, expected) => {
    expect(mount(text)).toMatchObject(expected)
  })

  test.each([
    'type=cache',
    'target=/x,size=1m',
    'type=secret',
    'type=bind,target=/x,mode=0700',
    'target=/x,foo=1',
    'target',
    'type=cache,target=/x,uid=-1',
    'type=cache,target=/x,uid=4294967296',
  ])('%s is refused', (text) => {
    expect(() => mount(text)).toThrow('Cannot')
  })
})
