/* text_index.c: see text_index.h. */
#include "store/text_index.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "store/db_priv.h"

static bool tidy(struct db *db)
{
    bool ok = true;
    for (size_t i = 0; i < 2 && ok && db->engine->text.tidy_sql[i]; i++)
        ok = stmt_step(db_prepare(db, db->engine->text.tidy_sql[i])) == DB_DONE;
    return ok;
}

bool text_index_put(struct db *db, int64_t row, const char *words)
{
    if (!tidy(db))
        return false;
    struct stmt *stmt = db_prepare(db, "DELETE FROM search_text WHERE rowid = ?1");
    stmt_int(stmt, 1, row);
    if (stmt_step(stmt) != DB_DONE)
        return false;
    stmt = db_prepare(db, db->engine->text.insert_sql);
    stmt_int(stmt, 1, row);
    stmt_text(stmt, 2, words);
    return stmt_step(stmt) == DB_DONE;
}

const char *text_index_match(const struct db *db)
{
    return db->engine->text.match_sql;
}

/* A word as the engine writes it: `word` holds one %s. */
static void add_word(struct buf *query, const char *form, const char *word, size_t len)
{
    const char *hole = strstr(form, "%s");
    buf_add(query, form, (size_t)(hole - form));
    buf_add(query, word, len);
    buf_adds(query, hole + 2);
}

const char *text_index_query(const struct db *db, struct arena *arena, const char *words)
{
    struct buf query;
    buf_init(&query, arena, 0);
    buf_adds(&query, "");
    while (*words) {
        size_t len = strcspn(words, " ");
        if (query.len)
            buf_adds(&query, db->engine->text.both);
        add_word(&query, db->engine->text.word, words, len);
        words += len + (words[len] == ' ');
    }
    return query.bytes;
}
