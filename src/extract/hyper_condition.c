/* hyper_condition.c: see hyper_condition.h. */
#include "extract/hyper_condition.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fold.h"
#include "extract/hyper_priv.h"

enum { DEPTH_MOST = 32, PAIRS_MOST = 64 };

/* How two values are compared. */
enum way { AS_NUMBERS, AS_TIMES, AS_BYTES, AS_FOLDED };

enum side { OF_TARGET, OF_SOURCE, CONSTANT };

struct operand {
    enum side side;
    size_t column;
    struct hyper_value value; /* of a constant */
};

struct node {
    enum hyper_test test;
    struct node *args;
    size_t arg_count;
    enum way way;
    struct operand left, right;
};

struct hyper_matcher {
    struct node root;
    struct hyper_pair pairs[PAIRS_MOST];
    enum way ways[PAIRS_MOST];
    bool null_safe[PAIRS_MOST]; /* `is`: NULL equals NULL */
    size_t pair_count;
};

const char *hyper_act_name(enum hyper_act act)
{
    static const char *const NAMES[] = {"insert", "replace", "delete", "update", "upsert"};
    return NAMES[act];
}

enum err hyper_action_refuse(const struct hyper_matching *m, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *why = arena_vprintf(m->arena, format, args);
    va_end(args);
    return fault_set(m->fault, m->arena, E400000, "Action %zu (%s): %s", m->number,
                     hyper_act_name(m->action->act), why);
}

static const char *echo(const struct hyper_matching *m, const char *text)
{
    return fault_echo(m->arena, text, strlen(text));
}

/* ---- columns */

/* NULL: refused. */
static const struct hyper_column *find_column(const struct hyper_matching *m, const char *name,
                                              bool of_source, size_t *at_r)
{
    const struct hyper_table *table = of_source ? m->source : m->target;
    bool *used = of_source ? m->source_used : m->target_used;
    if (!table) {
        hyper_action_refuse(m,
                            "the condition reads the column '%s' of the payload, and the action "
                            "names no table of it.",
                            echo(m, name));
        return NULL;
    }
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0) {
            used[i] = true;
            *at_r = i;
            return &table->columns[i];
        }
    hyper_action_refuse(m, "the table '%s' of the %s has no column '%s'.", echo(m, table->name),
                        of_source ? "payload" : "data source", echo(m, name));
    return NULL;
}

/* ---- which values compare */

enum class { NO_CLASS, NUMBER_CLASS, TIME_CLASS, BOOL_CLASS, TEXT_CLASS };

static enum class class_of(enum hyper_type type) {
    switch (type){
        case HYPER_SMALLINT : case HYPER_INTEGER : case HYPER_BIGINT : case
        HYPER_DOUBLE : return NUMBER_CLASS;
        case HYPER_DATE : case HYPER_TIMESTAMP : return TIME_CLASS;
        case HYPER_BOOL : return BOOL_CLASS;
        case HYPER_VARCHAR : return TEXT_CLASS;
        default : return NO_CLASS;
    }
}

static bool ignores_case(const struct hyper_column *column)
{
    size_t len = column->collation ? strlen(column->collation) : 0;
    return len > 3 && strcasecmp(column->collation + len - 3, "_CI") == 0;
}

static bool is_collated(const struct hyper_column *column)
{
    return column->collation && *column->collation && strcasecmp(column->collation, "binary") != 0;
}

static enum err refuse_types(const struct hyper_matching *m, const struct hyper_column *a,
                             const char *b)
{
    return hyper_action_refuse(m, "the column '%s' of the type %s can't be compared with %s.",
                               echo(m, a->name), echo(m, a->type), b);
}

static bool is_order(enum hyper_test test)
{
    return test == HYPER_LT || test == HYPER_LTE || test == HYPER_GT || test == HYPER_GTE;
}

