/* Settings, the configuration's four sources, and the reading of arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/suggest.h"
#include "tbl/settings.h"
#include "trust/jws.h"

/* ---- the table */

static void every_row_is_sound(void **state)
{
    (void)state;
    size_t count;
    const struct setting_row *rows = setting_rows(&count);
    for (size_t i = 0; i < count; i++) {
        char why[CONFIG_WHY_ROOM];
        int64_t number, bound;
        if (!setting_parse(&rows[i], rows[i].standard, &number, why, sizeof why))
            fail_msg("default of %s: %s", rows[i].name, why);
        if (*rows[i].min)
            assert_true(setting_parse(&rows[i], rows[i].min, &bound, why, sizeof why));
        if (*rows[i].max && rows[i].type != SETTING_WORDS)
            assert_true(setting_parse(&rows[i], rows[i].max, &bound, why, sizeof why));
        assert_ptr_equal(setting_find(rows[i].name), &rows[i]);
        assert_int_equal(strspn(rows[i].name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
                         strlen(rows[i].name));
        assert_true(strlen(rows[i].help) > 0 && strlen(rows[i].form) > 0);
    }
    assert_null(setting_find("server"));
}

/* The names in the table are those that the server knows. */
static void algorithms_to_refuse_are_those_there_are(void **state)
{
    (void)state;
    size_t count;
    const struct jws_alg *algs = jws_algs(&count);
    char names[200] = "";
    for (size_t i = 0; i < count; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? "|" : "",
                 algs[i].name);
    assert_string_equal(setting_find("eas-refused-algorithms")->max, names);
    assert_true(jws_alg_listed("RS256, ES256", "ES256"));
    assert_false(jws_alg_listed("RS256, ES2567", "ES256"));
    assert_false(jws_alg_listed(NULL, "ES256"));
}

static void values_are_read_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        int64_t number; /* -1: refused */
        const char *why;
    } cases[] = {
        {"threads", "8", 8, NULL},
        {"threads", "64", 64, NULL},
        {"threads", "65", -1, "'65' is above the most, 64"},
        {"threads", "-1", -1, "'-1' is not a whole number"},
        {"threads", "8x", -1, "'8x' is not a whole number"},
        {"threads", "", -1, "'' is not a whole number"},
        {"threads", "99999999999999999999", -1, "'99999999999999999999' is not a whole number"},
        {"eas-refused-algorithms", "", 0, NULL},
        {"eas-refused-algorithms", " RS256,ES256  EdDSA ,", 0, NULL},
        {"eas-refused-algorithms", "RS256 rs384", -1,
         "'RS256 rs384' holds others than RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|"
         "EdDSA"},
        {"eas-refused-algorithms", "RS25", -1,
         "'RS25' holds others than RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA"},
        {"max-header", "1k", 1024, NULL},
        {"max-header", "2048", 2048, NULL},
        {"max-header", "1M", 1 << 20, NULL},
        {"max-header", "1023", -1, "'1023' is below the least, 1k"},
        {"max-header", "9999999999g", -1, "'9999999999g' is not a size such as 512, 64k or 4m"},
        {"max-header", "k", -1, "'k' is not a size such as 512, 64k or 4m"},
        {"idle-timeout", "250ms", 250, NULL},
        {"idle-timeout", "2m", 120000, NULL},
        {"idle-timeout", "45", 45000, NULL},
        {"idle-timeout", "1w", -1, "'1w' is not a time such as 90s, 5m, 4h or 7d"},
        {"idle-timeout", "99ms", -1, "'99ms' is below the least, 100ms"},
        {"explain-refusals", "yes", 1, NULL},
        {"explain-refusals", "off", 0, NULL},
        {"explain-refusals", "maybe", -1, "'maybe' is not on or off"},
        {"log-format", "json", 1, NULL},
        {"log-format", "js", -1, "'js' is not one of text|json"},
        {"log-format", "text|json", -1, "'text|json' is not one of text|json"},
        {"listen", "a\nb", -1, "the value holds a control character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[CONFIG_WHY_ROOM] = "";
        int64_t number = -1;
        bool good =
            setting_parse(setting_find(cases[i].name), cases[i].text, &number, why, sizeof why);
        assert_int_equal(good, cases[i].number >= 0);
        if (good)
            assert_int_equal(number, cases[i].number);
        else
            assert_string_equal(why, cases[i].why);
    }
}

