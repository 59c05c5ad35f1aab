/** The words of our AppArmor profile, which are those of Docker's but for their names. */

/** Another name with each change of the text: a loaded profile is not loaded again. */
export const DEFAULT_PROFILE = 'tsstack-default-1'

/**
 * Beside seccomp and the masks of procfs this stops mounts, writes to the switches of the host and
 * traces of others, also where capabilities were added.
 * @see https://github.com/moby/profiles, apparmor/template.go; apparmor.d(5)
 */
export function profileText(name: string): string {
  return `profile ${name} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  unix,

  # The supervisor and the host's root, then the container among itself.
  signal (receive) peer=unconfined,
  signal (send,receive) peer=${name},
  ptrace (trace,read,tracedby,readby) peer=${name},

  # Of procfs only what belongs to processes, and kernel.shm* of its sysctls.
  deny /proc/* w,
  deny /proc/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}/** w,
  deny /proc/sys/[^k]** w,
  deny /proc/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny /proc/sysrq-trigger rwklx,
  deny /proc/kcore rwklx,

  deny mount,

  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`
}
