/** The yardstick of a launch: floor.c, compiled where a C compiler is present. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isPresent, run } from './measure.ts'

/**
 * A root file system of nothing but Debian's static busybox, under the names that the bench runs.
 */
export function makeRootfs(directory: string): string {
  const rootfs = join(directory, 'rootfs')
  for (const name of ['bin', 'proc', 'dev', 'sys', 'etc', 'tmp']) {
    mkdirSync(join(rootfs, name), { recursive: true })
  }
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'))
  for (const name of ['true', 'sh', 'sleep']) symlinkSync('busybox', join(rootfs, 'bin', name))
  return rootfs
}

/**
 * Compiles floor.c; undefined without a compiler. The function yields the median of `count`
 * launches.
 */
export async function openFloor(
  directory: string,
  rootfs: string,
): Promise<((count: number) => Promise<number>) | undefined> {
  if (!(await isPresent('cc'))) return undefined
  const binary = join(directory, 'floor')
  await run('cc', ['-O2', '-o', binary, join(import.meta.dirname, 'floor.c')])
  return async (count: number): Promise<number> => {
    const work = mkdtempSync(join(directory, 'floor-'))
    const line = await run('unshare', ['--net', binary, rootfs, work, String(count)])
    rmSync(work, { recursive: true, force: true })
    return (JSON.parse(line) as { readonly median: number }).median
  }
}
