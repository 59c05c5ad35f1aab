import { describe, expect, test } from 'vitest'
import { isIP } from '../../src/spec/short-form/address.ts'
import { parsePort } from '../../src/spec/short-form/port-text.ts'
import { parseVolume } from '../../src/spec/short-form/volume-text.ts'
import { parseBytes } from '../../src/spec/units/bytes.ts'
import { durationText, parseDuration } from '../../src/spec/units/duration.ts'
import { decimalText, nearestFloat32 } from '../../src/spec/units/number.ts'
import { splitWords } from '../../src/spec/units/words.ts'
import { warnings, web } from './stack.ts'

describe('parsePort()', () => {
  test.each([
    ['80', [{ target: 80 }]],
    ['8080:80', [{ target: 80, published: '8080' }]],
    ['127.0.0.1:8080:80', [{ target: 80, published: '8080', hostIp: '127.0.0.1' }]],
    ['127.0.0.1::80', [{ target: 80, hostIp: '127.0.0.1' }]],
    ['[::1]:80:80', [{ target: 80, published: '80', hostIp: '::1' }]],
    ['3000-3001', [{ target: 3000 }, { target: 3001 }]],
    [
      '90-91:80-81',
      [
        { target: 80, published: '90' },
        { target: 81, published: '91' },
      ],
    ],
    ['12400-12500:1240', [{ target: 1240, published: '12400-12500' }]],
  ])('reads %s', (text, ports) => {
    expect(parsePort(text)).toEqual(ports.map((port) => ({ ...port, protocol: 'tcp' })))
  })

  test('reads the protocol', () => {
    expect(parsePort('53:53/UDP')).toEqual([{ target: 53, published: '53', protocol: 'udp' }])
  })

  test.each([
    ['80:abc', '"abc"'],
    ['70000:80', '"70000"'],
    ['80:', 'missing'],
    ['9-8:80', 'ends before'],
    ['1-3:1-2', 'do not fit'],
    ['300.1.1.1:80:80', 'no IP'],
    ['80/icmp', 'icmp'],
    ['', 'missing'],
  ])('says what is wrong with %j', (text, word) => {
    expect(parsePort(text)).toContain(word)
  })
})

describe('isIP()', () => {
  test.each([
    '1.2.3.4',
    '::',
    '::1',
    'fe80::1%eth0',
    '2001:db8::ff00:42:8329',
    '::ffff:1.2.3.4',
    '1:2:3:4:5:6:7:8',
  ])('takes %s', (text) => {
    expect(isIP(text)).toBe(true)
  })

  test.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    ':',
    '1::2::3',
    '1:2:3:4:5:6:7:8:9',
    'g::',
    'localhost',
  ])('refuses %j', (text) => {
    expect(isIP(text)).toBe(false)
  })
})

describe('parseVolume()', () => {
  test.each([
    ['/d', { type: 'volume', target: '/d' }],
    ['v:/d', { type: 'volume', source: 'v', target: '/d' }],
    ['./a:/d:ro', { type: 'bind', source: './a', target: '/d', readOnly: true }],
    ['~/a:/d', { type: 'bind', source: '~/a', target: '/d' }],
    [
      '/a:/d:rw,z,rshared',
      {
        type: 'bind',
        source: '/a',
        target: '/d',
        readOnly: false,
        selinux: 'z',
        propagation: 'rshared',
      },
    ],
    ['v:/d:nocopy', { type: 'volume', source: 'v', target: '/d', nocopy: true }],
    ['${A:-/x}:/d', { type: 'volume', source: '${A:-/x}', target: '/d' }],
  ])('reads %s', (text, volume) => {
    expect(parseVolume(text)).toEqual(volume)
  })

  test.each(['', ':/d', '/a:/b:ro:x', '/a::ro'])('says what is wrong with %j', (text) => {
    expect(typeof parseVolume(text)).toBe('string')
  })
})

describe('splitWords()', () => {
  test.each([
    ['a  b\tc\nd', ['a', 'b', 'c', 'd']],
    [
      `sh -c "echo 'a b' && x" --flag='x y' a\\ b`,
      ['sh', '-c', "echo 'a b' && x", '--flag=x y', 'a b'],
    ],
    [`'' ""`, ['', '']],
    [`"a\\"b" 'c\\d'`, ['a"b', 'c\\d']],
    ['a$(b c)d `e f`', ['a$(b c)d', '`e f`']],
    ['', []],
  ])('splits %j', (line, words) => {
    expect(splitWords(line)).toEqual({ words })
  })

  test('ends the command at shell syntax and says what is dropped', () => {
    expect(splitWords('npm ci && npm start')).toEqual({
      words: ['npm', 'ci'],
      dropped: '&& npm start',
    })
    expect(splitWords('x 2>y')).toEqual({ words: ['x'], dropped: '>y' })
    expect(warnings('services: {web: {image: x, command: "a | b"}}')).toEqual(['no-shell'])
  })

  test.each(["'a", '"a', 'a\\', '`a', '$(a', '(a)'])('refuses %j', (line) => {
    expect(typeof splitWords(line)).toBe('string')
  })
})

