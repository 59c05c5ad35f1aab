/** Fills a container's /dev: Docker's nodes and links, made through a descriptor and checked after. */

import { type Fd, makeDirectoryIn, makeNodeIn, symlinkIn } from '../../linux/index.ts'
import { DEVICE_LINKS, DEVICE_NODES } from './defaults.ts'

/** `devFd` is a detached, empty tmpfs: nobody else can reach it, so nothing can be swapped. */
export function fillDev(devFd: Fd): void {
  for (const { name, major, minor } of DEVICE_NODES) {
    makeNodeIn(devFd, name, { type: 'character', major, minor, mode: 0o666 })
  }
  for (const { name, target } of DEVICE_LINKS) symlinkIn(devFd, target, name)
  for (const name of ['pts', 'shm', 'mqueue']) makeDirectoryIn(devFd, name, { mode: 0o755 })
}
