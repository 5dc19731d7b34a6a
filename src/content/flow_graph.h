/* flow_graph: what the steps of a flow hang on.
 *
 * A step names the steps that go on with what it makes; a run begins at the other end,
 * with what is to be written. Pure; a graph belongs to one thread at a time. */
#ifndef EASEL_CONTENT_FLOW_GRAPH_H
#define EASEL_CONTENT_FLOW_GRAPH_H

#include <stddef.h>

#include "base/fault.h"

struct arena;
struct content_flow;
struct content_node;
struct flow_graph;

/* In the arena, like the flow. E400087 where a step leads to one that there is not. */
enum err flow_graph_new(struct arena *arena, const struct content_flow *flow,
                        struct flow_graph **graph_r, struct fault *fault);
/* The output step of that number, in the order of the document from 0 on; NULL: none. */
const struct content_node *flow_graph_output(const struct flow_graph *graph, size_t number);

/* Adds a step of the flow, and all that it needs, to those that are needed. E400087 where
 * steps need one another. */
enum err flow_graph_need(struct flow_graph *graph, const struct content_node *step,
                         struct fault *fault);
/* The steps that are needed, each once and behind all that it needs itself. */
const struct content_node *const *flow_graph_needed(const struct flow_graph *graph,
                                                    size_t *count_r);
/* The step that a step goes on with; NULL where it is none, or several. */
const struct content_node *flow_graph_source(const struct flow_graph *graph,
                                             const struct content_node *step);

#endif