static void variables_have_the_names_of_settings(void **state)
{
    (void)state;
    char variable[SETTING_VARIABLE_ROOM];
    setting_variable(setting_find("jwt-clock-skew"), variable);
    assert_string_equal(variable, "EASEL_JWT_CLOCK_SKEW");
}

static void nearest_name_is_suggested(void **state)
{
    (void)state;
    struct suggest suggest;
    suggest_init(&suggest, "lisen");
    suggest_offer(&suggest, "log-level");
    suggest_offer(&suggest, "listen");
    suggest_offer(&suggest, "data");
    assert_string_equal(suggest.best, "listen");
    suggest_init(&suggest, "zzzzzz");
    suggest_offer(&suggest, "listen");
    assert_null(suggest.best);
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    suggest_init(&suggest, longest);
    suggest_offer(&suggest, longest);
    assert_null(suggest.best);
}

/* ---- the configuration */

static char folder[64];

static void clear_variables(void)
{
    size_t count;
    const struct setting_row *rows = setting_rows(&count);
    for (size_t i = 0; i < count; i++) {
        char variable[SETTING_VARIABLE_ROOM];
        setting_variable(&rows[i], variable);
        unsetenv(variable);
    }
}

static int enter(void **state)
{
    (void)state;
    clear_variables();
    snprintf(folder, sizeof folder, "/tmp/easel-settings-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    char path[128];
    clear_variables();
    snprintf(path, sizeof path, "%s/easel.conf", folder);
    unlink(path);
    return rmdir(folder);
}

static void write_file(const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/easel.conf", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

static struct config *config_in_folder(void)
{
    struct config *config = config_new();
    char why[CONFIG_WHY_ROOM];
    assert_true(config_set_option(config, "data", folder, why, sizeof why));
    return config;
}

static void load(struct config *config)
{
    char why[CONFIG_WHY_ROOM] = "";
    if (!config_load(config, why, sizeof why))
        fail_msg("%s", why);
}

static void sources_have_their_precedence(void **state)
{
    (void)state;
    struct config *config = config_in_folder();
    char why[CONFIG_WHY_ROOM], place[128];
    assert_string_equal(config_source(config, "threads"), "default");
    write_file(
        "# first\nthreads = 2\nlisten = :1\nmax-body=1m # one\n log-format\t=  \"json\" # x\n");
    setenv("EASEL_THREADS", "3", 1);
    setenv("EASEL_LISTEN", ":2", 1);
    assert_true(config_set_option(config, "threads", "4", why, sizeof why));
    load(config);
    assert_int_equal(config_int(config, "threads"), 4);
    assert_string_equal(config_source(config, "threads"), "option");
    assert_string_equal(config_text(config, "listen"), ":2");
    assert_string_equal(config_source(config, "listen"), "variable EASEL_LISTEN");
    assert_int_equal(config_size(config, "max-body"), 1 << 20);
    snprintf(place, sizeof place, "file %s/easel.conf:4", folder);
    assert_string_equal(config_source(config, "max-body"), place);
    assert_string_equal(config_text(config, "log-format"), "json");
    assert_int_equal(config_span(config, "session-life"), 240 * 60 * 1000);
    assert_false(config_bool(config, "explain-refusals"));
    config_set_default(config, "explain-refusals", "on");
    assert_true(config_bool(config, "explain-refusals"));
    config_free(&config);
    assert_null(config);
}

static void defaults_follow_the_data_directory(void **state)
{
    (void)state;
    struct config *config = config_new();
    assert_string_equal(config_text(config, "secret-key-file"), "easel-data/secret.key");
    config_free(&config);
    config = config_in_folder();
    char expected[128];
    snprintf(expected, sizeof expected, "sqlite:%s/easel.db", folder);
    assert_string_equal(config_text(config, "repository"), expected);
    load(config);
    assert_null(config_file(config));
    config_free(&config);
}

static void files_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"\n\nlisen = :1\n", "3: no setting 'lisen'; did you mean 'listen'?"},
        {"qqqqqqqq = :1\n", "1: no setting 'qqqqqqqq'"},
        {"listen\n", "1: expected 'name = value'"},
        {"listen = \":1\n", "1: the quote that opens the value is not closed"},
        {"listen = ':1' x\n", "1: something follows the quoted value"},
        {"threads = many\n", "1: threads: 'many' is not a whole number"},
        {"config = x\n", "1: a configuration file cannot name another"},
        {"data = x\n", "1: a file that was found in the data directory cannot name another"},
        {"secret-key = x\n",
         "1: 'secret-key' is a secret and is set by the variable EASEL_SECRET_KEY alone"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config *config = config_in_folder();
        char why[CONFIG_WHY_ROOM] = "", expected[CONFIG_WHY_ROOM];
        write_file(cases[i].text);
        assert_false(config_load(config, why, sizeof why));
        snprintf(expected, sizeof expected, "%s/easel.conf:%s", folder, cases[i].why);
        assert_string_equal(why, expected);
        config_free(&config);
    }
}

