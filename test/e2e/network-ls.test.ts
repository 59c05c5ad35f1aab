/** `network ls` as a script of Docker's asks it. */
import { expect, test } from 'vitest'
import { type Scene, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

test('network ls lists what is asked for, also in the fields of Docker', async () => {
  await scene.ok('network', 'create', 'shared', '--subnet', '10.99.0.0/24', '--label', 'a=b')
  scene.write({ web: SLEEP })
  scene.replace('network_mode: none', 'networks: [default]')
  await scene.ok('up', '-d')
  const named = async (...words: readonly string[]): Promise<string> =>
    (await scene.ok('network', 'ls', '-q', '--no-trunc', ...words)).stdout
  expect(await named()).toBe('cli_default\nshared\n')
  expect(await named('--filter', 'label=a=b')).toBe('shared\n')
  expect(await named('--filter', 'label=com.docker.compose.project=cli')).toBe('cli_default\n')
  expect(await named('--filter', 'dangling=true', '--filter', 'driver=bridge')).toBe('shared\n')
  expect(await named('--filter', 'type=builtin')).toBe('')
  const { stdout } = await scene.ok('network', 'ls', '--filter', 'id=^sha', '--format', 'json')
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    {
      CreatedAt: '',
      Driver: 'bridge',
      ID: 'shared',
      IPv4: 'true',
      IPv6: 'false',
      Internal: 'false',
      Labels: 'a=b',
      Name: 'shared',
      Scope: 'local',
    },
  ])
  const refused = await scene.run('network', 'ls', '--filter', 'colour=red')
  expect(refused.code).not.toBe(0)
  expect(refused.stderr).toContain('it begins with one of name=')
  expect(await scene.ok('volume', 'ls', '--filter', 'name=nothing', '-q')).toMatchObject({
    stdout: '',
  })
  await scene.ok('down')
  await scene.ok('network', 'rm', 'shared')
  expect(await scene.sandbox.leaks()).toBe('')
})
