import { describe, expect, test } from 'vitest'
import { parseLines, resolveUserIn } from '../../../src/engine/rootfs/user.ts'

const files = {
  passwd: parseLines(
    [
      'root:x:0:0:root:/root:/bin/sh',
      '# comment',
      '',
      'web:x:33:33::/srv/web:/bin/sh',
      '1234:x:7:7::/home/digits:/bin/sh',
      'nohome:x:9:9:::',
      'large:x:4294967296:0::/:/bin/sh',
      '',
    ].join('\n'),
  ),
  groups: parseLines(
    'root:x:0:\nweb:x:33:\nmedia:x:44:web,other\naudio:x:29:other,web\n500:x:8:\n',
  ),
}
const resolve = (user?: string, groupAdd?: readonly string[]) =>
  resolveUserIn(files, { user, groupAdd })

describe('resolveUserIn()', () => {
  test.each([undefined, '', 'root', '0'])('takes %j as root', (user) => {
    expect(resolve(user)).toEqual({ uid: 0, gid: 0, groups: [0], home: '/root' })
  })

  test('finds a name with its group, its listed groups and its home', () => {
    expect(resolve('web')).toEqual({ uid: 33, gid: 33, groups: [29, 33, 44], home: '/srv/web' })
  })

  test('finds a number that is listed, leading zeros or not', () => {
    expect(resolve('33')).toEqual(resolve('web'))
    expect(resolve('0033')).toEqual(resolve('web'))
  })

  test('takes a number that is not listed, with group 0 and home /', () => {
    expect(resolve('1000')).toEqual({ uid: 1000, gid: 0, groups: [0], home: '/' })
    expect(resolve('2147483647').uid).toBe(2_147_483_647)
  })

  test('takes digits as an id, whoever has them for a name', () => {
    expect(resolve('1234')).toMatchObject({ uid: 1234, gid: 0, home: '/' })
    expect(resolve('0:500').gid).toBe(500)
  })

  test('takes a group after the colon, and then none that are listed', () => {
    expect(resolve('web:media')).toEqual({ uid: 33, gid: 44, groups: [44], home: '/srv/web' })
    expect(resolve('1000:1001')).toMatchObject({ uid: 1000, gid: 1001 })
    expect(resolve('web:')).toEqual(resolve('web'))
  })

  test('adds groups by name and number, each once', () => {
    expect(resolve('web', ['media', '44', '77', 'audio']).groups).toEqual([29, 33, 44, 77])
  })

  test('has / for a user without home', () => {
    expect(resolve('nohome').home).toBe('/')
  })

  test.each(['-1', '+1', ' 1', '1 ', '0x10', '1e3', '2147483648', '4294967296', '1.5', '１'])(
    'refuses the number %j',
    (user) => {
      expect(() => resolve(user)).toThrow(`Cannot run as user "${user}": `)
      expect(() => resolve(`0:${user}`)).toThrow(`Cannot run as user "0:${user}": `)
    },
  )

  test('refuses names that are not listed, and says where', () => {
    expect(() => resolve('nobody-here')).toThrow(
      'Cannot run as user "nobody-here": no user "nobody-here" in the image\'s /etc/passwd',
    )
    expect(() => resolve('web:nogroup')).toThrow('no group "nogroup" in the image\'s /etc/group')
    expect(() => resolve('a:b:c')).toThrow('it has more than one ":"')
  })

  test('refuses an image that lists an id out of range', () => {
    expect(() => resolve('large')).toThrow('the image lists "large" with the id "4294967296"')
  })
})

test('a number is what it is, whatever the image lists beside it', () => {
  const passwd = parseLines('odd:x:7:99999999999::/home/odd:\nfine:x:8:8::/home/fine:\n')
  const groups = parseLines('wild:x:-1:fine\n')
  expect(resolveUserIn({ passwd, groups }, { user: '7' })).toMatchObject({ uid: 7, gid: 0 })
  expect(resolveUserIn({ passwd, groups }, { user: '8' }).groups).toEqual([8])
  expect(() => resolveUserIn({ passwd, groups }, { user: 'odd' })).toThrow('lists "odd"')
  expect(() => resolveUserIn({ passwd, groups }, { user: 'fine' })).toThrow('lists "wild"')
})