static void a_name_set_twice_is_refused(void **state)
{
    (void)state;
    struct config *config = config_in_folder();
    char why[CONFIG_WHY_ROOM] = "", expected[CONFIG_WHY_ROOM];
    write_file("threads = 1\n\nthreads = 2\n");
    assert_false(config_load(config, why, sizeof why));
    snprintf(expected, sizeof expected,
             "%s/easel.conf:3: 'threads' is set a second time; first at %s/easel.conf:1", folder,
             folder);
    assert_string_equal(why, expected);
    config_free(&config);
}

static void a_file_that_was_named_must_exist(void **state)
{
    (void)state;
    struct config *config = config_in_folder();
    char why[CONFIG_WHY_ROOM] = "";
    assert_true(config_set_option(config, "config", "/nonexistent/easel.conf", why, sizeof why));
    assert_false(config_load(config, why, sizeof why));
    assert_string_equal(why, "/nonexistent/easel.conf: No such file or directory");
    config_free(&config);
}

static void a_wrong_variable_is_named(void **state)
{
    (void)state;
    struct config *config = config_in_folder();
    char why[CONFIG_WHY_ROOM] = "";
    setenv("EASEL_MAX_BODY", "big", 1);
    assert_false(config_load(config, why, sizeof why));
    assert_string_equal(why, "variable EASEL_MAX_BODY: 'big' is not a size such as 512, 64k or 4m");
    config_free(&config);
}

static void print_into(const struct config *config, char *text, size_t size)
{
    FILE *out = fmemopen(text, size, "w");
    assert_non_null(out);
    config_print(config, out);
    fclose(out);
    assert_true(strlen(text) > 0 && strlen(text) < size - 1);
}

static void secrets_are_never_printed(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "postgresql://ann:hunter2@db/easel", "postgresql://ann:a:hunter2@db/easel?sslmode=require",
        "postgresql://db/easel?user=ann&password=hunter2&sslmode=require",
        "postgresql://db/easel?password=hunter2"};
    setenv("EASEL_SECRET_KEY", "hunter2", 1);
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct config *config = config_in_folder();
        setenv("EASEL_REPOSITORY", urls[i], 1);
        load(config);
        assert_string_equal(config_text(config, "repository"), urls[i]);
        assert_string_equal(config_text(config, "secret-key"), "hunter2");
        char text[8192];
        print_into(config, text, sizeof text);
        assert_null(strstr(text, "hunter2"));
        assert_non_null(strstr(text, "db/easel"));
        assert_non_null(strstr(text, "# secret-key (set)  # variable EASEL_SECRET_KEY\n"));
        assert_non_null(strstr(text, "# admin-password (not set)  # default\n"));
        config_free(&config);
    }
}

static void what_is_printed_can_be_read_again(void **state)
{
    (void)state;
    char why[CONFIG_WHY_ROOM];
    struct config *config = config_in_folder();
    assert_true(config_set_option(config, "admin-name", "a \"b\" \\ # c", why, sizeof why));
    load(config);
    char text[8192];
    print_into(config, text, sizeof text);
    char *line = strstr(text, "admin-name = ");
    assert_non_null(line);
    *strchr(line, '\n') = '\0';
    write_file(line);
    config_free(&config);
    config = config_in_folder();
    load(config);
    assert_string_equal(config_text(config, "admin-name"), "a \"b\" \\ # c");
    config_free(&config);
}

struct seen {
    char text[256];
};

static void note(void *context, const struct setting_row *row, const char *shown, bool applied)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%s=%s %s;", row->name, shown,
             applied ? "applied" : "restart");
}

