/* curl: libcurl, for the two files that speak outward (fetch/fetch.c and store/s3.c).
 *
 * It is loaded when it is first needed, not linked: it and the libraries that it
 * brings would make every start a quarter slower, of a server that mostly never
 * fetches and of every command. It stays loaded until the process ends. */
#ifndef EASEL_NET_CURL_H
#define EASEL_NET_CURL_H

#define CURL_DISABLE_TYPECHECK /* its macros would name functions that are not linked */
#include <curl/curl.h>

/* clang-format off */
#define CURL_FUNCTIONS(X)                                                        \
    X(easy_cleanup) X(easy_getinfo) X(easy_init) X(easy_perform) X(easy_reset)   \
    X(easy_setopt) X(easy_strerror) X(free) X(getdate) X(global_init)            \
    X(slist_append) X(slist_free_all) X(url) X(url_cleanup) X(url_get) X(url_set)
/* clang-format on */

/* The functions of libcurl, without "curl_". Immutable once loaded. */
struct curl_library {
#define X(name) __typeof__(curl_##name) *(name);
    CURL_FUNCTIONS(X)
#undef X
};

/* NULL where libcurl cannot be loaded on this machine. Any thread. */
const struct curl_library *curl_library(void);

#endif
