/* networks.c: see networks.h. */
#include "fetch/networks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BITS_FOUR = 32, BITS_SIX = 128, TEXT_ROOM = 80 };

struct range {
    const char *prefix;
    unsigned bits;
    const char *kind;
};

/* The first that holds an address says what it is. */
static const struct range RANGES_FOUR[] = {
    {"0.0.0.0", 8, "an address of no host"},
    {"10.0.0.0", 8, "a private address"},
    {"100.64.0.0", 10, "a shared address"},
    {"127.0.0.0", 8, "a loopback address"},
    {"169.254.0.0", 16, "a link-local address"},
    {"172.16.0.0", 12, "a private address"},
    {"192.0.0.0", 24, "a special-purpose address"},
    {"192.0.2.0", 24, "a documentation address"},
    {"192.88.99.0", 24, "a special-purpose address"},
    {"192.168.0.0", 16, "a private address"},
    {"198.18.0.0", 15, "a benchmarking address"},
    {"198.51.100.0", 24, "a documentation address"},
    {"203.0.113.0", 24, "a documentation address"},
    {"224.0.0.0", 4, "a multicast address"},
    {"240.0.0.0", 4, "a reserved address"},
};

/* Only 2000::/3 is handed out at all; 64:ff9b::/96 and mapped addresses are judged
 * by the IPv4 address in them. */
static const struct range RANGES_SIX[] = {
    {"::", 128, "an address of no host"},        {"::1", 128, "a loopback address"},
    {"fc00::", 7, "a private address"},          {"fe80::", 10, "a link-local address"},
    {"ff00::", 8, "a multicast address"},        {"2001:db8::", 32, "a documentation address"},
    {"2001::", 23, "a special-purpose address"}, {"2002::", 16, "a 6to4 address"},
    {"3fff::", 20, "a documentation address"},
};

static bool prefix_equal(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* ---- the list */

static bool parse_bits(const char *text, unsigned most, unsigned *bits_r)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long bits = strtoul(text, &end, 10);
    *bits_r = (unsigned)bits;
    return *end == '\0' && bits <= most;
}

static bool parse_one(const char *text, size_t len, struct network *network_r)
{
    char copy[TEXT_ROOM];
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    char *slash = strchr(copy, '/');
    if (slash)
        *slash = '\0';
    *network_r = (struct network){.six = strchr(copy, ':') != NULL};
    unsigned most = network_r->six ? BITS_SIX : BITS_FOUR;
    network_r->bits = most;
    return inet_pton(network_r->six ? AF_INET6 : AF_INET, copy, network_r->bytes) == 1 &&
           (!slash || parse_bits(slash + 1, most, &network_r->bits));
}

bool networks_parse(const char *text, struct networks *networks_r, char *why, size_t why_size)
{
    static const char separators[] = " ,\t";
    networks_r->count = 0;
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t len = strcspn(text, separators);
        if (networks_r->count == NETWORKS_MOST) {
            snprintf(why, why_size, "more than %d networks", NETWORKS_MOST);
            return false;
        }
        if (!parse_one(text, len, &networks_r->list[networks_r->count++])) {
            snprintf(why, why_size, "'%.*s' is not an address or a network such as 10.0.0.0/8",
                     len > 64 ? 64 : (int)len, text);
            return false;
        }
        text += len;
    }
    return true;
}

static bool listed(const struct networks *networks, bool six, const unsigned char *bytes)
{
    for (size_t i = 0; i < networks->count; i++) {
        const struct network *n = &networks->list[i];
        if (n->six == six && prefix_equal(n->bytes, bytes, n->bits))
            return true;
    }
    return false;
}

/* ---- judging */

static const char *kind_in(const struct range *ranges, size_t count, int family,
                           const unsigned char *bytes)
{
    unsigned char prefix[16];
    for (size_t i = 0; i < count; i++)
        if (inet_pton(family, ranges[i].prefix, prefix) == 1 &&
            prefix_equal(prefix, bytes, ranges[i].bits))
            return ranges[i].kind;
    return NULL;
}

static bool admit_four(const struct networks *networks, const unsigned char *bytes,
                       const char **kind_r)
{
    if (listed(networks, false, bytes))
        return true;
    *kind_r = kind_in(RANGES_FOUR, sizeof RANGES_FOUR / sizeof *RANGES_FOUR, AF_INET, bytes);
    return !*kind_r;
}

static bool admit_six(const struct networks *networks, const unsigned char *bytes,
                      const char **kind_r)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    static const unsigned char translated[12] = {0, 0x64, 0xFF, 0x9B};
    if (memcmp(bytes, mapped, sizeof mapped) == 0 ||
        memcmp(bytes, translated, sizeof translated) == 0)
        return admit_four(networks, bytes + 12, kind_r);
    if (listed(networks, true, bytes))
        return true;
    *kind_r = kind_in(RANGES_SIX, sizeof RANGES_SIX / sizeof *RANGES_SIX, AF_INET6, bytes);
    if (!*kind_r && bytes[0] >> 5 != 1)
        *kind_r = "a reserved address";
    return !*kind_r;
}

bool networks_admit(const struct networks *networks, const struct sockaddr *address,
                    const char **kind_r)
{
    *kind_r = NULL;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof four);
        return admit_four(networks, (const unsigned char *)&four.sin_addr, kind_r);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof six);
        return admit_six(networks, six.sin6_addr.s6_addr, kind_r);
    }
    *kind_r = "no address of the internet";
    return false;
}

void networks_address_text(const struct sockaddr *address, char out[NETWORKS_ADDRESS_ROOM])
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    const void *bytes = &four.sin_addr;
    memset(&four, 0, sizeof four);
    if (address->sa_family == AF_INET6) {
        memcpy(&six, address, sizeof six);
        bytes = &six.sin6_addr;
    } else if (address->sa_family == AF_INET) {
        memcpy(&four, address, sizeof four);
    }
    if (!inet_ntop(address->sa_family == AF_INET6 ? AF_INET6 : AF_INET, bytes, out,
                   NETWORKS_ADDRESS_ROOM))
        snprintf(out, NETWORKS_ADDRESS_ROOM, "?");
}
