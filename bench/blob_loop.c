/* blob_loop: what bench/blobs.py measures, each alone.
 *
 * usage: blob_loop store DIR FILE     FILE through a writer into the store in DIR, as
 *                                     it comes out of uploads: 1 MiB at a time
 *        blob_loop take DIR FILE      the same for a file that is taken in whole
 *        blob_loop serve SPOOL FILE   GET answers with FILE, or the part that is asked
 *                                     for; other bodies go to a file in SPOOL. Prints
 *                                     its port; ends with its standard input
 *
 * store and take print the seconds until the blob was durable. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "http/http.h"
#include "store/blob.h"

enum { PIECE = 1 << 20 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum blob_result store(struct blobs *blobs, const char *path, struct blob *blob, char *why)
{
    static char piece[PIECE];
    struct blob_writer *writer = blob_write_begin(blobs);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) > 0)
        blob_write(writer, piece, (size_t)n);
    close(fd);
    return blob_finish(&writer, blob, why, BLOB_WHY_ROOM);
}

static int keep(const char *how, const char *directory, const char *path)
{
    char url[4200], why[BLOB_WHY_ROOM] = "";
    struct blob blob;
    snprintf(url, sizeof url, "files:%s", directory);
    struct blobs *blobs = blobs_open(&(struct blobs_config){.url = url}, why, sizeof why);
    double began = now();
    enum blob_result result = BLOB_FAILED;
    if (blobs && strcmp(how, "store") == 0)
        result = store(blobs, path, &blob, why);
    else if (blobs)
        result = blob_take(blobs, path, &blob, why, sizeof why);
    if (result == BLOB_OK)
        printf("%.4f %s\n", now() - began, blob.id);
    else
        fprintf(stderr, "blob_loop: %s\n", why);
    blobs_close(&blobs);
    return result == BLOB_OK ? 0 : 1;
}

static void handle(void *context, struct http_request *request)
{
    const char *path = context;
    struct stat st;
    int fd;
    if (strcmp(http_verb(request), "GET") != 0) {
        char *text = arena_printf(http_arena(request), "%llu\n",
                                  (unsigned long long)http_body_length(request));
        http_reply(request, 200, "text/plain", text, strlen(text));
        return;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    fstat(fd, &st);
    struct http_part part = http_part_asked(request, NULL, (uint64_t)st.st_size);
    http_reply_part(request, &part, "application/octet-stream", NULL, fd, part.first);
}

static size_t body_limit(void *context, struct http_request *request)
{
    (void)context;
    http_body_to_file(request);
    return (size_t)8 << 30;
}

static int serve(const char *spool, char *path)
{
    char why[256] = "";
    struct http_callbacks callbacks = {.handle = handle, .body_limit = body_limit, .context = path};
    struct http_config config = {.listen = "127.0.0.1:0", .threads = 1, .spool = spool};
    struct http_server *server = http_server_start(&config, &callbacks, why, sizeof why);
    if (!server) {
        fprintf(stderr, "blob_loop: %s\n", why);
        return 1;
    }
    printf("%s\n", strrchr(http_server_address(server), ':') + 1);
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    http_server_stop(&server);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2], argv[3]);
    if (argc == 4 && (strcmp(argv[1], "store") == 0 || strcmp(argv[1], "take") == 0))
        return keep(argv[1], argv[2], argv[3]);
    fprintf(stderr, "usage: blob_loop store|take|serve DIR FILE\n");
    return 2;
}