/* `other` NULL: a constant, which has been fitted to the column. */
static enum err choose_way(const struct hyper_matching *m, struct node *node,
                           const struct hyper_column *column, const struct hyper_column *other)
{
    enum class class = class_of(hyper_type_of(column));
    const struct hyper_column *collated = is_collated(column)           ? column
                                          : other && is_collated(other) ? other
                                                                        : NULL;
    if (class == NO_CLASS || (other && class_of(hyper_type_of(other)) != class))
        return refuse_types(m, column,
                            other ? arena_printf(m->arena, "the column '%s' of the type %s",
                                                 echo(m, other->name), echo(m, other->type))
                                  : "anything");
    if (class == TEXT_CLASS && collated && is_order(node->test))
        return hyper_action_refuse(m,
                                   "which strings of the column '%s' are less than others under "
                                   "its collation %s is not supported.",
                                   echo(m, collated->name), echo(m, collated->collation));
    node->way = class == TIME_CLASS                                      ? AS_TIMES
                : class != TEXT_CLASS                                    ? AS_NUMBERS
                : ignores_case(column) || (other && ignores_case(other)) ? AS_FOLDED
                                                                         : AS_BYTES;
    return E_OK;
}

/* ---- constants */

static bool read_integer(const char *text, struct hyper_value *value)
{
    char *end;
    errno = 0;
    value->type = HYPER_BIGINT;
    value->integer = strtoll(text, &end, 10);
    return *text && !errno && !*end && *text != ' ';
}

static bool read_real(const char *text, struct hyper_value *value)
{
    char *end;
    value->type = HYPER_DOUBLE;
    value->real = strtod(text, &end);
    return *text && !*end && *text != ' ' && !isinf(value->real) &&
           strcspn(text, "xX") == strlen(text);
}

static bool read_boolean(const char *text, struct hyper_value *value)
{
    value->type = HYPER_BOOL;
    value->integer = strcasecmp(text, "true") == 0;
    return value->integer || strcasecmp(text, "false") == 0;
}

