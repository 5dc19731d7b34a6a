/* content_loop: what it costs to read a published file.
 *
 * Reads it N times as a publish does, and prints one line of JSON: the seconds
 * that took, and the memory that it needed beyond the program's own.
 *
 * usage: content_loop FILE [N] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "content/content.h"

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of this program alone: what getrusage tells begins with the parent's. */
static long peak_kib(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[128];
    long peak = 0;
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtol(line + 6, NULL, 10);
    if (status)
        fclose(status);
    return peak;
}

static void read_once(const char *path)
{
    struct arena *arena = arena_new(0);
    struct content *content = NULL;
    struct fault fault = {0};
    if (content_read_file(arena, path, NULL, &content, &fault) != E_OK) {
        fprintf(stderr, "content_loop: %s: %s\n", path, fault.detail);
        exit(1);
    }
    arena_free(&arena);
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? atoi(argv[2]) : 1;
    if (argc < 2 || rounds < 1) {
        fputs("usage: content_loop FILE [N]\n", stderr);
        return 2;
    }
    long before = peak_kib();
    double start = seconds_now();
    for (int i = 0; i < rounds; i++)
        read_once(argv[1]);
    printf("{\"seconds\":%.6f,\"rounds\":%d,\"grown_kib\":%ld}\n", seconds_now() - start, rounds,
           peak_kib() - before);
    return 0;
}
