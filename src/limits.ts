/** Every bound in tsstack, each with its reason. Imports nothing. */

/** A stack file larger than this is refused before it is parsed: no real one comes near. */
export const STACK_FILE_BYTES_MAX: number = 2 * 1024 * 1024

/**
 * Lines, commas and brackets of a stack file: each costs the YAML parser time and about 5 kB of
 * memory.
 */
export const STACK_FILE_VALUES_MAX: number = 100_000

/** A file with more errors than this is no stack file: nobody reads more, and each costs time. */
export const STACK_FILE_ERRORS_MAX: number = 1_000

/** Tries to make a group while another state root removes the shared parent: each a race lost. */
export const CGROUP_MAKE_TRIES_MAX: number = 10

/** Each is a signal that came meanwhile; libbpf tries five times. */
export const BPF_LOAD_TRIES_MAX: number = 20

/** Rounds of freeze, kill, thaw: one is enough but for processes that enter meanwhile. */
export const CGROUP_KILL_ROUNDS_MAX: number = 20

/** Rounds in which a user's processes are moved out of a group: two but for those that fork. */
export const CGROUP_MOVE_ROUNDS_MAX: number = 20

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

/** For the kernel's queue to put an IPv6 address to use: 30 ms have been seen on a busy machine. */
export const NETLINK_ADDRESS_MS_MAX: number = 2_000

/** Docker's back-off: from 100 ms, doubling, to one minute; a run of 10 s starts it over. */
export const RESTART_DELAY_MS_MIN: number = 100
export const RESTART_DELAY_MS_MAX: number = 60_000
export const RESTART_STABLE_MS: number = 10_000

/** Ends of attempts that are remembered of each container, for people. */
export const ATTEMPTS_REMEMBERED_MAX: number = 10

/** Pause after the first failed early health probe; it doubles. A probe costs a few ms of processor. */
export const HEALTH_EARLY_MS_MIN: number = 25

/** Processes of a container whose file says nothing: a large server's, the end of a fork bomb. */
export const PIDS_MAX_DEFAULT: number = 4096

/** Users of a container in a user namespace: as many as Linux had before 2.4, and images use. */
export const CONTAINER_IDS: number = 65_536

/** One frame between command line and supervisor: the largest stack file as JSON, and some. */
export const FRAME_BYTES_MAX: number = 48 * 1024 * 1024

/** The supervisor ends this long after it has nothing left to supervise and nobody to serve. */
export const SUPERVISOR_IDLE_MS: number = 1_000

/** A supervisor at rest that has grown by less keeps what it has. */
export const TIDY_BYTES_MIN: number = 8 * 1024 * 1024

/**
 * Compiled code that no command has read for a month is of an earlier build; a build takes some
 * 10 MiB, so that a day of rebuilding fills what is kept. It is looked at once a day.
 */
export const CODE_CACHE_UNREAD_MS_MAX: number = 30 * 86_400_000
export const CODE_CACHE_BYTES_MAX: number = 128 * 1024 * 1024
export const CODE_CACHE_LOOK_MS: number = 86_400_000

/** A supervisor that is not up after this hangs; a cold disk takes about one second. */
export const SUPERVISOR_START_MS_MAX: number = 20_000

/**
 * Pause before a guardian replaces a supervisor that was killed; it doubles with every one that was
 * never ready, to a minute, as for containers, and with every one beyond a hundred in a row.
 */
export const REVIVE_DELAY_MS_MIN: number = 100
export const REVIVE_DELAY_MS_MAX: number = 60_000
export const REVIVALS_AT_ONCE_MAX: number = 100
export const SUPERVISOR_STABLE_MS: number = 10_000

/** Pause between two looks at a supervisor that another command is starting. */
export const SUPERVISOR_POLL_MS: number = 10

/** Supervisors of commands that `tsstack daemon` asks to go, before it says that it cannot stay. */
export const TAKE_OVERS_MAX: number = 10

/**
 * A command whose supervisor went away waits this long for its successor before it starts one: a
 * guardian takes a quarter of a second.
 */
export const SUCCESSOR_MS_MAX: number = 3_000

/** Supervisors that one command outlives without an answer from any: something is wrong then. */
export const LOSSES_MAX: number = 5

/** One that says nothing for so long is stopped, or has no descriptor left to answer with. */
export const SUPERVISOR_ANSWER_MS_MAX: number = 30_000

/** A connection that has not introduced itself by then is closed. */
export const HELLO_MS_MAX: number = 5_000