/* `digits` of them as a number; false: others stand there. */
static bool take_digits(const char **at, int digits, int64_t *number_r)
{
    *number_r = 0;
    for (; digits--; (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *number_r = *number_r * 10 + (**at - '0');
    }
    return true;
}

static bool take_char(const char **at, const char *any)
{
    if (!**at || !strchr(any, **at))
        return false;
    (*at)++;
    return true;
}

/* Behind the seconds: digits beyond the sixth are dropped. */
static void take_fraction(const char **at, int64_t *micros)
{
    int64_t unit = 100000;
    for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
        *micros += (**at - '0') * unit;
}

/* Z, or what the time is ahead of UTC. */
static bool take_zone(const char **at, int64_t *micros)
{
    int64_t hours, minutes = 0, sign = **at == '-' ? 1 : -1;
    if (take_char(at, "Zz"))
        return true;
    if (!take_char(at, "+-"))
        return true;
    if (!take_digits(at, 2, &hours))
        return false;
    take_char(at, ":");
    if (**at && !take_digits(at, 2, &minutes))
        return false;
    *micros += sign * (hours * 60 + minutes) * 60 * 1000000;
    return hours < 24 && minutes < 60;
}

static bool take_clock(const char **at, int64_t *micros)
{
    int64_t hours, minutes, seconds = 0;
    if (!take_digits(at, 2, &hours) || !take_char(at, ":") || !take_digits(at, 2, &minutes))
        return false;
    if (take_char(at, ":") && !take_digits(at, 2, &seconds))
        return false;
    *micros = ((hours * 60 + minutes) * 60 + seconds) * 1000000;
    if (take_char(at, "."))
        take_fraction(at, micros);
    return hours < 24 && minutes < 60 && seconds < 60 && take_zone(at, micros);
}

static bool day_exists(int64_t year, int64_t month, int64_t day, int64_t *julian_r)
{
    int64_t y;
    unsigned m, d;
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    *julian_r = hyper_day(year, (unsigned)month, (unsigned)day);
    hyper_civil(*julian_r, &y, &m, &d);
    return m == (unsigned)month;
}

static bool read_time(const char *text, struct hyper_value *value)
{
    int64_t year, month, day, julian, micros = 0;
    const char *at = text;
    value->type = HYPER_TIMESTAMP;
    if (!take_digits(&at, 4, &year) || !take_char(&at, "-") || !take_digits(&at, 2, &month) ||
        !take_char(&at, "-") || !take_digits(&at, 2, &day) ||
        !day_exists(year, month, day, &julian))
        return false;
    if (take_char(&at, "Tt ") && !take_clock(&at, &micros))
        return false;
    value->integer = julian * HYPER_DAY_MICROS + micros;
    return !*at;
}

static bool read_text(const char *text, struct hyper_value *value)
{
    value->type = HYPER_VARCHAR;
    value->text = (struct hyper_text){text, (uint32_t)strlen(text)};
    return true;
}

/* A string is taken for a date where it is compared with one. */
static bool read_constant(const struct hyper_condition *c, enum class class,
                          struct hyper_value *value)
{
    switch (c->constant) {
    case HYPER_INTEGER_CONSTANT:
        return class == NUMBER_CLASS && read_integer(c->text, value);
    case HYPER_DOUBLE_CONSTANT:
        return class == NUMBER_CLASS && read_real(c->text, value);
    case HYPER_BOOLEAN_CONSTANT:
        return class == BOOL_CLASS && read_boolean(c->text, value);
    case HYPER_DATETIME_CONSTANT:
        return class == TIME_CLASS && read_time(c->text, value);
    default:
        return class == TIME_CLASS ? read_time(c->text, value)
                                   : class == TEXT_CLASS && read_text(c->text, value);
    }
}

static enum err fit_constant(const struct hyper_matching *m, const struct hyper_condition *c,
                             const struct hyper_column *column, struct node *node)
{
    node->right = (struct operand){.side = CONSTANT};
    if (!c->text) {
        node->right.value.null = true;
        return c->test == HYPER_IS
                   ? E_OK
                   : hyper_action_refuse(m,
                                         "the column '%s' is compared with NULL: the operator "
                                         "for that is 'is'.",
                                         echo(m, column->name));
    }
    if (!read_constant(c, class_of(hyper_type_of(column)), &node->right.value))
        return refuse_types(m, column, arena_printf(m->arena, "'%s'", echo(m, c->text)));
    return E_OK;
}

/* ---- finding */

static enum err find_comparison(const struct hyper_matching *m, const struct hyper_condition *c,
                                struct node *node)
{
    const struct hyper_column *column, *other = NULL;
    enum err err = E_OK;
    node->left.side = c->target ? OF_TARGET : OF_SOURCE;
    column = find_column(m, c->target ? c->target : c->source, !c->target, &node->left.column);
    if (!column)
        return m->fault->err;
    if (c->constant) {
        err = fit_constant(m, c, column, node);
    } else {
        node->right.side = OF_SOURCE;
        other = find_column(m, c->source, true, &node->right.column);
        err = other ? E_OK : m->fault->err;
    }
    if (!err)
        err = choose_way(m, node, column, other);
    if (!err && node->way == AS_FOLDED && c->constant && c->text)
        read_text(fold(m->arena, c->text), &node->right.value);
    return err;
}

static enum err find_node(const struct hyper_matching *m, const struct hyper_condition *c,
                          struct node *node, unsigned depth)
{
    enum err err = E_OK;
    node->test = c->test;
    if (c->test > HYPER_NOT)
        return find_comparison(m, c, node);
    if (depth == DEPTH_MOST)
        return hyper_action_refuse(m, "the condition has more than %d levels.", DEPTH_MOST);
    node->arg_count = c->arg_count;
    node->args = arena_zalloc(m->arena, (c->arg_count + 1) * sizeof *node->args);
    for (size_t i = 0; i < c->arg_count && !err; i++)
        err = find_node(m, &c->args[i], &node->args[i], depth + 1);
    return err;
}

static void collect_pairs(struct hyper_matcher *matcher, const struct node *node)
{
    for (size_t i = 0; node->test == HYPER_AND && i < node->arg_count; i++)
        collect_pairs(matcher, &node->args[i]);
    bool equal = node->test == HYPER_EQ || node->test == HYPER_IS;
    if (!equal || node->left.side != OF_TARGET || node->right.side != OF_SOURCE ||
        matcher->pair_count == PAIRS_MOST)
        return;
    size_t i = matcher->pair_count++;
    matcher->pairs[i] = (struct hyper_pair){node->left.column, node->right.column};
    matcher->ways[i] = node->way;
    matcher->null_safe[i] = node->test == HYPER_IS;
}

enum err hyper_matcher_new(const struct hyper_matching *m, struct hyper_matcher **matcher_r)
{
    struct hyper_matcher *matcher = arena_zalloc(m->arena, sizeof *matcher);
    enum err err = find_node(m, m->action->condition, &matcher->root, 0);
    if (err)
        return err;
    collect_pairs(matcher, &matcher->root);
    *matcher_r = matcher;
    return E_OK;
}

size_t hyper_matcher_pairs(const struct hyper_matcher *matcher, const struct hyper_pair **pairs_r)
{
    *pairs_r = matcher->pairs;
    return matcher->pair_count;
}

/* ---- comparing */

static int sign(bool less, bool greater)
{
    return greater - less;
}

/* NaN equals itself and is greater than all. */
static int compare_reals(double a, double b)
{
    if (isnan(a) || isnan(b))
        return sign(!isnan(a), !isnan(b));
    return sign(a<b, a> b);
}

/* Without rounding the integer to a double. */
static int compare_mixed(int64_t a, double b)
{
    if (isnan(b) || b >= 9223372036854775808.0)
        return -1;
    if (b < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)b;
    if (a != whole)
        return sign(a<whole, a> whole);
    double rest = b - (double)whole;
    return sign(rest > 0, rest < 0);
}

static int compare_numbers(const struct hyper_value *a, const struct hyper_value *b)
{
    bool real_a = a->type == HYPER_DOUBLE, real_b = b->type == HYPER_DOUBLE;
    if (real_a && real_b)
        return compare_reals(a->real, b->real);
    if (real_a)
        return -compare_mixed(b->integer, a->real);
    if (real_b)
        return compare_mixed(a->integer, b->real);
    return sign(a->integer<b->integer, a->integer> b->integer);
}

/* Of days that no calendar reaches the furthest time there is. */
static int64_t micros_of(const struct hyper_value *value)
{
    int64_t micros;
    if (value->type != HYPER_DATE)
        return value->integer;
    if (__builtin_mul_overflow(value->integer, HYPER_DAY_MICROS, &micros))
        return value->integer < 0 ? INT64_MIN : INT64_MAX;
    return micros;
}

static int compare_texts(const struct hyper_text *a, const struct hyper_text *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = len ? memcmp(a->bytes, b->bytes, len) : 0;
    return order ? order : sign(a->len<b->len, a->len> b->len);
}

/* One that holds a NUL is taken as it is. */
static struct hyper_text folded(const struct hyper_text *text, struct arena *scratch)
{
    if (!text->len || memchr(text->bytes, '\0', text->len))
        return *text;
    const char *bytes = fold(scratch, arena_strndup(scratch, text->bytes, text->len));
    return (struct hyper_text){bytes, (uint32_t)strlen(bytes)};
}

static int compare(const struct node *node, const struct hyper_value *a,
                   const struct hyper_value *b, struct arena *scratch)
{
    switch (node->way) {
    case AS_NUMBERS:
        return compare_numbers(a, b);
    case AS_TIMES:
        return sign(micros_of(a) < micros_of(b), micros_of(a) > micros_of(b));
    case AS_BYTES:
        return compare_texts(&a->text, &b->text);
    default: {
        struct hyper_text left = folded(&a->text, scratch);
        struct hyper_text right =
            node->right.side == CONSTANT ? b->text : folded(&b->text, scratch);
        return compare_texts(&left, &right);
    }
    }
}

/* ---- asking */

enum truth { NO, YES, UNKNOWN };

static const struct hyper_value *value_of(const struct operand *operand,
                                          const struct hyper_value *target,
                                          const struct hyper_value *source)
{
    return operand->side == CONSTANT    ? &operand->value
           : operand->side == OF_SOURCE ? &source[operand->column]
                                        : &target[operand->column];
}

static enum truth ask_comparison(const struct node *node, const struct hyper_value *a,
                                 const struct hyper_value *b, struct arena *scratch)
{
    if (a->null || b->null)
        return node->test != HYPER_IS ? UNKNOWN : a->null && b->null ? YES : NO;
    int order = compare(node, a, b, scratch);
    switch (node->test) {
    case HYPER_NEQ:
        return order != 0;
    case HYPER_LT:
        return order < 0;
    case HYPER_LTE:
        return order <= 0;
    case HYPER_GT:
        return order > 0;
    case HYPER_GTE:
        return order >= 0;
    default:
        return order == 0;
    }
}

static enum truth ask(const struct node *node, const struct hyper_value *target,
                      const struct hyper_value *source, struct arena *scratch)
{
    if (node->test > HYPER_NOT)
        return ask_comparison(node, value_of(&node->left, target, source),
                              value_of(&node->right, target, source), scratch);
    if (node->test == HYPER_NOT) {
        enum truth truth = ask(&node->args[0], target, source, scratch);
        return truth == UNKNOWN ? UNKNOWN : truth == YES ? NO : YES;
    }
    /* One NO decides `and`, one YES decides `or`. */
    enum truth decides = node->test == HYPER_AND ? NO : YES;
    enum truth sum = node->test == HYPER_AND ? YES : NO;
    for (size_t i = 0; i < node->arg_count; i++) {
        enum truth truth = ask(&node->args[i], target, source, scratch);
        if (truth == decides)
            return truth;
        if (truth == UNKNOWN)
            sum = UNKNOWN;
    }
    return sum;
}

bool hyper_matcher_holds(const struct hyper_matcher *matcher, const struct hyper_value *target,
                         const struct hyper_value *source, struct arena *scratch)
{
    return ask(&matcher->root, target, source, scratch) == YES;
}

/* ---- hashes: values that compare as equal have the same bytes */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    while (len--)
        hash = (hash ^ *p++) * UINT64_C(0x100000001B3);
    return hash;
}

