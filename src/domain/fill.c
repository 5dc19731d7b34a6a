/* fill.c: see fill.h. */
#include "domain/fill.h"

#include <string.h>

#include "base/buf.h"
#include "store/tx.h"

enum { FILLED_AT_ONCE = 500 };

struct rows {
    char *bytes;
    size_t count, size, id_at, value_at;
};

static const char *id_of(const struct rows *rows, size_t i)
{
    const char *id;
    memcpy(&id, rows->bytes + i * rows->size + rows->id_at, sizeof id);
    return id;
}

static void *value_of(const struct rows *rows, size_t i)
{
    return rows->bytes + i * rows->size + rows->value_at;
}

static struct stmt *ask(struct tx *tx, const struct fill *how, const struct rows *rows)
{
    struct buf sql;
    buf_init(&sql, tx->arena, 0);
    buf_addf(&sql, "%s (NULL", how->select);
    for (size_t i = 0; i < rows->count; i++)
        buf_addf(&sql, ", ?%d", (int)i + 1);
    buf_addf(&sql, ")%s", how->tail);
    struct stmt *stmt = db_prepare_text(tx->db, sql.bytes);
    for (size_t i = 0; i < rows->count; i++)
        stmt_text(stmt, (int)i + 1, id_of(rows, i));
    return stmt;
}

static enum err fill_some(struct tx *tx, const struct fill *how, const struct rows *rows)
{
    enum db_result got;
    for (size_t i = 0; i < rows->count; i++)
        memset(value_of(rows, i), 0, how->value_size);
    struct stmt *stmt = ask(tx, how, rows);
    while ((got = stmt_step(stmt)) == DB_ROW)
        for (size_t i = 0; i < rows->count; i++)
            if (strcmp(id_of(rows, i), stmt_get_text(stmt, 0)) == 0)
                how->add(tx, stmt, value_of(rows, i));
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err fill(struct tx *tx, const struct fill *how, void *rows, size_t count, size_t row_size,
              size_t id_at, size_t value_at)
{
    struct rows some = {rows, 0, row_size, id_at, value_at};
    enum err err = E_OK;
    for (size_t from = 0; from < count && !err; from += some.count) {
        some.bytes = (char *)rows + from * row_size;
        some.count = count - from < FILLED_AT_ONCE ? count - from : FILLED_AT_ONCE;
        err = fill_some(tx, how, &some);
    }
    return err;
}
