/* test_wire.c: documents read, written and read again; hostile bytes refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/doc.h"

typedef enum err reader(struct arena *arena, const char *bytes, size_t len,
                        const struct doc_limits *limits, struct el **root_r, struct fault *fault);

#define S(literal) (literal), sizeof(literal) - 1

static int setup(void **state)
{
    *state = arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    struct arena *arena = *state;
    arena_free(&arena);
    return 0;
}

static struct el *read_ok(struct arena *arena, reader *read, const char *bytes, size_t len)
{
    struct el *root = NULL;
    struct fault fault = {0};
    if (read(arena, bytes, len, &doc_limits_default, &root, &fault) != E_OK)
        fail_msg("%.60s: %s", bytes, fault.detail);
    assert_string_equal(root->name, "tsRequest");
    return root;
}

static struct el *xml(struct arena *arena, const char *text)
{
    return read_ok(arena, xml_read, text, strlen(text));
}

static struct el *json(struct arena *arena, const char *text)
{
    return read_ok(arena, json_read, text, strlen(text));
}

static const char *as_json(const struct el *root)
{
    struct buf out;
    buf_init(&out, root->arena, 0);
    json_write(&out, root);
    assert_true(buf_ok(&out));
    return out.bytes;
}

static const char *as_xml(const struct el *root)
{
    struct buf out;
    buf_init(&out, root->arena, 0);
    xml_write(&out, root, "3.29");
    assert_true(buf_ok(&out));
    return out.bytes;
}

/* The XML behind the prolog and the attributes that every root has. */
static const char *xml_body(const struct el *root)
{
    const char *body = strstr(as_xml(root), ".xsd\"");
    assert_non_null(body);
    return body + 5;
}

/* ---- writing */

static void test_prolog(void **state)
{
    assert_string_equal(
        as_xml(doc_new(*state, "tsResponse")),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><tsResponse xmlns=\"http://tableau.com/api\" "
        "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
        "xsi:schemaLocation=\"http://tableau.com/api "
        "https://help.tableau.com/samples/en-us/rest_api/ts-api_3_29.xsd\"/>");
    assert_string_equal(as_json(doc_new(*state, "tsResponse")), "{}");
}

static void test_kinds(void **state)
{
    struct el *root = doc_new(*state, "tsResponse");
    struct el *site = doc_child(root, "site");
    doc_attr(site, "name", "x");
    doc_attr(site, "absent", NULL);
    doc_attr_bool(site, "open", false);
    doc_attr_count(site, "size", INT64_MIN);
    doc_attr_number(site, "quota", INT64_MAX);
    doc_attr_number(site, "zero", 0);
    doc_attr_time(site, "createdAt", INT64_C(1628621190000));
    doc_text(site, "note", "");
    assert_null(doc_text(site, "absent", NULL));
    doc_text_bool(site, "enabled", true);
    doc_text_time(site, "at", INT64_C(1628621190000));
    assert_string_equal(
        as_json(root),
        "{\"site\":{\"name\":\"x\",\"open\":false,\"size\":\"-9223372036854775808\","
        "\"quota\":9223372036854775807,\"zero\":0,\"createdAt\":\"2021-08-10T18:46:30Z\","
        "\"note\":\"\",\"enabled\":true,\"at\":\"2021-08-10T18:46:30Z\"}}");
    assert_string_equal(
        xml_body(root),
        "><site name=\"x\" open=\"false\" size=\"-9223372036854775808\" "
        "quota=\"9223372036854775807\" zero=\"0\" createdAt=\"2021-08-10T18:46:30Z\"><note></note>"
        "<enabled>true</enabled><at>2021-08-10T18:46:30Z</at></site></tsResponse>");
}

