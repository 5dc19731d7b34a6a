/* replay.c: runs a fuzz target over the files of the folders given as arguments,
 * so that seeds and former findings are tested by every build, without clang.
 * A folder that is missing or empty fails: a test without input proves nothing. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* The input is copied to its exact size, so that tools see reads beyond it. */
static int run_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in || fseek(in, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    long size = ftell(in);
    rewind(in);
    uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
    if (size < 0 || !bytes || fread(bytes, 1, (size_t)size, in) != (size_t)size) {
        perror(path);
        exit(1);
    }
    fclose(in);
    fprintf(stderr, "%s\n", path); /* the last line names the culprit of a crash */
    LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
    return 1;
}

static int run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        perror(folder);
        exit(1);
    }
    int ran = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        ran += run_file(path);
    }
    closedir(dir);
    if (ran == 0) {
        fprintf(stderr, "%s: no files\n", folder);
        exit(1);
    }
    return ran;
}

int main(int argc, char **argv)
{
    int ran = 0;
    for (int i = 1; i < argc; i++)
        ran += run_folder(argv[i]);
    printf("%d inputs\n", ran);
    return ran > 0 ? 0 : 1;
}
