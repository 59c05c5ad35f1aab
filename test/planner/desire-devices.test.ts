/** What services ask for of the host: devices by CDI, a procfs of limits, huge pages. */
import { expect, test } from 'vitest'
import { web } from './stack.ts'

const reserved = (request: string) =>
  `deploy: { resources: { reservations: { devices: [{ ${request} }] } } }`

test.each([
  ['devices: [{ source: acme.com/net=eth0 }, { source: /dev/null }]', ['acme.com/net=eth0']],
  ['gpus: [{ count: -1 }]', ['*/gpu=all']],
  ['gpus: [{ driver: nvidia, count: 2 }]', ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']],
  [reserved('driver: nvidia, device_ids: ["3"], capabilities: [gpu]'), ['nvidia.com/gpu=3']],
  [reserved('capabilities: [gpu], count: -1'), ['*/gpu=all']],
  [reserved('driver: cdi, device_ids: [acme.com/tpu=a], capabilities: [tpu]'), ['acme.com/tpu=a']],
])('desire() reads %s as the CDI devices %j', (written, names) => {
  expect(web(written).cdi).toEqual(names)
})

test('desire() keeps paths and CDI names apart', () => {
  const { devices, cdi } = web('devices: [{ source: /dev/null }]')
  expect(devices).toEqual([{ source: '/dev/null', target: '/dev/null', access: 'rwm' }])
  expect(cdi).toBeUndefined()
})

test('desire() reads x-tsstack', () => {
  const { procfsOfLimits, resources } = web('x-tsstack: { procfs: limits, hugetlb: { 2MB: 4m } }')
  expect(procfsOfLimits).toBe(true)
  expect(resources.hugetlb).toEqual({ '2MB': 4 * 1024 * 1024 })
  expect(web('x-tsstack: { procfs: host }').procfsOfLimits).toBeUndefined()
})

test.each([
  ['batch/low', 'batch/low'],
  ['/batch//low/', '/batch/low'],
  ['batch.slice', 'batch.slice'],
  ['batch-low-x.slice', 'batch.slice/batch-low.slice/batch-low-x.slice'],
  ['user.slice/a-b.slice', 'user.slice/a-b.slice'],
  ['-.slice', undefined],
  ['/', undefined],
])('desire() reads cgroup_parent %s as the group %s', (written, path) => {
  expect(web(`cgroup_parent: "${written}"`).cgroupParent).toBe(path)
})