/** Log of the supervisor; the one before it is kept as well. */
export const SUPERVISOR_LOG_BYTES_MAX: number = 1024 * 1024

/** One waits so long for another who changes a stack: a script, and a machine that goes down. */
export const TURN_MS_MAX: number = 600_000
export const SHUTDOWN_TURN_MS_MAX: number = 10_000

/** `sun_path` of unix(7) has 108 bytes, the last of which is zero. */
export const SOCKET_PATH_BYTES_MAX: number = 107

/** Changes of leases, about 90 bytes each, before their record is written anew. */
export const LEASE_CHANGES_BYTES_MAX: number = 64 * 1024

/** Stack files up to this size are read by the supervisor; larger ones would hold up the others. */
export const LOAD_BYTES_MAX: number = 256 * 1024

/** The same for `run`, whose one program nobody else waits for: what a stack file may have. */
export const LOAD_RUN_BYTES_MAX: number = 16 * 1024 * 1024

/** Launch programs kept for the next start or probe of the same: about 50 KB each. */
export const LAUNCH_PROGRAMS_KEPT: number = 16

/** Standard input of `exec` that may be under way: one pipe's worth four times over. */
export const EXEC_WINDOW_BYTES: number = 256 * 1024

/**
 * After its program has ended, no more than this of what `exec` reads can be the program's: a pipe
 * holds 64 KiB (pipe(7)), a terminal no more. What follows is a grandchild's.
 */
export const EXEC_LEFT_BYTES_MAX: number = 128 * 1024

/** The last lines of what has ended come by themselves, but for what could not be stopped. */
export const LOG_DRAIN_MS: number = 10_000

/** The kernel's changes come in crowds; what somebody broke is to be seen within a second. */
export const HEAL_DELAY_MS: number = 200
/** And so much later while plans are carried out. */
export const HEAL_DELAY_MS_MAX: number = 800

/** A mount that was put back is left alone so long, which doubles: who unmounts it may be its user. */
export const REMOUNT_DELAY_MS_MIN: number = 1000
export const REMOUNT_DELAY_MS_MAX: number = 300_000

/** To attach a mount takes a millisecond; a file system of the container's own may never answer. */
export const ATTACH_AGAIN_MS_MAX: number = 5000

/** Of inotify events at a time: some hundred, and more than the longest name (inotify(7)). */
export const INOTIFY_BYTES: number = 16 * 1024

/** What no event tells, such as a monitor that was killed, is looked at this often. */
export const HEAL_EVERY_MS: number = 30_000

/** After a container is removed, its last lines may take so long to be passed on. */
export const LOG_FORWARD_MS_MAX: number = 2_000

/** A syslog daemon in a network that does not answer for so long is tried again. */
export const LOG_SINK_MS_MAX: number = 5_000

/** Pause before a logging daemon that was not there is tried again; it doubles. */
export const LOG_SINK_RETRY_MS_MIN: number = 100
export const LOG_SINK_RETRY_MS_MAX: number = 10_000

/** A bridge, then its cables, then what hangs on them: more rounds are a fight with somebody. */
export const HEAL_ROUNDS_MAX: number = 4

/** Applied stacks that are kept for `rollback`: some 50 kB each at most, months of changes. */
export const HISTORY_REVISIONS_MAX: number = 50

/** A hook that takes longer hangs: migrations of large databases take minutes. */
export const HOOK_MS_MAX: number = 3_600_000

/** What `events --since` can tell: a busy day of a small machine, in about 1 MiB. */
export const EVENTS_REMEMBERED_MAX: number = 2_000

/** Log lines are sent in packs of about this size. */
export const LOG_PACK_BYTES: number = 64 * 1024

/**
 * Where subnets of networks come from, in this order: rarely routed by companies, homes or other
 * engines' defaults.
 */
export const SUBNET_POOLS: readonly string[] = ['10.89.0.0/16', '172.20.0.0/14', '192.168.192.0/18']

/** A network takes one /64 of the machine's own /48: stateless addresses need that many. */
export const NETWORK_PREFIX_LENGTH_V6: number = 64

/** A network takes 256 addresses of the pool, or more where more containers are to be in it. */
export const NETWORK_PREFIX_LENGTH: number = 24

/** Interfaces of one bridge: BR_MAX_PORTS of net/bridge/br_private.h, the first of which is none. */
export const BRIDGE_PORTS_MAX: number = 1023

/**
 * Log of a container whose file says nothing: three segments, so that a week of noise cannot fill a
 * disk.
 */
