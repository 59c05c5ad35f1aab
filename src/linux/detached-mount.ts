/** New file systems as detached mounts, overlay among them. */

import { readSync } from 'node:fs'
import { close, type Fd } from './fd.ts'
import { isKernelAtLeast } from './kernel.ts'
import { check, declareSyscall, kernelError, lastErrno } from './libc.ts'
import { mountAttributeBits, type MountAttributes } from './mount.ts'
import { openPath } from './path.ts'
import { syscallNumber } from './syscalls/index.ts'

const fsopen = declareSyscall(syscallNumber('fsopen'), ['const char *', 'unsigned int'])
const fsconfig = declareSyscall(syscallNumber('fsconfig'), [
  'int',
  'unsigned int',
  'const char *',
  'const char *',
  'int',
])
const fsmount = declareSyscall(syscallNumber('fsmount'), ['int', 'unsigned int', 'unsigned int'])

const FSOPEN_CLOEXEC = 1 // include/uapi/linux/mount.h
const FSMOUNT_CLOEXEC = 1
const FSCONFIG_SET_FLAG = 0
const FSCONFIG_SET_STRING = 1
const FSCONFIG_CMD_CREATE = 6

/** fsconfig(2) refuses longer values: strndup_user(_value, 256) in fs/fsopen.c. */
const VALUE_BYTES_MAX = 255

/** First kernel with overlay's `lowerdir+`. */
const LOWERDIR_EACH_SINCE = '6.7'

/** Messages read of one file system context at most; the kernel keeps eight. */
const MESSAGES_MAX = 16

export interface DetachedMount {
  /** `overlay`, `tmpfs`, `devpts`, … */
  readonly type: string
  /** Name shown in mountinfo; default: the type. */
  readonly source?: string | undefined
  /** `true` for a word without value. */
  readonly options?: Readonly<Record<string, string | true>> | undefined
  /** Lower directories of an overlay, topmost first. */
  readonly lowers?: readonly string[] | undefined
  /** How they are told to the kernel; default: one by one, or as a list before Linux 6.7. */
  readonly lowersAs?: 'each' | 'list' | undefined
  readonly flags?: MountAttributes | undefined
}

/**
 * Makes a file system that is mounted nowhere; it lives as long as the descriptor, or as the mount
 * that it is attached as. What the kernel says about a refused option is the hint of the error.
 */
export function createDetachedMount(mount: DetachedMount): Fd {
  const context = check(fsopen(mount.type, FSOPEN_CLOEXEC), {
    syscall: 'fsopen',
    args: [mount.type],
  })
  const held: Fd[] = []
  const configure = new Configuration(context, mount.type, held)
  try {
    configure.string('source', mount.source ?? mount.type)
    for (const [key, value] of Object.entries(mount.options ?? {})) {
      if (value === true) configure.flag(key)
      else configure.path(key, value)
    }
    if (mount.lowers === undefined) configure.create()
    else configure.createWithLowers(mount.lowers, mount.lowersAs ?? defaultWay())
    const attributes = mountAttributeBits(mount.flags ?? {})
    return check(fsmount(context, FSMOUNT_CLOEXEC, attributes), {
      syscall: 'fsmount',
      args: [mount.type],
    })
  } finally {
    close(context)
    for (const fd of held) close(fd)
  }
}

/** Before Linux 6.5 an unknown option is refused only when all is told, too late to try another. */
function defaultWay(): 'each' | 'list' {
  return isKernelAtLeast(LOWERDIR_EACH_SINCE) ? 'each' : 'list'
}

/** Options that are paths, which overlay parses for `:` and `\` and old kernels for `,`. */
const PATH_OPTIONS = new Set(['lowerdir', 'lowerdir+', 'upperdir', 'workdir'])

class Configuration {
  readonly #context: Fd
  readonly #type: string
  readonly #held: Fd[]

  constructor(context: Fd, type: string, held: Fd[]) {
    this.#context = context
    this.#type = type
    this.#held = held
  }

  flag(key: string): void {
    this.#set(FSCONFIG_SET_FLAG, key, null)
  }

  string(key: string, value: string): void {
    this.#set(FSCONFIG_SET_STRING, key, value)
  }

  path(key: string, value: string): void {
    this.string(key, PATH_OPTIONS.has(key) ? this.#plainPath(value) : value)
  }

  /** Gives overlay its lower directories, topmost first, and makes the file system. */
  createWithLowers(directories: readonly string[], way: 'each' | 'list'): void {
    if (way === 'each') {
      for (const directory of directories) this.string('lowerdir+', this.#plainPath(directory))
      this.create()
      return
    }
    const list = directories.map((directory) => this.#plainPath(directory)).join(':')
    if (Buffer.byteLength(list) <= VALUE_BYTES_MAX) {
      this.string('lowerdir', list)
      this.create()
      return
    }
    // Numbers of descriptors are the shortest names: about sixty of them fit.
    const numbers = directories.map((directory) => this.#hold(directory)).join(':')
    const directory = process.cwd()
    process.chdir('/proc/self/fd')
    try {
      this.string('lowerdir', numbers)
      this.create()
    } finally {
      process.chdir(directory)
    }
  }

  create(): void {
    this.#set(FSCONFIG_CMD_CREATE, null, null)
  }

  /** `path`, or /proc/self/fd/N of it when the kernel would cut it or read it as something else. */
  #plainPath(path: string): string {
    const isPlain = Buffer.byteLength(path) <= VALUE_BYTES_MAX && !/[:,\\]/.test(path)
    return isPlain ? path : `/proc/self/fd/${this.#hold(path)}`
  }

  #hold(path: string): Fd {
    const fd = openPath(path)
    this.#held.push(fd)
    return fd
  }

  #set(command: number, key: string | null, value: string | null): void {
    if (Number(fsconfig(this.#context, command, key, value, 0)) >= 0) return
    const errno = lastErrno()
    const args = [this.#type, key, value].filter((arg) => arg !== null)
    const hint = kernelMessages(this.#context).join('; ')
    const syscall = command === FSCONFIG_CMD_CREATE ? 'mount' : 'fsconfig'
    throw kernelError(errno, { syscall, args, hint: hint === '' ? undefined : hint })
  }
}

/**
 * What the kernel has to say: "overlay: No changes allowed in reconfigure". @see fs/fs_context.c
 */
function kernelMessages(context: Fd): string[] {
  const messages: string[] = []
  const buffer = Buffer.alloc(4096)
  while (messages.length < MESSAGES_MAX) {
    let bytes = 0
    try {
      bytes = readSync(context, buffer)
    } catch {
      break // ENODATA: no more.
    }
    // "e overlay: …": a level, e for error, w for warning, i for information.
    messages.push(buffer.toString('utf8', 2, bytes).trim())
  }
  return messages
}
