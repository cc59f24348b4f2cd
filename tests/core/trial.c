#include "tests/core/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "tests/test.h"

enum { SAMPLES = 40 }; // elements of an input whose gradient is checked

static const double tolerance = 2e-5, step_size = 1e-5;

typedef struct Run {
    const Trial *trial;
    Tape *tape;
    Array x[MAX_INPUTS], y;
    Tensor *stored[MAX_INPUTS], *inputs[MAX_INPUTS], *output;
    Array arriving; // gy
} Run;

static double draw(const Trial *trial, int i, int64_t n)
{
    RandomKey key = {1, random_purpose(trial->name), (uint32_t)i};
    double width = trial->high - trial->low;
    if (width == 0) return (double)random_normal(key, (uint64_t)n);
    return (double)(float)(trial->low + width * (double)random_uniform(key, (uint64_t)n));
}

static void prepare(Run *run, const Trial *trial)
{
    *run = (Run){.trial = trial, .tape = tape_create(cpu_kernels())};
    for (int i = 0; i < trial->inputs; i++) {
        const Shape *shape = &trial->shape[i];
        run->x[i] = array_create(shape->rank, shape->size);
        run->stored[i] = tensor_create(shape->rank, shape->size);
        for (int64_t n = 0; n < run->x[i].count; n++) {
            run->x[i].values[n] = draw(trial, i, n);
            run->stored[i]->data[n] = (float)run->x[i].values[n];
        }
        run->inputs[i] = tape_input(run->tape, run->stored[i]);
        run->inputs[i]->needs_grad = i < trial->inputs - trial->constants;
    }
}

static void finish(Run *run)
{
    for (int i = 0; i < run->trial->inputs; i++) {
        array_free(&run->x[i]);
        tensor_free(run->stored[i]);
    }
    array_free(&run->y);
    array_free(&run->arriving);
    tape_free(run->tape);
}

static const char *shapes_of(const Run *run)
{
    static char text[256];
    int used = snprintf(text, sizeof text, "%s", run->trial->name);
    for (int i = 0; i < run->trial->inputs; i++)
        used +=
            snprintf(text + used, sizeof text - (size_t)used, " %s", shape_text(run->stored[i]));
    return text;
}

static bool check_values(Run *run)
{
    const Tensor *output = run->output;
    const Array *y = &run->y;
    double worst = 0, largest = 0;
    bool same = output->rank == y->rank &&
                memcmp(output->shape, y->shape, (size_t)y->rank * sizeof y->shape[0]) == 0;
    if (!check(same, "%s: the result has shape %s", shapes_of(run), shape_text(output)))
        return false;
    for (int64_t n = 0; n < y->count; n++) {
        double error = fabs((double)output->data[n] - y->values[n]);
        worst = error > worst || isnan(error) ? error : worst;
        largest = fmax(largest, fabs(y->values[n]));
    }
    return check(worst <= tolerance * fmax(largest, 1e-6), "%s: off by %g, values up to %g",
                 shapes_of(run), worst, largest);
}

// sum gy y with element n of input i moved.
static double moved(Run *run, int i, int64_t n, double by)
{
    Array y;
    double total = 0, *value = &run->x[i].values[n], before = *value;
    *value = before + by;
    run->trial->reference(run->x, &run->trial->how, &y);
    *value = before;
    for (int64_t k = 0; k < y.count; k++) total += run->arriving.values[k] * y.values[k];
    array_free(&y);
    return total;
}

static void check_gradient(Run *run, int i)
{
    const Tensor *input = run->inputs[i];
    double worst = 0, largest = 1e-6;
    if (!check(input->grad && input->grad_written, "%s: input %d got no gradient", shapes_of(run),
               i))
        return;
    int64_t stride = input->count / SAMPLES + 1;
    for (int64_t n = 0; n < input->count; n += stride) {
        double slope = (moved(run, i, n, step_size) - moved(run, i, n, -step_size)) / 2 / step_size;
        double error = fabs((double)input->grad[n] - slope);
        worst = error > worst || isnan(error) ? error : worst;
        largest = fmax(largest, fabs(slope));
    }
    check(worst <= tolerance * largest, "%s: gradient %d is off by %g, slopes up to %g",
          shapes_of(run), i, worst, largest);
}

void try(const Trial *trial)
{
    Run run;
    prepare(&run, trial);
    if (trial->unary)
        run.output = trial->unary(run.inputs[0]);
    else if (trial->binary)
        run.output = trial->binary(run.inputs[0], run.inputs[1]);
    else
        run.output = trial->call(run.inputs, &trial->how);
    trial->reference(run.x, &trial->how, &run.y);
    run.arriving = array_create(run.y.rank, run.y.shape);
    float *gradient = allocate((unsigned long long)run.y.count * sizeof(float));
    RandomKey key = {2, random_purpose(trial->name), 0};
    for (int64_t n = 0; n < run.y.count; n++)
        run.arriving.values[n] = (double)(gradient[n] = random_normal(key, (uint64_t)n));
    if (check_values(&run)) {
        backward_from(run.output, gradient);
        for (int i = 0; i < trial->inputs - trial->constants; i++) check_gradient(&run, i);
    }
    free(gradient);
    finish(&run);
}
