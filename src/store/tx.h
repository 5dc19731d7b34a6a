/* tx: what an act of trust/ or domain/ runs in: a connection inside a
 * transaction (or a read), memory, the time, and a place for its refusal. */
#ifndef EASEL_STORE_TX_H
#define EASEL_STORE_TX_H

#include "base/arena.h"
#include "base/fault.h"
#include "store/db.h"

struct tx {
    struct db *db;
    struct arena *arena; /* results live here */
    int64_t now;         /* of the request; milliseconds */
    struct fault fault;  /* valid only after a function returned not E_OK */
};

/* Refuses: fills tx->fault, returns err. */
#define tx_refuse(tx, err, ...) fault_set(&(tx)->fault, (tx)->arena, (err), __VA_ARGS__)
/* The repository failed: E500000 with a general detail (the cause was logged). */
#define tx_broken(tx) tx_refuse((tx), E500000, "The repository could not complete the request.")

/* A column's text, kept in tx->arena; NULL for NULL. */
const char *tx_text(struct tx *tx, struct stmt *stmt, int column);

struct blob;
/* Out of three columns from that one on: the id of a blob, its size, and when it was stored
 * where it was fresh (blob_fresh_at). */
void tx_blob(struct stmt *stmt, int column, struct blob *blob_r);

/* The next number of a series ("project", "site" ...), from 1; 0 where the
 * repository failed. Serials order rows by creation and never repeat. */
int64_t tx_serial(struct tx *tx, const char *series);
/* The same for `count` numbers in a row: the first of them. */
int64_t tx_serials(struct tx *tx, const char *series, int64_t count);

#endif