static void test_items(void **state)
{
    struct el *root = doc_new(*state, "tsResponse");
    doc_child(root, "tags");
    struct el *list = doc_child(root, "list");
    doc_attr(doc_item(list, "a"), "n", "1");
    doc_item_text(list, "b", "x");
    doc_item(list, "a");
    doc_text(list, "c", "y");
    doc_item_text(list, "b", "z");
    struct el *version = doc_child(root, "productVersion");
    doc_attr(version, "build", "2");
    doc_set_text(version, "1");
    assert_string_equal(as_json(root), "{\"tags\":{},\"list\":{\"a\":[{\"n\":\"1\"},{}],"
                                       "\"b\":[\"x\",\"z\"],\"c\":\"y\"},"
                                       "\"productVersion\":{\"build\":\"2\",\"value\":\"1\"}}");
    assert_string_equal(xml_body(root),
                        "><tags/><list><a n=\"1\"/><b>x</b><a/><c>y</c><b>z</b></list>"
                        "<productVersion build=\"2\">1</productVersion></tsResponse>");
}

static void test_escapes(void **state)
{
    static const struct {
        const char *value, *json, *attr, *text;
    } cases[] = {
        {"a<b>&\"'", "a<b>&\\\"'", "a&lt;b&gt;&amp;&quot;'", "a&lt;b&gt;&amp;\"'"},
        {"\t\n\r", "\\t\\n\\r", "&#9;&#10;&#13;", "\t\n&#13;"},
        {"\b\f\x01\x1f\\/", "\\b\\f\\u0001\\u001f\\\\/", "\uFFFD\uFFFD\uFFFD\uFFFD\\/",
         "\uFFFD\uFFFD\uFFFD\uFFFD\\/"},
        {"é€😀", "é€😀", "é€😀", "é€😀"},
        {"\u2028\u2029\u2027", "\\u2028\\u2029\u2027", "\u2028\u2029\u2027", "\u2028\u2029\u2027"},
        {"\uFFFE\uFFFF\uFFFD", "\uFFFE\uFFFF\uFFFD", "\uFFFD\uFFFD\uFFFD", "\uFFFD\uFFFD\uFFFD"},
        {"\xff|\xc3|\xed\xa0\x80", "\uFFFD|\uFFFD|\uFFFD\uFFFD\uFFFD",
         "\uFFFD|\uFFFD|\uFFFD\uFFFD\uFFFD", "\uFFFD|\uFFFD|\uFFFD\uFFFD\uFFFD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct el *root = doc_new(*state, "r");
        doc_attr(root, "a", cases[i].value);
        doc_text(root, "t", cases[i].value);
        assert_string_equal(as_json(root), arena_printf(*state, "{\"a\":\"%s\",\"t\":\"%s\"}",
                                                        cases[i].json, cases[i].json));
        assert_string_equal(xml_body(root), arena_printf(*state, " a=\"%s\"><t>%s</t></r>",
                                                         cases[i].attr, cases[i].text));
    }
}

static void test_round_trip(void **state)
{
    static const char *const values[] = {
        "", " a  b ", "\t\r\n", "&amp;&#38;&", "<>\"'", "é€😀\u2028", "]]>", "&#38;#38;", "\\u0000",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct el *root = doc_new(*state, "tsRequest");
        doc_attr(root, "a", values[i]);
        doc_text(root, "t", values[i]);
        doc_item_text(doc_child(root, "list"), "i", values[i]);
        struct el *again[] = {xml(*state, as_xml(root)), json(*state, as_json(root))};
        for (size_t k = 0; k < 2; k++) {
            assert_string_equal(doc_get(again[k], "a"), values[i]);
            assert_string_equal(doc_get(again[k], "t"), values[i]);
            const char **items;
            assert_int_equal(doc_values(doc_find(again[k], "list"), "i", *state, &items), 1);
            assert_string_equal(items[0], values[i]);
        }
    }
}

static void test_ceiling(void **state)
{
    struct el *root = doc_new(*state, "tsResponse");
    doc_attr(root, "a", "0123456789");
    struct buf out;
    buf_init(&out, *state, 8);
    json_write(&out, root);
    assert_false(buf_ok(&out));
    assert_true(out.len <= 8);
}

/* ---- reading */

static void test_alike(void **state)
{
    struct el *forms[] = {
        xml(*state, "<tsRequest xmlns='http://tableau.com/api'><app name='n' enabled='TRUE'><ids>"
                    "<id>a</id> <id>b</id></ids></app></tsRequest>"),
        xml(*state, "<tsRequest xmlns='http://tableausoftware.com/api'><app>\n <enabled>1</enabled>"
                    "<name>n</name><ids><id>a</id><x/><id>b</id></ids></app></tsRequest>"),
        xml(*state, "<t:tsRequest xmlns:t='http://tableau.com/api' xmlns:o='urn:o' o:name='no'>"
                    "<t:app o:name='no' xml:lang='de' name='n' enabled='true'>"
                    "<ids><!-- c --><id>a</id><?p?><id><![CDATA[b]]></id></ids></t:app>"
                    "</t:tsRequest>"),
        json(*state, "{\"app\":{\"name\":\"n\",\"enabled\":true,\"ids\":{\"id\":[\"a\",\"b\"]}}}"),
        json(*state, "{\"tsRequest\":{\"app\":[{\"name\":\"n\",\"enabled\":1,\"none\":null,"
                     "\"ids\":{\"id\":[\"a\",null,\"b\"]}}]}}"),
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct el *app = doc_find(forms[i], "app");
        bool present, value;
        assert_string_equal(doc_get(app, "name"), "n");
        assert_true(doc_get_bool(app, "enabled", &present, &value) && present && value);
        assert_true(doc_get_bool(app, "none", &present, &value) && !present && !value);
        assert_null(doc_get(app, "none"));
        assert_null(doc_get(app, "ids"));
        const char **ids;
        assert_int_equal(doc_values(doc_find(app, "ids"), "id", *state, &ids), 2);
        assert_string_equal(ids[0], "a");
        assert_string_equal(ids[1], "b");
        assert_null(doc_get(forms[i], "name"));
        assert_null(doc_next(app));
    }
}

static void test_values(void **state)
{
    const char **values;
    struct el *one = json(*state, "{\"ids\":{\"id\":\"a\"}}");
    assert_int_equal(doc_values(doc_find(one, "ids"), "id", *state, &values), 1);
    assert_string_equal(values[0], "a");
    struct el *mixed = xml(*state, "<tsRequest id='a'><id>b</id><id x='1'/><id/></tsRequest>");
    assert_int_equal(doc_values(mixed, "id", *state, &values), 3);
    assert_string_equal(values[0], "a");
    assert_string_equal(values[1], "b");
    assert_string_equal(values[2], "");
    assert_int_equal(doc_values(mixed, "none", *state, &values), 0);
    assert_null(values);
    assert_int_equal(doc_values(NULL, "id", *state, &values), 0);
}

/* An array where one value is expected says nothing, however many are in it; a
 * flag that is one is wrong rather than absent. */
static void test_arrays_are_no_values(void **state)
{
    static const char *const texts[] = {"{\"a\":[\"true\"]}", "{\"a\":[true]}", "{\"a\":[1,0]}",
                                        "{\"a\":[null,\"true\"]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct el *root = json(*state, texts[i]);
        const char **values;
        bool present, value;
        assert_null(doc_get(root, "a"));
        assert_false(doc_get_bool(root, "a", &present, &value));
        assert_true(present && !value);
        assert_true(doc_values(root, "a", *state, &values) >= 1);
    }
    struct el *empty = json(*state, "{\"a\":[]}");
    bool present, value;
    assert_null(doc_get(empty, "a"));
    assert_true(doc_get_bool(empty, "a", &present, &value) && !present);
}

static void test_absent(void **state)
{
    bool present, value;
    (void)state;
    assert_null(doc_find(NULL, "x"));
    assert_null(doc_next(NULL));
    assert_null(doc_get(NULL, "x"));
    assert_true(doc_get_bool(NULL, "x", &present, &value) && !present);
}

static void test_bools(void **state)
{
    static const struct {
        const char *text;
        bool good, value;
    } cases[] = {{"true", true, true},    {"TRUE", true, true},   {"True", true, true},
                 {"1", true, true},       {"false", true, false}, {"FALSE", true, false},
                 {"0", true, false},      {"", false, false},     {" true", false, false},
                 {"true ", false, false}, {"yes", false, false},  {"10", false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct el *root = doc_new(*state, "tsRequest");
        bool present, value;
        doc_attr(root, "b", cases[i].text);
        assert_int_equal(doc_get_bool(root, "b", &present, &value), cases[i].good);
        assert_true(present);
        assert_int_equal(value && cases[i].good, cases[i].value);
    }
    bool present, value;
    struct el *object = json(*state, "{\"b\":{\"x\":1}}");
    assert_false(doc_get_bool(object, "b", &present, &value));
    assert_true(present);
}

static void test_json_scalars(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{\"a\":9223372036854775807}", NULL},
        {"{\"a\":-9223372036854775808}", NULL},
        {"{\"a\":0.1}", NULL},
        {"{\"a\":1.50}", "{\"a\":1.5}"},
        {"{\"a\":1.0}", "{\"a\":1}"},
        {"{\"a\":-0.0}", "{\"a\":0}"},
        {"{\"a\":1E2}", "{\"a\":100}"},
        {"{\"a\":0.30000000000000004}", NULL},
        {"{\"a\":5e-324}", "{\"a\":4.94065645841247e-324}"},
        {"{\"a\":[]}", "{}"},
        {"{\"a\":[null]}", "{}"},
        {"{\"a\":[\"x\",1,true,{},{\"b\":\"\"}]}", NULL},
        {"{\"v\":{\"value\":\"1\",\"build\":\"2\"}}", NULL},
        {"{\"tsRequest\":{\"a\":1}}", "{\"a\":1}"},
        {"{\"tsRequest\":\"a\"}", NULL},
        {"{\"tsRequest\":{\"a\":1},\"b\":2}", "{\"b\":2,\"tsRequest\":{\"a\":1}}"},
        {"{\"a\":\"\\ud83d\\ude00\\u00e9\"}", "{\"a\":\"😀é\"}"},
        {"{\"a\":-0}", "{\"a\":0}"},
        {"{\"tsRequest\":{\"a\":1},\"b\":null}", "{\"tsRequest\":{\"a\":1}}"},
        {"{\"tsRequest\":[{\"a\":1}]}", NULL},
        {" \r\n\t{ \"\\u0061\" : [ 1 , \"\\\\\\\"\\/\\n\\r\\t\" ] } ",
         "{\"a\":[1,\"\\\\\\\"/\\n\\r\\t\"]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(as_json(json(*state, cases[i].in)),
                            cases[i].out ? cases[i].out : cases[i].in);
}

static void test_charsets(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {S("<tsRequest a=\"é\"/>")},
        {S("\xEF\xBB\xBF<tsRequest a=\"é\"/>")},
        {S("<?xml version='1.0' encoding = 'utf-8'?><tsRequest a=\"é\"/>")},
        {S("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><tsRequest a=\"\xE9\"/>")},
        {S("<?xml version=\"1.0\" encoding=\"us-ascii\"?><tsRequest a=\"&#xe9;\"/>")},
        {S("\xFF\xFE<\0t\0s\0R\0e\0q\0u\0e\0s\0t\0 \0a\0=\0\"\0\xE9\0\"\0/\0>\0")},
        {S("\xFE\xFF\0<\0t\0s\0R\0e\0q\0u\0e\0s\0t\0 \0a\0=\0\"\0\xE9\0\"\0/\0>")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(doc_get(read_ok(*state, xml_read, cases[i].bytes, cases[i].len), "a"),
                            "é");
}

/* ---- refusing */

static const char *refused(struct arena *arena, reader *read, const char *bytes, size_t len)
{
    struct el *root = NULL;
    struct fault fault = {0};
    if (read(arena, bytes, len, &doc_limits_default, &root, &fault) != E400000)
        fail_msg("accepted: %.60s", bytes);
    assert_int_equal(fault.err, E400000);
    assert_null(root);
    assert_true(strlen(fault.detail) < 200);
    for (const char *p = fault.detail; *p; p++)
        assert_in_range(*p, 0x20, 0x7E);
    return fault.detail;
}

struct refusal {
    const char *bytes;
    size_t len;
    const char *says;
};

static void refuse_all(struct arena *arena, reader *read, const struct refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *detail = refused(arena, read, cases[i].bytes, cases[i].len);
        if (!strstr(detail, cases[i].says))
            fail_msg("%.60s: expected '%s' in '%s'", cases[i].bytes, cases[i].says, detail);
    }
}

static void test_xml_refused(void **state)
{
    static const struct refusal cases[] = {
        {S(""), "empty"},
        {S(" \r\n\t"), "empty"},
        {S("hello"), "no element"},
        {S("{\"a\":1}"), "no element"},
        {S("<tsResponse/>"), "expected the element 'tsRequest', found 'tsResponse'"},
        {S("<\xC3\xA9\xC3\xA9/>"), "found '??"},
        {S("<tsRequest xmlns='urn:x'/>"), "found 'urn:x'"},
        {S("<tsRequest>\n <a xmlns='urn:x'/></tsRequest>"), "line 2, column 18: expected the name"},
        {S("<tsRequest><a></tsRequest>"), "does not match"},
        {S("<tsRequest><a>"), "too early"},
        {S("<tsRequest a='1"), "well-formed"},
        {S("<tsRequest/><tsRequest/>"), "follows"},
        {S("<tsRequest a='1' a='2'/>"), "stands twice"},
        {S("<tsRequest x:a='1'/>"), "prefix"},
        {S("<x:tsRequest/>"), "prefix"},
        {S("<tsRequest a='<'/>"), "'<' in the value"},
        {S("<tsRequest a/>"), "without a quoted value"},
        {S("<tsRequest>a<b/></tsRequest>"), "text beside elements in 'tsRequest'"},
        {S("<tsRequest><b/>a</tsRequest>"), "text beside elements in 'tsRequest'"},
        {S("<tsRequest>&nbsp;</tsRequest>"), "not declared"},
        {S("<tsRequest a='&nbsp;'/>"), "not declared"},
        {S("<tsRequest>&#0;</tsRequest>"), "cannot hold"},
        {S("<tsRequest>\x01</tsRequest>"), "cannot hold"},
        {S("<tsRequest>\xEF\xBF\xBF</tsRequest>"), "cannot hold"},
        {S("<tsRequest>\0</tsRequest>"), "bytes that are not text"},
        {S("<tsRequest a='\xC3('/>"), "bytes that are not text"},
        {S("<tsRequest a='\xED\xA0\x80'/>"), "bytes that are not text"},
        {S("<!DOCTYPE tsRequest><tsRequest/>"), "document type"},
        {S("<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>]>"
           "<tsRequest>&c;</tsRequest>"),
         "document type"},
        {S("<!DOCTYPE l [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><tsRequest>&a;</tsRequest>"),
         "document type"},
        {S("<!DOCTYPE l SYSTEM 'http://127.0.0.1:9/x.dtd'><tsRequest/>"), "document type"},
        {S("<!DOCTYPE [<!ATTLIST tsRequest a CDATA 'b'>]><tsRequest/>"), "well-formed"},
        {S("<?xml version='1.0' encoding='UTF-7'?><tsRequest/>"), "'UTF-7', which is not accepted"},
        {S("<?xml version='1.0' encoding='UTF-16'?><tsRequest/>"), "does not agree"},
        {S("<?xml version='1.0' encoding='ascii'?><tsRequest a='\xE9'/>"), "beyond"},
        {S("<?xml version='1.0' encoding='latin1'?><tsRequest a='\0'/>"), "not text"},
        {S("\xFF\xFE<\0t"), "ends within"},
        {S("\xFF\xFE<\0\0\xD8>\0"), "not text"},
    };
    refuse_all(*state, xml_read, cases, sizeof cases / sizeof *cases);
}

static void test_json_refused(void **state)
{
    static const struct refusal cases[] = {
        {S(""), "empty"},
        {S(" \n"), "empty"},
        {S("[]"), "Expected a JSON object"},
        {S("5"), "well-formed"},
        {S("<tsRequest/>"), "well-formed"},
        {S("{\"a\":"), "too early"},
        {S("{\"a\":\"b"), "too early"},
        {S("{} {}"), "follows"},
        {S("{}\0"), "follows"},
        {S("{\"a\":\"\0\"}"), "well-formed"},
        {S("{\n\"a\":1,\"a\":2}"), "line 2, column 9: a member stands twice"},
        {S("{\"a\":[[]]}"), "array directly within"},
        {S("{\"a\":\"\\u0000\"}"), "NUL"},
        {S("{\"a\\u0000\":1}"), "NUL"},
        {S("{\"a\":\"\\u0001\"}"), "control character"},
        {S("{\"a\":[\"\\uffff\"]}"), "control character"},
        {S("{\"a\":\"\\ud800\"}"), "well-formed"},
        {S("{\"a\":\"\\ud800x\"}"), "well-formed"},
        {S("{\"a\":\"\\udc00\"}"), "well-formed"},
        {S("{\"a\":1e400}"), "number is too large"},
        {S("{\"a\":-9223372036854775809}"), "number is too large"},
        {S("{\"a\":01}"), "well-formed"},
        {S("{\"a\":NaN}"), "well-formed"},
        {S("{\"a\":\"\xC0\x80\"}"), "not UTF-8"},
        {S("{\"a\":\"\xED\xA0\x80\"}"), "not UTF-8"},
        {S("{\"a\":1,}"), "well-formed"},
        {S("{\"a\":1,\"\\u0061\":2}"), "column 15: a member stands twice"},
        {S("{\"b\":{\"a\":null,\"c\":1,\"a\":null}}"), "stands twice"},
        {S("{\"é\":1,\n \"e\" 2}"), "line 2, column 6: not well-formed"},
        {S("{\"a\":tru}"), "column 9: not well-formed"},
        {S("{\"a\":\"x\ty\"}"), "not well-formed"},
        {S("{\"a\":\"\\x\"}"), "not well-formed"},
        {S("{\"a\":\"\\u12\"}"), "not well-formed"},
        {S("{\"a\":\"\\"), "well-formed"},
        {S("{\"a\":-"), "too early"},
        {S("{\"a\":1.}"), "well-formed"},
        {S("{\"a\":1e}"), "well-formed"},
        {S("{\"a\":+1}"), "well-formed"},
        {S("{\"a\" 1}"), "well-formed"},
        {S("{a:1}"), "well-formed"},
        {S("{\"a\":nul"), "too early"},
        {S("{\"tsRequest\":{\"a\":1},\"tsRequest\":{}}"), "stands twice"},
        {S("\xEF\xBB\xBF{}"), "well-formed"},
    };
    refuse_all(*state, json_read, cases, sizeof cases / sizeof *cases);
}

/* A detail may name what stands in the way, never what it holds. */
static void test_no_value_echoed(void **state)
{
    static const struct refusal xml_cases[] = {
        {S("<tsRequest password='s3cret' password='s3cret'/>"), ""},
        {S("<tsRequest><p>s3cret<a/></p></tsRequest>"), ""},
        {S("<tsRequest password='s3cret"), ""},
    };
    static const struct refusal json_cases[] = {
        {S("{\"password\":\"s3cret\" \"s3cret\"}"), ""},
        {S("{\"password\":s3cret}"), ""},
    };
    for (size_t i = 0; i < 3; i++)
        assert_null(
            strstr(refused(*state, xml_read, xml_cases[i].bytes, xml_cases[i].len), "s3cret"));
    for (size_t i = 0; i < 2; i++)
        assert_null(
            strstr(refused(*state, json_read, json_cases[i].bytes, json_cases[i].len), "s3cret"));
}

/* `head`, then `unit` n times (%06zu of the counter in place of '#'), then `tail`. */
static struct buf repeated(struct arena *arena, const char *head, const char *unit, size_t n,
                           const char *tail)
{
    struct buf out;
    buf_init(&out, arena, 0);
    buf_adds(&out, head);
    for (size_t i = 0; i < n; i++)
        for (const char *p = unit; *p; p++) {
            if (*p == '#')
                buf_addf(&out, "%06zu", i);
            else
                buf_addc(&out, *p);
        }
    buf_adds(&out, tail);
    return out;
}

/* Large inputs are refused for what they are, in memory that does not follow
 * their number of nodes beyond the limit. */
static void test_large(void **state)
{
    static const struct {
        reader *read;
        const char *head, *unit;
        size_t n;
        const char *tail, *says;
        size_t most; /* bytes of the arena */
    } cases[] = {
        {xml_read, "<tsRequest>", "<a>", 100000, "", "within each other", 64 << 10},
        {xml_read, "<tsRequest", " a#=''", 200000, "/>", "attributes in one", 64 << 10},
        {xml_read, "<tsRequest a=\"<", " a#=''", 200000, "/>", "attributes in one", 64 << 10},
        {xml_read, "<!-- <x --", " a#=''", 200000, "/>", "attributes in one", 64 << 10},
        {xml_read, "<tsRequest", " xmlns:a#='u'", 200, "/>", "namespaces in one", 64 << 10},
        {xml_read, "<tsRequest>", "<a/>", 100000, "</tsRequest>", "more than 100000", 32 << 20},
        {xml_read, "<tsRequest>", "<a b='' c=''/>", 40000, "</tsRequest>", "more than 100000",
         32 << 20},
        {json_read, "", "{\"a\":", 100000, "", "within each other", 64 << 10},
        {json_read, "", "[", 100000, "", "within each other", 64 << 10},
        {json_read, "{\"a\":[", "0,", 200000, "0]}", "more than 100000", 64 << 10},
        {json_read, "{\"a\":0", ",\"#\":0", 200000, "}", "more than 100000", 64 << 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *input = arena_new(0), *arena = arena_new(0);
        struct buf in = repeated(input, cases[i].head, cases[i].unit, cases[i].n, cases[i].tail);
        const char *detail = refused(arena, cases[i].read, in.bytes, in.len);
        if (!strstr(detail, cases[i].says))
            fail_msg("case %zu: expected '%s' in '%s'", i, cases[i].says, detail);
        assert_true(arena_footprint(arena) <= cases[i].most);
        arena_free(&arena);
        arena_free(&input);
    }
    (void)state;
}

/* What stands just within the limits is accepted. */
static void test_limits(void **state)
{
    const struct doc_limits limits = {.depth = 3, .nodes = 5};
    static const struct {
        reader *read;
        const char *text;
        bool good;
    } cases[] = {
        {xml_read, "<tsRequest><a><b/></a></tsRequest>", true},
        {xml_read, "<tsRequest><a><b><c/></b></a></tsRequest>", false},
        {xml_read, "<tsRequest a='' b='' c=''><d/></tsRequest>", true},
        {xml_read, "<tsRequest a='' b='' c=''><d e=''/></tsRequest>", false},
        {json_read, "{\"a\":{\"b\":{}}}", true},
        {json_read, "{\"a\":[{\"b\":[{}]}]}", true},
        {json_read, "{\"a\":{\"b\":{\"c\":{}}}}", false},
        {json_read, "{\"a\":1,\"b\":1,\"c\":1,\"d\":1}", true},
        {json_read, "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1}", false},
        {json_read, "{\"a\":[1,2,3,4]}", true},
        {json_read, "{\"a\":[1,2,3,4,5]}", false},
        {json_read, "{\"a\":\"[[[[[[{{{{{{,,,,,,\\\"[[[[\"}", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct el *root;
        struct fault fault;
        enum err err =
            cases[i].read(*state, cases[i].text, strlen(cases[i].text), &limits, &root, &fault);
        if ((err == E_OK) != cases[i].good)
            fail_msg("%s", cases[i].text);
    }
}

/* A long text costs a small multiple of itself. */
static void test_long_text(void **state)
{
    struct arena *input = arena_new(0), *arena = arena_new(0);
    struct buf in = repeated(input, "<tsRequest><a>", "&amp;x", 200000, "</a></tsRequest>");
    struct el *root = read_ok(arena, xml_read, in.bytes, in.len);
    assert_int_equal(strlen(doc_get(root, "a")), 400000);
    assert_true(arena_footprint(arena) < 4 * in.len);
    arena_free(&arena);
    arena_free(&input);
    (void)state;
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_prolog),          CASE(test_kinds),       CASE(test_items),
        CASE(test_escapes),         CASE(test_round_trip),  CASE(test_ceiling),
        CASE(test_alike),           CASE(test_values),      CASE(test_arrays_are_no_values),
        CASE(test_absent),          CASE(test_bools),       CASE(test_json_scalars),
        CASE(test_charsets),        CASE(test_xml_refused), CASE(test_json_refused),
        CASE(test_no_value_echoed), CASE(test_large),       CASE(test_limits),
        CASE(test_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
