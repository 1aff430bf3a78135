/* Wrong information about the machine for a pod's programs: another time of day, a disk that cannot be read.
 *
 * LD_PRELOAD loads this into all programs of a pod (tests/lab/faulty.py).
 * LAB_SHIFT: seconds that are added to the time of day.  Monotonic clocks do not change.  Waits with a deadline in the
 * time of day last as long as without the shift, because the kernel measures them by the true clock.
 * LAB_BAD: a file with one line.  While it exists, reads, writes and syncs of all paths that begin with this line fail
 * with EIO.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EPOCH_LIKE 1000000000 /* more seconds than any machine's uptime: such a deadline is in the time of day */

static long shift(void) {
    static long seconds;
    static int known;
    if (!known) {
        const char *text = getenv("LAB_SHIFT");
        seconds = text ? atol(text) : 0;
        known = 1;
    }
    return seconds;
}

static void *next(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

/* glibc has two versions of condition variables; programs use the one since 2.3.2. */
static void *next_condition(const char *name) {
    void *found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
    return found ? found : next(name);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = next("clock_gettime");
    int result = real(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    (void)zone;
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (out) *out = exact.tv_sec;
    return exact.tv_sec;
}

static struct timespec true_time(const struct timespec *deadline) {
    struct timespec when = *deadline;
    if (when.tv_sec > EPOCH_LIKE) when.tv_sec -= shift();
    return when;
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *deadline) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) real = next_condition("pthread_cond_timedwait");
    struct timespec when = true_time(deadline);
    return real(c, m, &when);
}

int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *deadline) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    if (!real) real = next("pthread_cond_clockwait");
    struct timespec when = true_time(deadline);
    return real(c, m, clock, &when);
}

int sem_timedwait(sem_t *s, const struct timespec *deadline) {
    static int (*real)(sem_t *, const struct timespec *);
    if (!real) real = next("sem_timedwait");
    struct timespec when = true_time(deadline);
    return real(s, &when);
}

int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *deadline) {
    static int (*real)(pthread_mutex_t *, const struct timespec *);
    if (!real) real = next("pthread_mutex_timedlock");
    struct timespec when = true_time(deadline);
    return real(m, &when);
}

/* It uses system calls, because the functions of libc would call this library again. */
static int is_bad(int fd) {
    const char *list = getenv("LAB_BAD");
    char prefix[4096], link[64], path[4096];
    if (!list) return 0;
    int file = syscall(SYS_openat, AT_FDCWD, list, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    long length = syscall(SYS_read, file, prefix, sizeof prefix - 1);
    syscall(SYS_close, file);
    if (length <= 0) return 0;
    prefix[length] = 0;
    prefix[strcspn(prefix, "\n")] = 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

#define FAIL_IF_BAD(fd)             \
    do {                            \
        int kept = errno;           \
        if (is_bad(fd)) {           \
            errno = EIO;            \
            return -1;              \
        }                           \
        errno = kept;               \
    } while (0)

ssize_t read(int fd, void *buffer, size_t size) {
    FAIL_IF_BAD(fd);
    return syscall(SYS_read, fd, buffer, size);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset) {
    FAIL_IF_BAD(fd);
    return syscall(SYS_pread64, fd, buffer, size, offset);
}

ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset) {
    FAIL_IF_BAD(fd);
    return syscall(SYS_pread64, fd, buffer, size, offset);
}

ssize_t readv(int fd, const struct iovec *parts, int count) {
    FAIL_IF_BAD(fd);
    return syscall(SYS_readv, fd, parts, count);
}

ssize_t write(int fd, const void *buffer, size_t size) {
    FAIL_IF_BAD(fd);
    return syscall(SYS_write, fd, buffer, size);
}

ssize_t pwrite64(int fd, const void *buffer, size_t size, off64_t offset) {
    FAIL_IF_BAD(fd);
    return syscall(SYS_pwrite64, fd, buffer, size, offset);
}

int fsync(int fd) {
    FAIL_IF_BAD(fd);
    return syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    FAIL_IF_BAD(fd);
    return syscall(SYS_fdatasync, fd);
}
