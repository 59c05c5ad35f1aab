/** `--format json`: what scripts for Docker Compose read. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Scene, SLEEP, shell, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const lines = async (...words: readonly string[]): Promise<readonly Record<string, unknown>[]> =>
  (await scene.ok(...words)).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

test('ps, ls, volumes, stats, images and events have the fields of Compose', async () => {
  scene.write({
    web: [...SLEEP, 'ports: ["127.0.0.1:8094:80"]', 'volumes: [data:/data]', 'labels: [a=b]'],
    job: [shell('exit 3')],
  })
  scene.replace('network_mode: none', 'networks: [default]')
  scene.append('volumes: { data: {} }')
  await scene.ok('up', '-d', 'web', 'job')
  await scene.run('wait', 'job')
  const [job, web, ...others] = await lines('ps', '-a', '--format', 'json')
  expect(others).toEqual([])
  expect(job).toMatchObject({ Service: 'job', State: 'exited', ExitCode: 3, Publishers: [] })
  expect(job?.['Status']).toMatch(/^Exited \(3\) \d+ \w+ ago$/)
  expect(web).toMatchObject({
    ID: 'cli-web-1',
    Name: 'cli-web-1',
    Names: 'cli-web-1',
    Project: 'cli',
    Service: 'web',
    Image: 'host:',
    Command: '"sleep infinity"',
    State: 'running',
    Health: '',
    ExitCode: 0,
    Ports: '127.0.0.1:8094->80/tcp',
    Publishers: [{ URL: '127.0.0.1', TargetPort: 80, PublishedPort: 8094, Protocol: 'tcp' }],
    Networks: 'cli_default',
    Mounts: 'cli_data',
    LocalVolumes: '1',
  })
  expect(web?.['Status']).toMatch(/^Up \d+ seconds?$|^Up \d+ minutes?$/)
  expect(web?.['Labels']).toMatch(/^a=b,com\.docker\.compose\.project=cli,/)
  expect(web?.['CreatedAt']).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC$/)

  const file = join(scene.folder, 'compose.yaml')
  const [stacks] = await lines('ls', '-a', '--format', 'json')
  expect(stacks).toEqual([{ Name: 'cli', Status: 'running(1), exited(1)', ConfigFiles: file }])

  const [volume] = await lines('volumes', '--format', 'json')
  expect(volume).toMatchObject({ Name: 'cli_data', Driver: 'local', Scope: 'local' })

  const [used, ...more] = await lines('stats', '--no-stream', '--format', 'json')
  expect(more).toEqual([])
  expect(used).toMatchObject({ Name: 'cli-web-1', ID: 'cli-web-1' })
  expect(used?.['MemUsage']).toMatch(/^[\d.]+[KMG]?i?B \/ [\d.]+[KMGT]iB$/)
  expect(used?.['CPUPerc']).toMatch(/^\d+\.\d\d%$/)

  const until = `${Date.now() / 1000}`
  const events = await lines('events', '--json', '--since', '5m', '--until', until)
  expect(events).toContainEqual(
    expect.objectContaining({
      type: 'container',
      action: 'die',
      id: 'cli-job-1',
      service: 'job',
      attributes: { name: 'cli-job-1', exitCode: '3' },
    }),
  )
  await scene.ok('down', '-v', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('images has the fields of Compose, the tag apart from the repository', async () => {
  writeFileSync(join(scene.folder, 'file'), 'content\n')
  await scene.sandbox.inNetns(['tar', '-cf', 'root.tar', 'file'], { cwd: scene.folder })
  await scene.ok('import', 'root.tar', 'registry.test:5000/own/web:1.2')
  const list = JSON.parse((await scene.ok('images', '--format', 'json')).stdout)
  expect(list).toEqual([
    expect.objectContaining({
      ID: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      Repository: 'registry.test:5000/own/web',
      Tag: '1.2',
    }),
  ])
})