export const LOG_SEGMENT_BYTES_MAX: number = 10 * 1024 * 1024
export const LOG_SEGMENTS_MAX: number = 3

/** After a monitor was killed, its container's log is waited for this long: whole seconds. */
export const ORPHANED_MOVER_MS_MAX: number = 10_000

/** Docker's size of /dev/shm. */
export const SHM_BYTES_DEFAULT: number = 64 * 1024 * 1024

/** Clients of one udp port served by the proxy: each has a socket; more are not answered. */
export const PROXY_UDP_CLIENTS_MAX: number = 1024

/**
 * A udp client silent for this long is forgotten; conntrack's figure for an answered stream is two
 * minutes.
 */
export const PROXY_UDP_IDLE_MS: number = 120_000

/** A resolver that is silent so long is given up; stub resolvers wait five seconds in all. */
export const DNS_UPSTREAM_MS_MAX: number = 2_000

/**
 * Questions of one container on their way to resolvers: more are answered SERVFAIL, so that others
 * get through.
 */
export const DNS_FORWARDS_PER_CONTAINER_MAX: number = 100

/** The same for all containers together: each holds a socket of this process. */
export const DNS_FORWARDS_MAX: number = 1_000

/**
 * Questions that one container may ask in a second, after that many at once: the kernel drops the
 * rest, so that nobody keeps the supervisor from the others. One takes it some 12 µs.
 */
export const DNS_QUESTIONS_PER_SECOND_MAX: number = 20_000
export const DNS_QUESTIONS_BURST_MAX: number = 5_000

/**
 * Answers kept for one container, so that nobody fills the supervisor with what he asks: some
 * hundred names. And those to one question, by as many replicas as it has: more are made anew.
 */
export const DNS_REMEMBERED_BYTES_MAX: number = 32 * 1024
export const DNS_REMEMBERED_NAME_BYTES_MAX: number = 8 * 1024

/** DNS connections of one container, and how long a silent one lives: tcp is the exception. */
export const DNS_TCP_CONNECTIONS_MAX: number = 32
export const DNS_TCP_IDLE_MS: number = 10_000

/** A file of /etc copied for `host:`: the largest, a bundle of certificates, has 0.3 MiB. */
export const HOST_FILE_BYTES_MAX: number = 16 * 1024 * 1024

/** Names of stacks that the supervisor remembers by the words that led to them; 4 KB each. */
export const KNOWN_NAMES_MAX: number = 64

/** /etc/passwd and /etc/group of an image: a directory service of a large company fits. */
export const PASSWD_BYTES_MAX: number = 4 * 1024 * 1024

/** Read of a file at once by `cp`: a few system calls for each megabyte. */
export const COPY_CHUNK_BYTES: number = 256 * 1024

/** Directories in one another that `cp` goes into: each is held open, of a few thousand. */
export const COPY_DEPTH_MAX: number = 256

/** Actions whose usual duration is remembered: those of a hundred services, a few each. */
export const TIMINGS_MAX: number = 1000

/** Symbolic links on the way to one file, as the kernel counts them (MAXSYMLINKS). */
export const SYMLINKS_MAX: number = 40

/** `host:` shows the host's /etc as it was at most this long ago: a look takes 10 to 25 ms. */
export const HOST_LOOK_MS: number = 5_000

/**
 * Stack files are read anew once nobody has changed them for so long: editors write several times,
 * milliseconds apart.
 */
export const WATCH_QUIET_MS: number = 100

/** A file that is written without a pause is read as it is after this. */
export const WATCH_WAIT_MS_MAX: number = 3_000

/** `watch` goes on with the next supervisor so often; one that always dies is to be heard of. */
export const WATCH_SUPERVISORS_MAX: number = 10

/** Layers of an image: overlayfs stacks 500 directories, of which we need some ourselves. */
export const IMAGE_LAYERS_MAX: number = 400

/** Bytes of an unpacking whose memory is not given back yet: 1 ms of collecting for 50 of work. */
export const PASSED_BYTES_MAX: number = 16 * 1024 * 1024

/** Volumes that an image may ask for: each costs a directory and a mount; real ones have ten. */
export const IMAGE_VOLUMES_MAX: number = 200

/** Images that one index may list: the largest ones have about thirty. */
export const INDEX_ENTRIES_MAX: number = 1_000

/** A manifest or index: what registries accept; the bound of the distribution specification. */
export const MANIFEST_BYTES_MAX: number = 4 * 1024 * 1024

