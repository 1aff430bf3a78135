/* What each program of a pod has used, from the kernel's own counters: CPU time (getrusage) and peak memory (VmHWM).
 *
 * LD_PRELOAD loads this into all programs of a pod (tests/bench/start.py).  BENCH_USAGE names a file that gets a line
 * when a program ends by itself or becomes another one by an exec: pid, microseconds of CPU time since the fork, peak
 * memory in KiB, and the command line.  The time counts on over an exec, so that a program's own is the difference to
 * the line before of the same pid.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static pid_t loaded; /* a child before its exec is not a program of its own */

__attribute__((constructor)) static void remember(void) {
    loaded = getpid();
}

static void report(void) {
    if (getpid() != loaded) return;
    const char *path = getenv("BENCH_USAGE");
    int out = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (out < 0) return;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    char line[4096];
    long peak = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %ld", &peak) == 1) break;
    if (status) fclose(status);
    long micros = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000L + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    int length = snprintf(line, 128, "%d %ld %ld ", getpid(), micros, peak);
    int in = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t more = in < 0 ? 0 : read(in, line + length, sizeof line - length - 1);
    if (in >= 0) close(in);
    for (ssize_t at = 0; at < more; at++)
        if (line[length + at] == 0) line[length + at] = ' ';
    length += more > 0 ? more : 0;
    line[length++] = '\n';
    if (write(out, line, length) < 0) abort();
    close(out);
}

__attribute__((destructor)) static void report_end(void) {
    report();
}

void _exit(int status) {
    void (*real)(int) = dlsym(RTLD_NEXT, "_exit");
    report();
    real(status);
    abort();
}

int execve(const char *path, char *const argv[], char *const envp[]) {
    int (*real)(const char *, char *const[], char *const[]) = dlsym(RTLD_NEXT, "execve");
    report();
    return real(path, argv, envp);
}

int execv(const char *path, char *const argv[]) {
    return execve(path, argv, environ);
}

int execvp(const char *file, char *const argv[]) {
    int (*real)(const char *, char *const[]) = dlsym(RTLD_NEXT, "execvp");
    report();
    return real(file, argv);
}
