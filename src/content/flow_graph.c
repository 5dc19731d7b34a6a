/* flow_graph.c: see flow_graph.h. */
#include "content/flow_graph.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "content/content.h"

/* A step, and the edges that lead to it. */
struct vertex {
    const struct content_node *node;
    struct edge *from;
    const struct edge *at; /* the next one to be followed, while it is on the way */
    struct vertex *below;  /* of those on the way */
    enum { UNSEEN, ON_THE_WAY, DONE } state;
};

struct edge {
    struct vertex *source;
    struct edge *next;
};

struct flow_graph {
    struct arena *arena;
    struct map *by_id; /* id -> vertex */
    struct vertex *vertices, **outputs;
    size_t count, output_count;
    const struct content_node **needed;
    size_t needed_count;
};

static const char *shown(struct flow_graph *g, const struct content_node *node)
{
    const char *name = node->name ? node->name : node->id;
    return fault_echo(g->arena, name, strlen(name));
}

static void free_map(void *map)
{
    map_free(&(struct map *){map}, NULL);
}

static void add_vertices(struct flow_graph *g, const struct content_flow *flow)
{
    for (const struct content_node *n = flow->nodes; n; n = n->next) {
        struct vertex *v = &g->vertices[g->count++];
        v->node = n;
        map_put(g->by_id, n->id, v);
        if (n->base && strcmp(n->base, "output") == 0)
            g->outputs[g->output_count++] = v;
    }
}

static enum err connect(struct flow_graph *g, struct vertex *v, struct fault *fault)
{
    for (const struct content_name *next = v->node->next_ids; next; next = next->next) {
        struct vertex *to = map_get(g->by_id, next->name);
        if (!to)
            return fault_set(fault, g->arena, E400087,
                             "The step '%s' leads to a step that the flow does not have.",
                             shown(g, v->node));
        struct edge *edge = arena_alloc(g->arena, sizeof *edge);
        *edge = (struct edge){v, to->from};
        to->from = edge;
    }
    return E_OK;
}

enum err flow_graph_new(struct arena *arena, const struct content_flow *flow,
                        struct flow_graph **graph_r, struct fault *fault)
{
    struct flow_graph *g = arena_zalloc(arena, sizeof *g);
    size_t room = flow->node_count + 1;
    enum err err = E_OK;
    *g = (struct flow_graph){.arena = arena,
                             .by_id = map_new(),
                             .vertices = arena_zalloc(arena, room * sizeof *g->vertices),
                             .outputs = arena_alloc(arena, room * sizeof *g->outputs),
                             .needed = arena_alloc(arena, room * sizeof *g->needed)};
    arena_on_free(arena, free_map, g->by_id);
    add_vertices(g, flow);
    for (size_t i = 0; i < g->count && !err; i++)
        err = connect(g, &g->vertices[i], fault);
    *graph_r = g;
    return err;
}

const struct content_node *flow_graph_output(const struct flow_graph *g, size_t number)
{
    return number < g->output_count ? g->outputs[number]->node : NULL;
}

static struct vertex *enter(struct vertex *v, struct vertex *below)
{
    v->state = ON_THE_WAY;
    v->at = v->from;
    v->below = below;
    return v;
}

/* Depth first, without recursion: documents may be as deep as they like. */
enum err flow_graph_need(struct flow_graph *g, const struct content_node *step, struct fault *fault)
{
    struct vertex *v = map_get(g->by_id, step->id);
    struct vertex *top = v && v->state == UNSEEN ? enter(v, NULL) : NULL;
    while (top) {
        if (!top->at) {
            top->state = DONE;
            g->needed[g->needed_count++] = top->node;
            top = top->below;
            continue;
        }
        struct vertex *source = top->at->source;
        top->at = top->at->next;
        if (source->state == ON_THE_WAY)
            return fault_set(fault, g->arena, E400087,
                             "The step '%s' needs, by others, what it makes itself.",
                             shown(g, source->node));
        if (source->state == UNSEEN)
            top = enter(source, top);
    }
    return E_OK;
}

const struct content_node *const *flow_graph_needed(const struct flow_graph *g, size_t *count_r)
{
    *count_r = g->needed_count;
    return g->needed;
}

const struct content_node *flow_graph_source(const struct flow_graph *g,
                                             const struct content_node *step)
{
    const struct vertex *v = map_get(g->by_id, step->id);
    return v && v->from && !v->from->next ? v->from->source->node : NULL;
}
