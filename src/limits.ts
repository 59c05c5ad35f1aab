/** Every bound in tsstack, each with its reason. Imports nothing. */

/** A stack file larger than this is refused before it is parsed: no real one comes near. */
export const STACK_FILE_BYTES_MAX: number = 10 * 1024 * 1024

/** Tries to make a group while another state root removes the shared parent; each try is a real race lost. */
export const CGROUP_MAKE_TRIES_MAX: number = 10

/** Rounds of freeze, kill, thaw: one is enough but for processes that enter meanwhile. */
export const CGROUP_KILL_ROUNDS_MAX: number = 20

/** After SIGKILL a process that is still there hangs in the kernel (state D), and is reported. */
export const CGROUP_KILL_MS_MAX: number = 10_000

/** A group that is not frozen after this holds a process that waits for a device. */
export const CGROUP_STILL_MS_MAX: number = 2_000

/** First and longest pause where cgroup v1 has no event to wait for. */
export const CGROUP_POLL_MS_MIN: number = 1
export const CGROUP_POLL_MS_MAX: number = 50

/** A second look beside inotify, which does not tell on every kernel that a group was removed. */
export const CGROUP_WATCH_MS_MAX: number = 500

/** Room for one netlink answer; the kernel fills a dump's datagrams to 32 KiB at most. */
export const NETLINK_REPLY_BYTES_MAX: number = 256 * 1024
