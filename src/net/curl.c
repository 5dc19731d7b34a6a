/* curl.c: see curl.h. */
#include "net/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static const char LIBRARY[] = "libcurl.so.4";

static struct curl_library functions;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_loaded;

static bool load_function(void *library, const char *name, void *function_r)
{
    void *found = dlsym(library, name);
    memcpy(function_r, &found, sizeof found); /* POSIX: a function's address fits */
    return found != NULL;
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool ok = library != NULL;
#define X(name) ok = ok && load_function(library, "curl_" #name, &functions.name);
    CURL_FUNCTIONS(X)
#undef X
    is_loaded = ok && functions.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

const struct curl_library *curl_library(void)
{
    pthread_once(&once, load);
    return is_loaded ? &functions : NULL;
}
