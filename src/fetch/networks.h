/* networks: which addresses may be connected to. Pure.
 *
 * An address is public where it is unicast on the internet at large; loopback,
 * private, link-local, shared, documentation, translation and multicast ranges
 * are not (the special-purpose registries of RFC 6890 and its successors). What
 * is not public may be allowed by a list of networks. */
#ifndef EASEL_FETCH_NETWORKS_H
#define EASEL_FETCH_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>

struct sockaddr;

enum { NETWORKS_MOST = 64, NETWORKS_ADDRESS_ROOM = 64 };

struct network {
    bool six;
    unsigned char bytes[16]; /* four of them for IPv4 */
    unsigned bits;           /* of the prefix */
};

struct networks {
    struct network list[NETWORKS_MOST];
    size_t count;
};

/* Reads "10.0.0.0/8 ::1, 192.168.1.4": addresses or prefixes, separated by spaces
 * or commas; "" is an empty list. False with a phrase in `why`. */
bool networks_parse(const char *text, struct networks *networks_r, char *why, size_t why_size);

/* True where the address is public or one of the list's; else *kind_r says what it
 * is ("a loopback address"). */
bool networks_admit(const struct networks *networks, const struct sockaddr *address,
                    const char **kind_r);

/* The address as text, without port. */
void networks_address_text(const struct sockaddr *address, char out[NETWORKS_ADDRESS_ROOM]);

#endif
