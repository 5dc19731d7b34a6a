/* hyper_request.c: see hyper_request.h.
 *
 * The words are those of the method's page: op is one of and, or, not, eq, neq, lt, lte,
 * gt, gte and is; const is an object of type and v. Of `has`, which clients have been seen
 * to let through, no meaning is told anywhere, so it is refused. */
#include "rest/hyper_request.h"

#include <string.h>

#include "base/arena.h"
#include "wire/doc.h"

struct reading {
    struct arena *arena;
    struct fault *fault;
    size_t action, conditions; /* number of the action from 1; how many so far */
};

static enum err refuse(const struct reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum err refuse(const struct reading *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *why = arena_vprintf(r->arena, format, args);
    va_end(args);
    return fault_set(r->fault, r->arena, E400000, "Action %zu: %s", r->action, why);
}

static const char *echo(const struct reading *r, const char *text)
{
    return fault_echo(r->arena, text, strlen(text));
}

/* ---- names */

static bool is_among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static enum err check_names(const struct reading *r, const struct el *el, const char *what,
                            const char *const *names)
{
    for (const struct attr *a = el->attrs; a; a = a->next)
        if (!is_among(a->name, names))
            return refuse(r, "%s has no member '%s'.", what, echo(r, a->name));
    for (const struct el *child = el->children; child; child = child->next)
        if (!is_among(child->name, names))
            return refuse(r, "%s has no member '%s'.", what, echo(r, child->name));
    return E_OK;
}

/* A member that is there must be text. */
static enum err read_text(const struct reading *r, const struct el *el, const char *name,
                          const char **text_r)
{
    *text_r = doc_get(el, name);
    if (!*text_r && doc_find(el, name))
        return refuse(r, "%s is not a text.", name);
    if (*text_r && !**text_r)
        return refuse(r, "%s is empty.", name);
    return E_OK;
}

/* ---- conditions */

static bool parse_test(const char *op, enum hyper_test *test_r)
{
    static const char *const OPS[] = {"and", "or",  "not", "eq",  "neq",
                                      "lt",  "lte", "gt",  "gte", "is"};
    for (size_t i = 0; i < sizeof OPS / sizeof *OPS; i++)
        if (strcmp(OPS[i], op) == 0) {
            *test_r = (enum hyper_test)i;
            return true;
        }
    return false;
}

static bool parse_constant(const char *type, enum hyper_constant *constant_r)
{
    static const char *const TYPES[] = {"", "boolean", "datetime", "double", "integer", "string"};
    for (size_t i = 1; type && i < sizeof TYPES / sizeof *TYPES; i++)
        if (strcmp(TYPES[i], type) == 0) {
            *constant_r = (enum hyper_constant)i;
            return true;
        }
    return false;
}

static enum err read_constant(const struct reading *r, const struct el *el,
                              struct hyper_condition *out)
{
    static const char *const NAMES[] = {"type", "v", NULL};
    const struct el *constant = doc_find(el, "const");
    if (!constant)
        return doc_get(el, "const") ? refuse(r, "const is not an object of type and v.") : E_OK;
    enum err err = check_names(r, constant, "const", NAMES);
    if (err)
        return err;
    const char *type = doc_get(constant, "type");
    if (!parse_constant(type, &out->constant))
        return refuse(r,
                      "the type of a const is '%s'; expected one of boolean, datetime, double, "
                      "integer, string.",
                      type ? echo(r, type) : "");
    if (doc_find(constant, "v") && !doc_get(constant, "v"))
        return refuse(r, "v of a const is not one value.");
    out->text = doc_get(constant, "v");
    return E_OK;
}

static enum err read_comparison(const struct reading *r, const struct el *el, const char *op,
                                struct hyper_condition *out)
{
    enum err err = read_text(r, el, "target-col", &out->target);
    if (!err)
        err = read_text(r, el, "source-col", &out->source);
    if (!err)
        err = read_constant(r, el, out);
    if (err)
        return err;
    if (doc_find(el, "args") || doc_get(el, "args"))
        return refuse(r, "the condition '%s' takes no args.", op);
    if ((out->target != NULL) + (out->source != NULL) + (out->constant != HYPER_NO_CONSTANT) != 2)
        return refuse(r, "the condition '%s' takes two of target-col, source-col and const.", op);
    return E_OK;
}

static enum err read_condition(struct reading *r, const struct el *el, size_t depth,
                               struct hyper_condition *out);

static enum err read_args(struct reading *r, const struct el *el, const char *op, size_t depth,
                          struct hyper_condition *out)
{
    const struct el *first = doc_find(el, "args");
    if (doc_get(el, "target-col") || doc_get(el, "source-col") || doc_find(el, "const"))
        return refuse(r, "the condition '%s' takes args alone.", op);
    for (const struct el *arg = first; arg; arg = doc_next(arg))
        out->arg_count++;
    if (out->arg_count == 0 || (out->test == HYPER_NOT && out->arg_count > 1))
        return refuse(r, "the condition '%s' takes args: %s.", op,
                      out->test == HYPER_NOT ? "one condition" : "conditions");
    struct hyper_condition *args = arena_zalloc(r->arena, out->arg_count * sizeof *args);
    enum err err = E_OK;
    size_t i = 0;
    for (const struct el *arg = first; arg && !err; arg = doc_next(arg))
        err = read_condition(r, arg, depth + 1, &args[i++]);
    out->args = args;
    return err;
}

static enum err read_condition(struct reading *r, const struct el *el, size_t depth,
                               struct hyper_condition *out)
{
    static const char *const NAMES[] = {"op", "args", "target-col", "source-col", "const", NULL};
    const char *op = doc_get(el, "op");
    if (depth > HYPER_REQUEST_DEPTH_MOST)
        return refuse(r, "the condition has more than %d levels.", HYPER_REQUEST_DEPTH_MOST);
    if (++r->conditions > HYPER_REQUEST_CONDITIONS_MOST)
        return refuse(r, "the actions have more than %d conditions.",
                      HYPER_REQUEST_CONDITIONS_MOST);
    enum err err = check_names(r, el, "a condition", NAMES);
    if (err)
        return err;
    if (!op || !parse_test(op, &out->test))
        return refuse(r,
                      "the op of a condition is '%s'; expected one of and, or, not, eq, neq, "
                      "lt, lte, gt, gte, is.",
                      op ? echo(r, op) : "");
    return out->test > HYPER_NOT ? read_comparison(r, el, op, out)
                                 : read_args(r, el, op, depth, out);
}

/* ---- actions */

static bool parse_act(const char *name, enum hyper_act *act_r)
{
    for (enum hyper_act act = HYPER_INSERT; act <= HYPER_UPSERT; act++)
        if (strcmp(hyper_act_name(act), name) == 0) {
            *act_r = act;
            return true;
        }
    return false;
}

static enum err read_act(const struct reading *r, const struct el *el, struct hyper_action *out)
{
    const char *name = doc_get(el, "action");
    if (!name || !parse_act(name, &out->act))
        return refuse(r, "action is '%s'; expected one of insert, replace, delete, update, upsert.",
                      name ? echo(r, name) : "");
    return E_OK;
}

/* An empty condition is none. */
static enum err read_action_condition(struct reading *r, const struct el *el,
                                      struct hyper_action *out)
{
    const struct el *condition = doc_find(el, "condition");
    bool wants = out->act >= HYPER_DELETE;
    if (!condition && doc_get(el, "condition"))
        return refuse(r, "condition is not an object.");
    if (condition && !condition->attrs && !condition->children)
        condition = NULL;
    if (wants != (condition != NULL))
        return refuse(r, wants ? "%s needs a condition." : "%s takes no condition.",
                      hyper_act_name(out->act));
    if (!condition)
        return E_OK;
    struct hyper_condition *read = arena_zalloc(r->arena, sizeof *read);
    out->condition = read;
    return read_condition(r, condition, 1, read);
}

static enum err read_action(struct reading *r, const struct el *el, struct hyper_action *out)
{
    static const char *const NAMES[] = {
        "action", "target-table", "target-schema", "source-table", "source-schema", "condition",
        NULL};
    enum err err = check_names(r, el, "an action", NAMES);
    if (!err)
        err = read_act(r, el, out);
    if (!err)
        err = read_text(r, el, "target-table", &out->target_table);
    if (!err)
        err = read_text(r, el, "target-schema", &out->target_schema);
    if (!err)
        err = read_text(r, el, "source-table", &out->source_table);
    if (!err)
        err = read_text(r, el, "source-schema", &out->source_schema);
    if (err)
        return err;
    if (!out->target_table)
        return refuse(r, "target-table is missing.");
    if (!out->source_table && (out->act != HYPER_DELETE || out->source_schema))
        return refuse(r, "source-table is missing.");
    return read_action_condition(r, el, out);
}

enum err hyper_request_read(struct arena *arena, const struct el *root,
                            const struct hyper_action **actions_r, size_t *count_r,
                            struct fault *fault)
{
    struct reading r = {.arena = arena, .fault = fault};
    const struct el *first = doc_find(root, "actions");
    size_t count = 0;
    for (const struct el *el = first; el; el = doc_next(el))
        count++;
    if (count == 0 || count > HYPER_REQUEST_ACTIONS_MOST)
        return fault_set(fault, arena, E400000,
                         "The request has %zu actions; expected are 1 to %d, as objects of the "
                         "list 'actions'.",
                         count, HYPER_REQUEST_ACTIONS_MOST);
    struct hyper_action *actions = arena_zalloc(arena, count * sizeof *actions);
    enum err err = E_OK;
    for (const struct el *el = first; el && !err; el = doc_next(el)) {
        struct hyper_action *action = &actions[r.action++];
        err = read_action(&r, el, action);
    }
    *actions_r = actions;
    *count_r = count;
    return err;
}

bool hyper_request_takes_payload(const struct hyper_action *actions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (actions[i].source_table)
            return true;
    return false;
}
