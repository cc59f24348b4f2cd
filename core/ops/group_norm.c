// Group normalisation (Wu and He, 2018): of each sample by itself, over its positions and a group of
// neighbouring channels (the last dimension),
//   y = weight (x - mean) / sd + bias,   sd = sqrt(variance + epsilon), variance biased
//   dx = (weight dy - m - z q) / sd,   z = (x - mean) / sd
// with m, q the means of weight dy and weight dy z over the group; per sample i, dweight_i = sum dy z
// and dbias_i = sum dy over positions. The statistics are the sample's own, in training and after:
// unlike batch norm, no sample's gradient depends on the others.
#include "core/ops/common.h"

typedef struct GroupNorm {
    GroupNormShape shape;
    float *mean, *inverse_deviation; // (batch, groups)
    float *dweight, *dbias;          // (batch, channels): dweight_i, dbias_i
    bool summed; // they are those of the gradient with which backward comes next
} GroupNorm;

static void sum_gradients(Node *node)
{
    GroupNorm *norm = node->saved;
    const Tensor *x = node->inputs[0], *y = node->output;
    if (!norm->summed)
        tape_kernels(y->tape)->group_norm_sums(&norm->shape, x->data, y->grad, norm->mean,
                                               norm->inverse_deviation, norm->dweight, norm->dbias);
    norm->summed = false;
}

static void group_norm_backward(Node *node)
{
    GroupNorm *norm = node->saved;
    const Tensor *x = node->inputs[0], *y = node->output;
    const Kernels *kernels = tape_kernels(y->tape);
    const GroupNormShape *s = &norm->shape;
    sum_gradients(node);
    float *const samples[] = {NULL, norm->dweight, norm->dbias};
    for (int i = 1; i < 3; i++) {
        float *gradient = grad_begin(node, i);
        if (!gradient) continue;
        kernels->sum(1, s->batch, s->channels, samples[i], gradient);
        grad_end(node, i);
    }
    float *dx = grad_begin_over(node, 0);
    if (dx) {
        kernels->group_norm_backward(s, x->data, y->grad, norm->mean, norm->inverse_deviation,
                                     norm->dweight, norm->dbias, dx);
        grad_end(node, 0);
    }
}

static void group_norm_sample_norms(Node *node, float *squares)
{
    GroupNorm *norm = node->saved;
    const GroupNormShape *s = &norm->shape;
    Tape *tape = node->output->tape;
    float *norms = tape_allocate(tape, s->batch * 4);
    sum_gradients(node);
    norm->summed = true;
    float *const samples[] = {NULL, norm->dweight, norm->dbias};
    for (int i = 1; i < 3; i++) {
        if (!node->inputs[i]->needs_grad) continue;
        tape_kernels(tape)->dot_rows(s->batch, s->channels, samples[i], samples[i], norms);
        tape_kernels(tape)->accumulate(s->batch, 1, norms, squares);
    }
}

Tensor *group_norm(Tensor *x, Tensor *weight, Tensor *bias, int64_t groups, float epsilon)
{
    Tensor *inputs[] = {x, weight, bias};
    Tape *tape = float_inputs("group_norm", 3, inputs);
    int64_t channels = weight->count;
    if (x->rank < 2 || x->shape[x->rank - 1] != channels || !same_shape(weight, bias) ||
        groups < 1 || channels % groups != 0)
        panic("group_norm: %s with weight %s, bias %s in %lld groups", shape_text(x),
              shape_text(weight), shape_text(bias), (long long)groups);
    int64_t batch = x->shape[0];
    GroupNorm norm = {.shape = {batch, x->count / (batch * channels), channels, groups, epsilon,
                                weight->data, bias->data}};
    norm.mean = tape_allocate(tape, batch * groups * 4);
    norm.inverse_deviation = tape_allocate(tape, batch * groups * 4);
    norm.dweight = tape_allocate(tape, batch * channels * 4);
    norm.dbias = tape_allocate(tape, batch * channels * 4);
    Tensor *y = tape_tensor(tape, x->rank, x->shape);
    tape_kernels(tape)->group_norm(&norm.shape, x->data, norm.mean, norm.inverse_deviation,
                                   y->data);
    record(y, group_norm_backward, 3, inputs, &norm, sizeof norm);
    record_sample_norms(y, group_norm_sample_norms);
    return y;
}
