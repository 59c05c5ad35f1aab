/**
 * Other runtimes that happen to be installed: crun and runc run an OCI bundle with what we switch
 * on.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isPresent, run, type Contender } from './measure.ts'

/** A contender for each runtime present; `rootfs` is a directory with bin/true. */
export async function ociContenders(
  directory: string,
  rootfs: string,
): Promise<Readonly<Record<string, Contender>>> {
  const bundle = join(directory, 'bundle')
  mkdirSync(bundle, { recursive: true })
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(configuration(rootfs)))
  const contenders: Record<string, Contender> = {}
  for (const runtime of ['crun', 'runc']) {
    if (!(await isPresent(runtime))) continue
    let count = 0
    const contender = async (): Promise<void> => {
      count += 1
      const id = `tsstack-bench-${process.pid}-${count}`
      await run(runtime, ['--root', join(directory, runtime), 'run', '--bundle', bundle, id])
    }
    if (await works(runtime, contender)) contenders[`${runtime} run`] = contender
  }
  return contenders
}

/** crun refuses hybrid cgroups, runc some kernels: such a one is left out, and said so. */
async function works(runtime: string, contender: Contender): Promise<boolean> {
  try {
    await contender()
    return true
  } catch (error) {
    console.error(`bench: without ${runtime}: ${error instanceof Error ? error.message : 'failed'}`)
    return false
  }
}

/** A container with every namespace, limits and capabilities; it has no overlay and no network. */
function configuration(rootfs: string): object {
  const capabilities = ['CAP_CHOWN', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID', 'CAP_NET_BIND_SERVICE']
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/bin/true'],
      env: ['PATH=/bin'],
      cwd: '/',
      noNewPrivileges: true,
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
      },
    },
    root: { path: rootfs, readonly: true },
    hostname: 'bench',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'size=65536k'] },
    ],
    linux: {
      resources: { memory: { limit: 64 * 1024 * 1024 }, pids: { limit: 64 } },
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
    },
  }
}
