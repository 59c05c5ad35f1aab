// floor ROOTFS WORK COUNT: the least that the kernel makes one container cost, as a yardstick.
// Each of COUNT containers: control groups with limits on memory and processes, clone3 into six new
// namespaces, an overlay over ROOTFS, /proc, a small /dev, lo up, pivot_root, exec of /bin/true,
// wait, clean up. Prints one line of JSON: milliseconds per container. Written for bench/run.mjs;
// tsstack itself contains no C.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const V1[] = {"cpu", "memory", "pids", "devices"};
enum { V1_COUNT = 4, PATH_SIZE = 512 };

static void fail(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  _exit(1);
}

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) fail(path);
  close(fd);
}

static int is_v2(void) { return access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0; }

// The group of this run in one hierarchy; hierarchy is ignored on v2.
static void group_path(char *path, const char *hierarchy, int index) {
  if (is_v2()) snprintf(path, PATH_SIZE, "/sys/fs/cgroup/tsstack-floor-%d-%d", getpid(), index);
  else snprintf(path, PATH_SIZE, "/sys/fs/cgroup/%s/tsstack-floor-%d-%d", hierarchy, getpid(), index);
}

static void set_limit(const char *group, const char *name, const char *value) {
  char path[PATH_SIZE + 64];
  snprintf(path, sizeof path, "%s/%s", group, name);
  if (access(path, F_OK) == 0) write_file(path, value);
}

// Fills paths with the groups made; returns how many.
static int make_groups(char paths[V1_COUNT][PATH_SIZE], int index) {
  int count = is_v2() ? 1 : V1_COUNT;
  for (int i = 0; i < count; i++) {
    group_path(paths[i], V1[i], index);
    if (mkdir(paths[i], 0755)) fail(paths[i]);
    set_limit(paths[i], "pids.max", "64");
    set_limit(paths[i], "memory.max", "67108864");
    set_limit(paths[i], "memory.limit_in_bytes", "67108864");
  }
  return count;
}

static void lo_up(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request)) fail("lo up");
  close(fd);
}

static void enter_rootfs(const char *rootfs, const char *work) {
  char options[4 * PATH_SIZE], merged[PATH_SIZE];
  snprintf(merged, sizeof merged, "%s/merged", work);
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", rootfs, work, work);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) fail("private");
  if (mount("overlay", merged, "overlay", 0, options)) fail("overlay");
  if (chdir(merged)) fail("chdir");
  if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) fail("proc");
  if (mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k")) fail("dev");
  if (syscall(SYS_pivot_root, ".", ".")) fail("pivot_root");
  if (umount2(".", MNT_DETACH)) fail("umount");
  if (chdir("/")) fail("chdir /");
}

static void run_child(const char *rootfs, const char *work, char groups[][PATH_SIZE], int count) {
  char path[PATH_SIZE + 64];
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", groups[i], is_v2() ? "cgroup.procs" : "tasks");
    write_file(path, "0");
  }
  if (unshare(CLONE_NEWCGROUP)) fail("cgroup namespace");
  if (sethostname("floor", 5)) fail("sethostname");
  lo_up();
  enter_rootfs(rootfs, work);
  execl("/bin/true", "true", (char *)NULL);
  fail("exec /bin/true");
}

static double one(const char *rootfs, const char *base, int index) {
  double begun = now_ms();
  char work[PATH_SIZE / 2], path[PATH_SIZE], groups[V1_COUNT][PATH_SIZE];
  const char *const parts[] = {"", "/upper", "/work", "/merged"};
  snprintf(work, sizeof work, "%s/%d", base, index);
  for (int i = 0; i < 4; i++) {
    snprintf(path, sizeof path, "%s%s", work, parts[i]);
    if (mkdir(path, 0755)) fail(path);
  }
  int count = make_groups(groups, index);
  struct clone_args args = {
      .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
      .exit_signal = SIGCHLD,
  };
  pid_t pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) fail("clone3");
  if (pid == 0) run_child(rootfs, work, groups, count);
  int status;
  if (waitpid(pid, &status, 0) != pid || status != 0) fail("child");
  for (int i = 0; i < count; i++) if (rmdir(groups[i])) fail(groups[i]);
  return now_ms() - begun;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: floor ROOTFS WORK COUNT\n");
    return 2;
  }
  int count = atoi(argv[3]);
  double *times = calloc(count, sizeof *times);
  for (int i = 0; i < count; i++) times[i] = one(argv[1], argv[2], i);
  qsort(times, count, sizeof *times, by_size);
  printf("{\"count\":%d,\"min\":%.3f,\"median\":%.3f,\"max\":%.3f}\n", count, times[0],
         times[count / 2], times[count - 1]);
  return 0;
}
