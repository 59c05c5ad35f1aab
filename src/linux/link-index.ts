/** The number of a network interface, by which no other one is ever taken for it. */

import { declare } from './libc.ts'

const nameToIndex = declare('unsigned int if_nametoindex(const char *name)')

/**
 * Undefined when there is none of that name. Does not wait for the kernel's lock of all links, as a
 * request for it would. @see if_nametoindex(3), dev_ifsioc_locked in net/core/dev_ioctl.c
 */
export function linkIndex(name: string): number | undefined {
  const index = Number(nameToIndex(name))
  return index === 0 ? undefined : index
}