static void a_reload_tells_what_changed(void **state)
{
    (void)state;
    struct config *config = config_in_folder();
    char why[CONFIG_WHY_ROOM] = "";
    struct seen seen = {""};
    write_file("log-level = debug\nthreads = 2\nsession-life = 1h\n");
    setenv("EASEL_SESSION_LIFE", "2h", 1);
    load(config);
    write_file("threads = 3\nsession-life = 3h\nexplain-refusals = on\n");
    assert_true(config_reload(config, note, &seen, why, sizeof why));
    assert_string_equal(seen.text,
                        "threads=3 restart;explain-refusals=on applied;log-level=info applied;");
    assert_int_equal(config_int(config, "threads"), 2);
    assert_true(config_bool(config, "explain-refusals"));
    assert_string_equal(config_text(config, "log-level"), "info");
    assert_int_equal(config_span(config, "session-life"), 2 * 3600 * 1000);
    write_file("explain-refusals = of\n");
    assert_false(config_reload(config, note, &seen, why, sizeof why));
    assert_true(config_bool(config, "explain-refusals"));
    config_free(&config);
}

/* ---- arguments */

/* Runs args_parse with stderr caught. */
static enum args_result parse(const char *command, int argc, const char *const *argv,
                              struct config *config, struct args **args_r, char *told,
                              size_t told_size)
{
    FILE *caught = tmpfile();
    assert_non_null(caught);
    int kept = dup(STDERR_FILENO);
    dup2(fileno(caught), STDERR_FILENO);
    enum args_result result =
        args_parse(command_find(command), argc, (char *const *)argv, config, args_r);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(caught);
    told[fread(told, 1, told_size - 1, caught)] = '\0';
    fclose(caught);
    return result;
}

static void options_and_operands_are_read(void **state)
{
    (void)state;
    static const char *const argv[] = {
        "--site=sales", "--jwt-max-life", "5m", "--method", "GET jobs", "--", "--a.b.c-"};
    struct config *config = config_new();
    struct args *args = NULL;
    char told[512];
    assert_int_equal(parse("explain", 7, argv, config, &args, told, sizeof told), ARGS_OK);
    assert_string_equal(told, "");
    assert_string_equal(args_value(args, "site"), "sales");
    assert_string_equal(args_value(args, "method"), "GET jobs");
    assert_int_equal(args_operands(args), 1);
    assert_string_equal(args_operand(args, 0), "--a.b.c-");
    assert_null(args_operand(args, 1));
    assert_int_equal(config_span(config, "jwt-max-life"), 300000);
    args_free(&args);
    config_free(&config);
}

static void repeated_options_keep_their_order(void **state)
{
    (void)state;
    static const char *const argv[] = {"--scope", "a", "--user", "", "--scope=b", "--scope", "c=d"};
    struct config *config = config_new();
    struct args *args = NULL;
    char told[512];
    assert_int_equal(parse("jwt", 7, argv, config, &args, told, sizeof told), ARGS_OK);
    assert_int_equal(args_count(args, "scope"), 3);
    assert_string_equal(args_nth(args, "scope", 1), "b");
    assert_string_equal(args_nth(args, "scope", 2), "c=d");
    assert_null(args_nth(args, "scope", 3));
    assert_string_equal(args_value(args, "user"), "");
    assert_null(args_value(args, "expires"));
    args_free(&args);
    config_free(&config);
}

static void a_boolean_setting_needs_no_value(void **state)
{
    (void)state;
    static const char *const argv[] = {"--explain-refusals", "--seed", "f"};
    struct config *config = config_new();
    struct args *args = NULL;
    char told[512];
    assert_int_equal(parse("serve", 3, argv, config, &args, told, sizeof told), ARGS_OK);
    assert_true(config_bool(config, "explain-refusals"));
    assert_string_equal(args_value(args, "seed"), "f");
    args_free(&args);
    config_free(&config);
}