/* A whole number of 64 bits; other doubles are none of these. */
static bool is_whole(double value)
{
    return value >= -9223372036854775808.0 && value < 9223372036854775808.0 &&
           (double)(int64_t)value == value;
}

static uint64_t hash_number(uint64_t hash, const struct hyper_value *value)
{
    int64_t integer = value->integer;
    if (value->type == HYPER_DOUBLE && isnan(value->real))
        return hash_bytes(hash, "NaN", 3);
    if (value->type == HYPER_DOUBLE && !is_whole(value->real))
        return hash_bytes(hash, &value->real, sizeof value->real);
    if (value->type == HYPER_DOUBLE)
        integer = (int64_t)value->real;
    return hash_bytes(hash, &integer, sizeof integer);
}

static uint64_t hash_value(uint64_t hash, enum way way, const struct hyper_value *value,
                           struct arena *scratch)
{
    if (value->null)
        return hash_bytes(hash, "NULL", 4);
    if (way == AS_NUMBERS)
        return hash_number(hash, value);
    if (way == AS_TIMES) {
        int64_t micros = micros_of(value);
        return hash_bytes(hash, &micros, sizeof micros);
    }
    struct hyper_text text = way == AS_FOLDED ? folded(&value->text, scratch) : value->text;
    hash = hash_bytes(hash, &text.len, sizeof text.len);
    return text.len ? hash_bytes(hash, text.bytes, text.len) : hash;
}

bool hyper_matcher_hash(const struct hyper_matcher *matcher, bool of_source,
                        const struct hyper_value *row, struct arena *scratch, uint64_t *hash_r)
{
    *hash_r = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < matcher->pair_count; i++) {
        const struct hyper_pair *pair = &matcher->pairs[i];
        const struct hyper_value *value = &row[of_source ? pair->source : pair->target];
        if (value->null && !matcher->null_safe[i])
            return false;
        *hash_r = hash_value(*hash_r, matcher->ways[i], value, scratch);
    }
    return true;
}
