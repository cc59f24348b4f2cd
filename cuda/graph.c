// Training steps as graphs of the device. Why not record once and replay: much changes from step to
// step (random keys, learning rates, Adam's corrections, which samples), and all of it is an argument
// of some kernel. So the program goes through every step as it always does, but its kernels are only
// noted, with copies of their arguments. At the step's end they are compared with those of the
// graph that the same sequence of kernels gave before: arguments that differ are handed to the
// driver (which keeps those of steps still under way), and all start as one. No operator knows of
// it, and no value can be forgotten.
//
// A sequence that comes for the first time runs kernel by kernel, the second time it becomes a
// graph. Where a step copies more than a little or waits, what was noted starts at once, in order,
// and the step is none.
#include "cuda/launch.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SEQUENCES = 8 }; // a last, shorter batch; the phases of a training

// A launch that owns its arguments.
typedef struct Noted {
    Launch launch;
    void *arguments;
    size_t room;
    ArrayUse arrays[LAUNCH_MOST_ARRAYS];
} Noted;

typedef struct Sequence {
    Noted **items; // [room], the first `count` in use
    int count, room;
    void *graph; // the back end's; NULL: not yet
} Sequence;

struct DeviceGraph {
    Sequence sequences[MOST_SEQUENCES];
    int count;
    const Sequence *last; // that was started
};

static const Backend *backend;
static Sequence noted; // of the step that is noted now
static bool noting, whole;

// ---- Noting ----

static void note(const Launch *what)
{
    if (noted.count == noted.room) {
        noted.room = noted.room ? 2 * noted.room : 256;
        noted.items = reallocate(noted.items, (size_t)noted.room * sizeof *noted.items);
        for (int i = noted.count; i < noted.room; i++)
            noted.items[i] = allocate_zeroed(sizeof **noted.items);
    }
    Noted *item = noted.items[noted.count++];
    if (what->array_count > LAUNCH_MOST_ARRAYS) panic("more than %d arrays", LAUNCH_MOST_ARRAYS);
    if (item->room < what->argument_bytes) {
        item->room = what->argument_bytes;
        item->arguments = reallocate(item->arguments, item->room);
    }
    memcpy(item->arguments, what->arguments, what->argument_bytes);
    for (int i = 0; i < what->array_count; i++) {
        const ArrayUse *use = &what->arrays[i];
        const ptrdiff_t place = (const char *)use->field - (const char *)what->arguments;
        item->arrays[i] = *use;
        item->arrays[i].field = (const char *)item->arguments + place;
    }
    item->launch = *what;
    item->launch.arguments = item->arguments;
    item->launch.arrays = item->arrays;
}

static void start_noted(void)
{
    for (int i = 0; i < noted.count; i++) backend->launch(&noted.items[i]->launch);
    noted.count = 0;
}

void launches_use(const Backend *opened)
{
    if (noting) panic("a device is opened in the middle of a step");
    backend = opened;
}

void launch(const Launch *what)
{
    if (what->grid.x <= 0) return;
    if (noting)
        note(what);
    else
        backend->launch(what);
}

void launches_catch_up(void)
{
    if (!noting) return;
    whole = false;
    start_noted();
}

// ---- Steps ----

static bool same_sequence(const Sequence *a, const Sequence *b)
{
    bool same = a->count == b->count;
    for (int i = 0; same && i < a->count; i++) {
        const Launch *x = &a->items[i]->launch, *y = &b->items[i]->launch;
        same = x->kernel == y->kernel && x->array_count == y->array_count;
    }
    return same;
}

static bool same_launch(const Launch *a, const Launch *b)
{
    bool same = a->grid.x == b->grid.x && a->grid.y == b->grid.y && a->grid.z == b->grid.z &&
                a->grid.threads == b->grid.threads && a->grid.shared == b->grid.shared &&
                memcmp(a->arguments, b->arguments, a->argument_bytes) == 0;
    for (int i = 0; same && i < a->array_count; i++)
        same = a->arrays[i].bytes == b->arrays[i].bytes;
    return same;
}

// The sequence's items become those just noted; the old ones' memory serves the next step.
static void take_noted(Sequence *sequence)
{
    Noted **items = sequence->items;
    int room = sequence->room;
    sequence->items = noted.items;
    sequence->room = noted.room;
    sequence->count = noted.count;
    noted = (Sequence){.items = items, .room = room};
}

static void build(Sequence *sequence)
{
    const Launch **launches = allocate((size_t)sequence->count * sizeof *launches + 1);
    for (int i = 0; i < sequence->count; i++) launches[i] = &sequence->items[i]->launch;
    sequence->graph = backend->build(sequence->count, launches);
    free(launches);
}

static void change(const Sequence *sequence)
{
    for (int i = 0; i < sequence->count; i++)
        if (!same_launch(&sequence->items[i]->launch, &noted.items[i]->launch))
            backend->change(sequence->graph, i, &noted.items[i]->launch);
}

DeviceGraph *device_graph_create(void)
{
    return allocate_zeroed(sizeof(DeviceGraph));
}

void device_begin(void)
{
    if (!backend || noting) panic("device_begin: no device is open, or a step is under way");
    noting = whole = true;
}

void device_end(DeviceGraph *graph)
{
    Sequence *known = NULL;
    noting = false;
    for (int i = 0; whole && i < graph->count && !known; i++)
        if (same_sequence(&graph->sequences[i], &noted)) known = &graph->sequences[i];
    if (!known) {
        const bool keep = whole && noted.count > 0 && graph->count < MOST_SEQUENCES;
        for (int i = 0; i < noted.count; i++) backend->launch(&noted.items[i]->launch);
        if (keep) take_noted(&graph->sequences[graph->count++]);
        noted.count = 0;
        return;
    }
    if (known->graph) change(known);
    take_noted(known);
    if (!known->graph) build(known);
    backend->start(known->graph);
    graph->last = known;
}

void device_graph_each(const DeviceGraph *graph, void (*visit)(const Launch *, void *), void *to)
{
    for (int i = 0; graph->last && i < graph->last->count; i++)
        visit(&graph->last->items[i]->launch, to);
}

static void sequence_free(Sequence *sequence)
{
    for (int i = 0; i < sequence->room; i++) {
        free(sequence->items[i]->arguments);
        free(sequence->items[i]);
    }
    free(sequence->items);
    if (sequence->graph) backend->forget(sequence->graph);
}

void device_graph_free(DeviceGraph *graph)
{
    if (!graph) return;
    for (int i = 0; i < graph->count; i++) sequence_free(&graph->sequences[i]);
    free(graph);
}

int device_graphs(const DeviceGraph *graph)
{
    int count = 0;
    for (int i = 0; i < graph->count; i++) count += graph->sequences[i].graph != NULL;
    return count;
}
