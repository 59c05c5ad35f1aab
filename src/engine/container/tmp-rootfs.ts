import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { close, createDetachedMount, type Fd, openIn } from '../../linux/index.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import type { Undo } from '../undo.ts'
import type { OciConfig } from './oci.ts'
export function resolveUser(_: unknown) {
  return { uid: 0, gid: 0, groups: [], home: '/root' }
}
export function findExecutable(q: {
  rootFd: Fd
  name: string
  env: readonly string[]
  cwd: string
}): string {
  const path = q.env.find((e) => e.startsWith('PATH='))?.slice(5) ?? ''
  for (const d of q.name.includes('/') ? [''] : path.split(':')) {
    const p = d ? `${d}/${q.name}` : q.name
    try {
      close(openIn(q.rootFd, p))
      return p
    } catch {}
  }
  throw new Error(`exec: "${q.name}": executable file not found in $PATH`)
}
export function openRootfs(_m: Machine, c: LiveContainer, undo: Undo) {
  const dir = c.record.spec.image.replace('dir:', '')
  for (const d of ['etc', 'proc', 'sys', 'dev', 'tmp'])
    mkdirSync(`${c.own.init}/${d}`, { recursive: true })
  writeFileSync(`${c.own.init}/etc/resolv.conf`, 'nameserver 127.0.0.11\n')
  writeFileSync(`${c.own.init}/etc/hosts`, '127.0.0.1 localhost\n')
  const fd = createDetachedMount({
    type: 'overlay',
    lowers: [c.own.init, dir],
    options: {
      upperdir: c.own.upper,
      workdir: c.own.work,
      index: 'off',
      metacopy: 'off',
      redirect_dir: 'off',
    },
  })
  undo.push(() => close(fd))
  return {
    fd,
    image: {},
    user: resolveUser({}),
    findExecutable: (config: OciConfig) =>
      findExecutable({
        rootFd: fd,
        name: config.process.args[0]!,
        env: config.process.env,
        cwd: config.process.cwd,
      }),
  }
}
export const resolveVolumes = (_m: Machine, _r: unknown, mounts: OciConfig['mounts']) => mounts