static void wrong_use_is_told_in_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        const char *argv[4];
        int argc;
        const char *told;
    } cases[] = {
        {"serve", {"--lisen", "x"}, 2, "no option '--lisen'; did you mean '--listen'?"},
        {"serve", {"--listen"}, 1, "option '--listen' needs a value"},
        {"serve", {"--threads=x"}, 1, "option '--threads': 'x' is not a whole number"},
        {"serve", {"--listen=a", "--listen=b"}, 2, "option '--listen' is given twice"},
        {"serve", {"--seed=a", "--seed=b"}, 2, "option '--seed' is given twice"},
        {"serve", {"now"}, 1, "'now' is one word too many"},
        {"serve", {"-v"}, 1, "no option '-v'; options begin with '--'"},
        {"serve",
         {"--secret-key=x"},
         1,
         "no option '--secret-key': a secret is set by its variable, EASEL_SECRET_KEY"},
        {"events", {"--json=yes"}, 1, "option '--json' takes no value"},
        {"events", {"--threads=2"}, 1, "no option '--threads'"},
        {"explain", {"--site", "a"}, 2, "JWT|- is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config *config = config_new();
        struct args *args = NULL;
        char told[512], expected[512];
        assert_int_equal(
            parse(cases[i].command, cases[i].argc, cases[i].argv, config, &args, told, sizeof told),
            ARGS_WRONG);
        snprintf(expected, sizeof expected, "easel %s: %s\nTry 'easel %s --help'.\n",
                 cases[i].command, cases[i].told, cases[i].command);
        assert_string_equal(told, expected);
        assert_null(args);
        config_free(&config);
    }
}

static void help_is_asked_for(void **state)
{
    (void)state;
    static const char *const words[][2] = {{"--help", ""}, {"-h", ""}, {"x", "--help"}};
    for (size_t i = 0; i < 3; i++) {
        struct config *config = config_new();
        struct args *args = NULL;
        char told[512];
        assert_int_equal(
            parse("backup", *words[i][1] ? 2 : 1, words[i], config, &args, told, sizeof told),
            ARGS_HELP);
        config_free(&config);
    }
}

static void help_names_every_option(void **state)
{
    (void)state;
    size_t commands, options;
    const struct command *command = command_rows(&commands);
    const struct option_row *option = option_rows(&options);
    for (size_t i = 0; i < commands; i++) {
        char text[16384], name[64];
        FILE *out = fmemopen(text, sizeof text, "w");
        assert_non_null(out);
        command_help(&command[i], out);
        fclose(out);
        for (size_t j = 0; j < options; j++) {
            if (option[j].command != i)
                continue;
            snprintf(name, sizeof name, "--%s", option[j].name);
            assert_non_null(strstr(text, name));
        }
    }
}

static void commands_take_settings_that_exist(void **state)
{
    (void)state;
    size_t count;
    const struct command *command = command_rows(&count);
    for (size_t i = 0; i < count; i++) {
        char list[1024], *rest = list, *name;
        snprintf(list, sizeof list, "%s", command[i].settings);
        if (strcmp(list, "*") == 0)
            continue;
        while ((name = strsep(&rest, ";")))
            if (*name && !command_takes_setting(&command[i], name))
                fail_msg("%s takes the unknown setting %s", command[i].name, name);
        assert_false(command_takes_setting(&command[i], "secret-key"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(algorithms_to_refuse_are_those_there_are),
        cmocka_unit_test(values_are_read_and_bounded),
        cmocka_unit_test(variables_have_the_names_of_settings),
        cmocka_unit_test(nearest_name_is_suggested),
        cmocka_unit_test_setup_teardown(sources_have_their_precedence, enter, leave),
        cmocka_unit_test_setup_teardown(defaults_follow_the_data_directory, enter, leave),
        cmocka_unit_test_setup_teardown(files_are_refused_with_their_line, enter, leave),
        cmocka_unit_test_setup_teardown(a_name_set_twice_is_refused, enter, leave),
        cmocka_unit_test_setup_teardown(a_file_that_was_named_must_exist, enter, leave),
        cmocka_unit_test_setup_teardown(a_wrong_variable_is_named, enter, leave),
        cmocka_unit_test_setup_teardown(secrets_are_never_printed, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_printed_can_be_read_again, enter, leave),
        cmocka_unit_test_setup_teardown(a_reload_tells_what_changed, enter, leave),
        cmocka_unit_test(options_and_operands_are_read),
        cmocka_unit_test(repeated_options_keep_their_order),
        cmocka_unit_test(a_boolean_setting_needs_no_value),
        cmocka_unit_test(wrong_use_is_told_in_one_line),
        cmocka_unit_test(help_is_asked_for),
        cmocka_unit_test(help_names_every_option),
        cmocka_unit_test(commands_take_settings_that_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
