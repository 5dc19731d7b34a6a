/* jws_fast: ES256 signatures by a key that is used often.
 *
 * libcrypto has a table of multiples of the curve's base point and multiplies by it
 * in a tenth of the time that another point takes; a verification needs both products,
 * of the base point and of the key. So the key gets such a table too: a copy of the
 * curve whose base point it is. What is left to do here is the sum of FIPS 186-5,
 * 6.4.2; everything in it is public, so nothing has to take constant time. For this
 * folder alone. */
#ifndef EASEL_TRUST_JWS_FAST_H
#define EASEL_TRUST_JWS_FAST_H

#include <openssl/evp.h>
#include <stdbool.h>

enum { JWS_FAST_HALF = 32, JWS_FAST_HASH = 32 };

struct jws_fast;      /* the table of a key; immutable, for any thread */
struct jws_fast_room; /* scratch numbers, for one thread at a time */

/* NULL where the key is none of P-256, or libcrypto makes no such table. Takes some
 * 40 ms, and 150 KiB. */
struct jws_fast *jws_fast_new(EVP_PKEY *pkey);
void jws_fast_free(struct jws_fast *fast);

struct jws_fast_room *jws_fast_room_new(void);
void jws_fast_room_free(struct jws_fast_room *room);

/* True where the signature (r and s, 32 bytes each) fits the hash. False may also mean
 * that there was no memory. */
bool jws_fast_verify(const struct jws_fast *fast, struct jws_fast_room *room,
                     const unsigned char hash[JWS_FAST_HASH],
                     const unsigned char signature[2 * JWS_FAST_HALF]);

#endif