describe('units', () => {
  test.each([
    ['512m', 536_870_912],
    ['1.5g', 1_610_612_736],
    ['1 GB', 1_073_741_824],
    ['1GiB', 1_073_741_824],
    ['300k', 307_200],
    ['10b', 10],
    ['7', 7],
    ['-1', -1],
  ])('parseBytes(%j) is %i', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes)
  })

  test.each(['lots', '', '1x', '-5', 'm', '1gg'])('parseBytes() refuses %j', (text) => {
    expect(parseBytes(text)).toBeUndefined()
  })

  test.each([
    ['90s', '1m30s'],
    ['1h', '1h0m0s'],
    ['1500ms', '1.5s'],
    ['1us', '1µs'],
    ['0s', '0s'],
    ['0', '0s'],
    ['1h5m30s20ms', '1h5m30.02s'],
    ['1d', '24h0m0s'],
    ['-1.5s', '-1.5s'],
    ['2500us', '2.5ms'],
  ])('durationText(parseDuration(%j)) is %s', (text, shown) => {
    expect(durationText(parseDuration(text) ?? Number.NaN)).toBe(shown)
  })

  test.each(['', 's', '5', '1x', 's1', '1s2'])('parseDuration() refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  test.each([
    [1.5, '1.5'],
    [1e10, '1e+10'],
    [1000, '1000'],
    [1e-5, '1e-05'],
    [1.2345678901234568e29, '1.2345678901234568e+29'],
    [Infinity, '+Inf'],
  ])('decimalText(%d) is %s', (value, shown) => {
    expect(decimalText(value)).toBe(shown)
  })

  test('nearestFloat32() gives the shortest decimal of the same 32-bit float', () => {
    expect([0.1, 0.25, 0.123456789].map(nearestFloat32)).toEqual([0.1, 0.25, 0.12345679])
  })
})

describe('long forms', () => {
  test.each([
    ['build: ./d', { build: { context: '/project/d', dockerfile: 'Dockerfile' } }],
    [
      'healthcheck: {test: curl x, interval: 90s}',
      { healthcheck: { test: ['CMD-SHELL', 'curl x'], interval: '1m30s' } },
    ],
    ['mem_limit: 1g', { mem_limit: '1073741824' }],
    [
      'devices: [/dev/a, "/dev/b:/dev/c:r"]',
      {
        devices: [
          { source: '/dev/a', target: '/dev/a', permissions: 'rwm' },
          { source: '/dev/b', target: '/dev/c', permissions: 'r' },
        ],
      },
    ],
    ['gpus: all', { gpus: [{ count: -1 }] }],
    [
      'environment: {ID: 123456789012345678, U: 18446744073709551615, N: -9007199254740993, V: 2023-13-45}',
      {
        environment: {
          ID: '123456789012345678',
          N: '-9007199254740993',
          U: '18446744073709551615',
          V: '2023-13-45',
        },
      },
    ],
    [
      'environment: {A: 010, B: 1.50, C: true, D: .inf, E: "010"}',
      { environment: { A: '8', B: '1.5', C: 'true', D: '+Inf', E: '010' } },
    ],
    ['extra_hosts: ["b:[::1]", "a=1.1.1.1"]', { extra_hosts: ['a=1.1.1.1', 'b=::1'] }],
    ['group_add: [1, wheel]', { group_add: ['1', 'wheel'] }],
    ['tmpfs: /run', { tmpfs: ['/run'] }],
    ['hostname: ""', {}],
    ['deploy: {replicas: 0}', { deploy: { replicas: 0, resources: {}, placement: {} } }],
    [
      'volumes: ["./a/../b/:/x/"]',
      {
        volumes: [
          { type: 'bind', source: '/project/b', target: '/x', bind: { create_host_path: true } },
        ],
      },
    ],
    [
      'volumes: [{type: bind, source: /b, target: /x, bind: {create_host_path: false}}]',
      {
        volumes: [{ type: 'bind', source: '/b', target: '/x', bind: { create_host_path: false } }],
      },
    ],
    [
      'volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0o1777}}]',
      { volumes: [{ type: 'tmpfs', target: '/t', tmpfs: { size: '1048576', mode: 1023 } }] },
    ],
    ['x-note: 1', {}],
  ])('%s', (text, expected) => {
    const {
      image: _image,
      command: _command,
      entrypoint: _entrypoint,
      networks: _networks,
      ...rest
    } = web(text)
    expect(rest).toEqual(expected)
  })
})