/** An image's configuration; one with a long history has some hundred kilobytes. */
export const IMAGE_CONFIG_BYTES_MAX: number = 8 * 1024 * 1024

/** Entries of one layer: the largest images of real use have some hundred thousand. */
export const LAYER_ENTRIES_MAX: number = 2_000_000

/** Extended header of one tar entry: names, and attributes of 64 KiB each at most. */
export const TAR_HEADER_BYTES_MAX: number = 1024 * 1024

/** Parts of a file between holes: a file of 4 GiB with a hole in every second page. */
export const SPARSE_PARTS_MAX: number = 500_000

/** Unpacking stops before a disk is this full: a share of it, and on a large one so many bytes. */
export const DISK_RESERVE_SHARE: number = 0.05
export const DISK_RESERVE_BYTES_MAX: number = 256 * 1024 * 1024

/** Bytes unpacked between two looks at the free space. */
export const DISK_LOOK_BYTES: number = 4 * 1024 * 1024

/** Pause between two looks at a lock that another process holds on part of the image store. */
export const STORE_LOCK_POLL_MS: number = 25

/** Another process that pulls the same layer may take this long before we stop waiting for it. */
export const STORE_LOCK_MS_MAX: number = 3_600_000

/** Layers of one image fetched and unpacked at once: each takes some megabytes of memory. */
export const LAYERS_AT_ONCE: number = 3

/** Bytes that come out of a decompressor at a time: smaller costs time, larger memory. */
export const UNPACK_CHUNK_BYTES: number = 256 * 1024

/** Entries looked at in a directory of devices; /dev of a large machine has some thousands. */
export const DEVICES_MAX: number = 10_000

/** Docker's profile has 20 kB; a larger one than this is no profile. */
export const SECCOMP_PROFILE_BYTES_MAX: number = 1024 * 1024

/**
 * Bytes of a secret or a config: they lie in the container's memory. Docker's own bounds are 500 kB
 * and 1000 kB.
 */
export const FILE_CONTENT_BYTES_MAX: number = 16 * 1024 * 1024

/** Members of an archive of images: three for each layer of some hundred images. */
export const ARCHIVE_MEMBERS_MAX: number = 100_000

/** Heap of the process that fetches images: its buffers are outside of it. */
export const IMAGE_WORKER_HEAP_MIB: number = 96

/** Redirects on the way to one part of an image: registries use one, mirrors two. */
export const REGISTRY_REDIRECTS_MAX: number = 5

/** A registry that is silent for this long has broken the connection. */
export const REGISTRY_IDLE_MS_MAX: number = 60_000

/** Tries after the first one; any byte that comes starts the count over. */
export const REGISTRY_RETRIES_MAX: number = 5

/** Pause before the second try, doubling up to the second figure. */
export const REGISTRY_RETRY_MS_MIN: number = 200
export const REGISTRY_RETRY_MS_MAX: number = 30_000

/** A token has some kilobytes; what is larger is none. */
export const TOKEN_ANSWER_BYTES_MAX: number = 256 * 1024

/** Memory of xz, in MiB: `xz -9` makes archives that need 65; the format allows 1,536. */
export const XZ_MEMORY_MIB_MAX: number = 256

/**
 * Layers that builds keep for the next ones and that no image has: what BuildKit keeps without
 * being told, 10 GB, or a tenth of a smaller disk. Beyond that the longest unused go.
 */
export const BUILD_CACHE_BYTES_MAX: number = 10 * 1024 ** 3
export const BUILD_CACHE_SHARE: number = 0.1

/** Bytes of the list of steps in a cache of builds: about 100,000 steps. */
export const CACHE_INDEX_BYTES_MAX: number = 32 * 1024 * 1024

/**
 * Between two looks at the connections of a container that is drained, in milliseconds: a request
 * takes some ms, and one look reads two small files.
 */
export const DRAIN_LOOK_MS: number = 20

/** A bundle's config.json larger than this was not made by any tool: 100,000 mounts fit. */
export const OCI_CONFIG_BYTES_MAX: number = 16 * 1024 * 1024

/** A CDI file larger than this describes no machine: one of 16 graphics processors has 100 kB. */
export const CDI_FILE_BYTES_MAX: number = 4 * 1024 * 1024

/** Of a container's /etc/hosts that is read to be changed: five thousand names take 0.2 MiB. */
export const HOSTS_BYTES_MAX: number = 4 * 1024 * 1024
