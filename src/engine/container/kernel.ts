/** Kernel constants that launch programs of containers use, each with its header. */

export const SIGCHLD = 17 // include/uapi/asm-generic/signal.h
export const SIGKILL = 9

export const CLOCK_REALTIME = 0 // include/uapi/linux/time.h
export const CLOCK_BOOTTIME = 7

// include/uapi/linux/sched.h
export const CLONE_ARGS_BYTES = 88
export const CLONE_VM = 0x100
export const CLONE_VFORK = 0x4000
export const CLONE_PARENT = 0x8000
export const CLONE_NEWCGROUP = 0x02000000
export const CLONE_NEWUSER = 0x10000000
export const CLONE_NEWNET = 0x40000000
export const CLONE_INTO_CGROUP = 0x200000000n

/** Upper bound of close_range(2): every descriptor. */
export const ALL_DESCRIPTORS = 0xffffffff
export const CLOSE_RANGE_CLOEXEC = 4 // include/uapi/linux/close_range.h

// include/uapi/linux/mount.h
export const MS_REC = 0x4000
export const MS_PRIVATE = 0x40000
export const OPEN_TREE_CLONE = 1
export const MOVE_MOUNT_F_EMPTY_PATH = 0x4
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40
export const FSCONFIG_SET_FLAG = 0
export const FSCONFIG_SET_STRING = 1
export const FSCONFIG_CMD_CREATE = 6
export const FSOPEN_CLOEXEC = 1
export const FSMOUNT_CLOEXEC = 1
export const MOUNT_ATTR_BYTES = 32
export const MNT_DETACH = 2 // include/linux/fs.h

// include/uapi/asm-generic/fcntl.h
export const AT_FDCWD = -100
export const AT_EMPTY_PATH = 0x1000
export const AT_RECURSIVE = 0x8000
export const O_WRONLY = 0o1
export const O_RDWR = 0o2
export const O_CREAT = 0o100
export const O_EXCL = 0o200
export const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000

// include/uapi/linux/stat.h
export const S_IFIFO = 0o010000
export const S_IFREG = 0o100000
export const S_IFCHR = 0o020000
export const S_IFBLK = 0o060000

// include/uapi/asm-generic/errno-base.h, errno.h
export const ENOENT = 2
export const EXDEV = 18
export const ENOTDIR = 20
export const ELOOP = 40

// include/uapi/linux/openat2.h
export const OPEN_HOW_BYTES = 24
export const RESOLVE_NO_XDEV = 0x01
export const RESOLVE_NO_MAGICLINKS = 0x02
export const RESOLVE_NO_SYMLINKS = 0x04
export const RESOLVE_BENEATH = 0x08
export const RESOLVE_IN_ROOT = 0x10

export const PROC_SUPER_MAGIC = 0x9fa0 // include/uapi/linux/magic.h

// include/uapi/linux/prctl.h
export const PR_SET_PDEATHSIG = 1
export const PR_SET_DUMPABLE = 4
export const PR_SET_KEEPCAPS = 8
export const PR_CAPBSET_DROP = 24
export const PR_SET_NO_NEW_PRIVS = 38
export const PR_CAP_AMBIENT = 47
export const PR_CAP_AMBIENT_RAISE = 2
export const PR_CAP_AMBIENT_CLEAR_ALL = 4

// include/uapi/linux/capability.h
export const LINUX_CAPABILITY_VERSION_3 = 0x20080522

export const KEYCTL_JOIN_SESSION_KEYRING = 1 // include/uapi/linux/keyctl.h
export const TIOCSCTTY = 0x540e // include/uapi/asm-generic/ioctls.h
