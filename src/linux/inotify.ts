/**
 * Tells of writes to the files of many directories, by whomever: one inotify instance for all of
 * them, where fs.watch makes an object of several KiB for each. Node cannot poll its descriptor, so
 * the kernel sends a signal.
 */

import { readSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { INOTIFY_BYTES } from '../limits.ts'
import { check, declare } from './libc.ts'
import { signalReadable } from './readable-signal.ts'

const inotifyInit = declare('int inotify_init1(int flags)')
const addWatch = declare('int inotify_add_watch(int fd, const char *path, uint mask)')

const IN_CLOEXEC = 0o2000000
const IN_NONBLOCK = 0o4000
const IN_MODIFY = 0x2 // include/uapi/linux/inotify.h
const IN_Q_OVERFLOW = 0x4000
const IN_IGNORED = 0x8000
const IN_ONLYDIR = 0x0100_0000
/** Of struct inotify_event: wd, mask, cookie, len; the name follows. */
const EVENT_BYTES = 16

export interface WriteWatch extends Disposable {
  /**
   * Watches the files directly in `directory`, until it is removed, in the name of `owner`. False
   * when it cannot be watched: it is gone, or the user's watches are used up
   * (fs.inotify.max_user_watches).
   */
  add(directory: string, owner: string): boolean
}

/** A file that was written to; everybody's and nameless when the kernel had too much to tell. */
export interface Written {
  readonly owner: string | undefined
  readonly file: string
}

/** Undefined where signals do not arrive: in a worker thread. */
export function watchWrites(onWrite: (written: Written) => void): WriteWatch | undefined {
  if (!isMainThread) return undefined
  const fd = check(inotifyInit(IN_CLOEXEC | IN_NONBLOCK), { syscall: 'inotify_init1', args: [] })
  const buffer = Buffer.alloc(INOTIFY_BYTES)
  const owners = new Map<number, string>()
  const signal = signalReadable([fd], () => {
    for (const { watch, mask, file } of drain(fd, buffer)) {
      const owner = owners.get(watch)
      if ((mask & IN_IGNORED) !== 0) owners.delete(watch)
      else if ((mask & IN_Q_OVERFLOW) !== 0) onWrite({ owner: undefined, file: '' })
      else if (owner !== undefined) onWrite({ owner, file })
    }
  })
  return {
    add: (directory, owner) => {
      const watch = Number(addWatch(fd, directory, IN_MODIFY | IN_ONLYDIR))
      if (watch >= 0) owners.set(watch, owner)
      return watch >= 0
    },
    [Symbol.dispose]: () => signal[Symbol.dispose](),
  }
}

interface Event {
  readonly watch: number
  readonly mask: number
  readonly file: string
}

function* drain(fd: number, buffer: Buffer): Generator<Event, void> {
  for (;;) {
    let length
    try {
      length = readSync(fd, buffer)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return
      throw error
    }
    for (let at = 0; at < length;) {
      const end = at + EVENT_BYTES + buffer.readUInt32LE(at + 12)
      yield {
        watch: buffer.readInt32LE(at),
        mask: buffer.readUInt32LE(at + 4),
        file: buffer.toString('utf8', at + EVENT_BYTES, end).replace(/\0+$/, ''),
      }
      at = end
    }
  }
}
