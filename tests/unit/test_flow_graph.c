/* test_flow_graph: which steps of a flow an output needs, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "content/content.h"
#include "content/flow_graph.h"

enum { STEPS_MOST = 16 };

/* "a>b c>b b>O": steps are letters, in the order in which they occur; capitals write
 * output; '!' is a step that there is not. */
static struct content_flow flow_of(struct arena *arena, const char *text)
{
    struct content_flow flow = {0};
    struct content_node *last = NULL;
    for (const char *p = text; *p; p++) {
        struct content_node *n = flow.nodes;
        char id[2] = {*p, '\0'};
        while (n && strcmp(n->id, id) != 0)
            n = n->next;
        if (n || strchr(" >!", *p))
            continue;
        n = arena_zalloc(arena, sizeof *n);
        n->id = arena_strdup(arena, id);
        n->base = *p < 'a' ? "output" : "transform";
        *(last ? &last->next : &flow.nodes) = n;
        last = n;
        flow.node_count++;
    }
    for (const char *p = text; *p; p++)
        if (p[1] == '>') {
            struct content_node *n = flow.nodes;
            while (*n->id != *p)
                n = n->next;
            struct content_name *next = arena_alloc(arena, sizeof *next);
            *next = (struct content_name){arena_strndup(arena, p + 2, 1), n->next_ids};
            n->next_ids = next;
        }
    return flow;
}

static const char *needed(struct flow_graph *graph, char text[STEPS_MOST])
{
    size_t count;
    const struct content_node *const *steps = flow_graph_needed(graph, &count);
    assert_true(count < STEPS_MOST);
    for (size_t i = 0; i < count; i++)
        text[i] = *steps[i]->id;
    text[count] = '\0';
    return text;
}

static void check(const char *flow_text, const char *outputs, const char *expected)
{
    struct arena *arena = arena_new(0);
    struct content_flow flow = flow_of(arena, flow_text);
    struct flow_graph *graph;
    struct fault fault = {0};
    char text[STEPS_MOST];
    enum err err = flow_graph_new(arena, &flow, &graph, &fault);
    for (const char *p = outputs; *p && !err; p++)
        err = flow_graph_need(graph, flow_graph_output(graph, (size_t)(*p - '0')), &fault);
    if (expected) {
        assert_int_equal(err, E_OK);
        assert_string_equal(needed(graph, text), expected);
    } else {
        assert_int_equal(err, E400087);
        assert_non_null(fault.detail);
    }
    arena_free(&arena);
}

static void what_an_output_needs(void **state)
{
    (void)state;
    check("a>O", "0", "aO");
    check("O", "0", "O");
    check("a>b b>O c>P", "0", "abO");
    check("a>b b>O c>P", "1", "cP");
    check("a>b b>O c>P", "10", "cPabO");
    check("a>O a>P", "01", "aOP"); /* each once */
    check("a>O a>P", "00", "aO");
    check("a>b a>c b>d c>d d>O", "0", "acbdO");
    check("a>b a>b b>O", "0", "abO"); /* one step twice */
}

static void circles_and_loose_ends(void **state)
{
    (void)state;
    check("a>b b>a b>O", "0", NULL);
    check("a>a a>O", "0", NULL);
    check("O>O", "0", NULL);
    check("a>b b>a c>O", "0", "cO"); /* nobody needs the circle */
    check("a>! b>O", "0", NULL);
}

static void the_source_of_a_step(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct content_flow flow = flow_of(arena, "a>O a>b c>b P");
    struct flow_graph *graph;
    struct fault fault;
    assert_int_equal(flow_graph_new(arena, &flow, &graph, &fault), E_OK);
    const struct content_node *o = flow_graph_output(graph, 0), *p = flow_graph_output(graph, 1);
    assert_string_equal(flow_graph_source(graph, o)->id, "a");
    assert_null(flow_graph_source(graph, p));
    assert_null(flow_graph_source(graph, flow.nodes->next->next)); /* b, of two */
    assert_null(flow_graph_output(graph, 2));
    arena_free(&arena);
}

/* A chain that recursion would not survive. */
static void deep_flows(void **state)
{
    enum { DEEP = 200000 };
    (void)state;
    struct arena *arena = arena_new(0);
    struct content_node *nodes = arena_zalloc(arena, DEEP * sizeof *nodes);
    struct content_name *names = arena_zalloc(arena, DEEP * sizeof *names);
    struct content_flow flow = {.node_count = DEEP, .nodes = nodes};
    struct flow_graph *graph;
    struct fault fault;
    size_t count;
    for (int i = 0; i < DEEP; i++) {
        nodes[i].id = arena_printf(arena, "%d", i);
        nodes[i].base = i ? "transform" : "output";
        nodes[i].next = i + 1 < DEEP ? &nodes[i + 1] : NULL;
        names[i].name = arena_printf(arena, "%d", i - 1);
        nodes[i].next_ids = i ? &names[i] : NULL;
    }
    assert_int_equal(flow_graph_new(arena, &flow, &graph, &fault), E_OK);
    assert_int_equal(flow_graph_need(graph, &nodes[0], &fault), E_OK);
    assert_ptr_equal(flow_graph_needed(graph, &count)[0], &nodes[DEEP - 1]);
    assert_int_equal(count, DEEP);
    arena_free(&arena);
}

static void kinds(void **state)
{
    (void)state;
    struct content_node node = {.type = ".v2018_2_3.SuperJoin"};
    assert_string_equal(content_node_kind(&node), "SuperJoin");
    node.type = "LoadHyper";
    assert_string_equal(content_node_kind(&node), "LoadHyper");
    node.type = NULL;
    assert_string_equal(content_node_kind(&node), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_output_needs),
        cmocka_unit_test(circles_and_loose_ends),
        cmocka_unit_test(the_source_of_a_step),
        cmocka_unit_test(deep_flows),
        cmocka_unit_test(kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
