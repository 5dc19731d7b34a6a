/* jws_priv: what jws.c, which makes keys, and jws_verify.c, which uses them, share. */
#ifndef EASEL_TRUST_JWS_PRIV_H
#define EASEL_TRUST_JWS_PRIV_H

#include <openssl/evp.h>

enum { JWS_HALF_MOST = 66 }; /* bytes of r or s on the largest curve, P-521 */

struct jws_verifier; /* a key made ready for one algorithm */

struct jws_key {
    EVP_PKEY *pkey;
    struct jws_verifier *spare; /* atomic: the one last used, NULL while it is in use */
    struct jws_fast *fast;      /* atomic: NULL until the key was hastened */
};

void jws_verifier_free(struct jws_verifier *verifier);

#endif
