/* password.c: see password.h. Costs follow OWASP's advice for Argon2id: 19 MiB,
 * two passes, one lane. */
#include "trust/password.h"

#include <argon2.h>
#include <string.h>

#include "base/arena.h"
#include "base/ident.h"

enum { PASSES = 2, MEMORY_KIB = 19456, LANES = 1, SALT = 16, HASH = 32 };

/* Verified against when there is no hash; its password is not known to anyone. */
static const char NOBODY[] = "$argon2id$v=19$m=19456,t=2,p=1$"
                             "bm9ib2R5aGFzdGhpc3NhbA$"
                             "2oJKW8n1cZk3G0pJr4bQv0O7xq5J1ZkVwq3mJ4b0p9E";

char *password_hash(struct arena *arena, const char *password)
{
    unsigned char salt[SALT];
    random_bytes(salt, sizeof salt);
    size_t room = argon2_encodedlen(PASSES, MEMORY_KIB, LANES, SALT, HASH, Argon2_id);
    char *out = arena_alloc(arena, room);
    int rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt,
                                   sizeof salt, HASH, out, room);
    return rc == ARGON2_OK ? out : NULL;
}

bool password_verify(const char *hash, const char *password)
{
    size_t len = strlen(password);
    if (len > PASSWORD_MOST)
        return false;
    int rc = argon2id_verify(hash ? hash : NOBODY, password, len);
    return hash && rc == ARGON2_OK;
}

void password_random(char *out)
{
    /* Without characters that look alike. */
    static const char set[] = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    for (int i = 0; i < 20;) {
        unsigned char byte;
        random_bytes(&byte, 1);
        if (byte < 256 / (sizeof set - 1) * (sizeof set - 1))
            out[i++] = set[byte % (sizeof set - 1)];
    }
    out[20] = '\0';
}
