/** In and out of a group of its own, where a container has a cgroup tree of its own. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { detectCgroups } from '../../../src/linux/cgroup/index.ts'

const INDEX = join(import.meta.dirname, '../../../src/linux/cgroup/index.ts')

const host = detectCgroups()
const path = `tsstack/test-${process.pid}-enter`
afterEach(() => host.open(path).remove())

test('one born in its own group has a way back where the top takes nobody', (context) => {
  const { mountPoint } = host.hierarchies.find(({ version }) => version === 2) ?? {}
  if (mountPoint === undefined) return context.skip('no cgroup v2 here')
  host.create(path, {})
  const top = join(mountPoint, path)
  const [controller] = readFileSync(join(top, 'cgroup.controllers'), 'utf8').trim().split(' ')
  if (!controller) return context.skip('no controller of cgroup v2 here')
  const tree = { version: 2, mountPoint, root: '/', controllers: [], readOnly: false }
  const born = `
    const { cgroupHost } = await import(${JSON.stringify(INDEX)})
    const { readFileSync } = await import('node:fs')
    const { entered, leave } = cgroupHost([${JSON.stringify(tree)}]).enterSystem('own/_system')
    await entered
    leave()
    console.log(readFileSync('/proc/self/cgroup', 'utf8').split('\\n').at(-2))`
  // The top of its tree is a group of the host's, and its processes live below that.
  const inside = `
    umount ${mountPoint} && mount -t cgroup2 none ${mountPoint} || exit 1
    cd ${mountPoint} && mkdir -p own/_system || exit 1
    (echo 0 > own/_system/cgroup.procs && exec "$0" --input-type=module -e "$1")
    ls -d own`
  const outside = `
    mkdir ${top}/first && echo 0 > ${top}/cgroup.procs && exec unshare --cgroup sh -c '
      echo 0 > ${top}/first/cgroup.procs && echo +${controller} > ${top}/cgroup.subtree_control &&
      exec unshare --mount --pid --fork --mount-proc sh -c "$0" "$@"' "$@"`
  const words = ['-c', outside, 'sh', inside, process.execPath, born]
  const { stdout } = spawnSync('sh', words, { encoding: 'utf8' })
  expect(stdout).toBe('0::/first\n')
})
