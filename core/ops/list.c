// The operators by name, for `sieve ops`.
#include "core/ops.h"

static const OperatorInfo operators[] = {
    {"add", "a + b"},
    {"subtract", "a - b"},
    {"multiply", "a b"},
    {"divide", "a / b"},
    {"affine, scale, negate", "factor x + offset"},
    {"relu", "max(x, 0)"},
    {"leaky_relu", "x, slope x below 0"},
    {"elu", "x, e^x - 1 below 0"},
    {"sigmoid", "1 / (1 + e^-x)"},
    {"hyperbolic_tangent", "tanh x"},
    {"tanhshrink", "x - tanh x"},
    {"softplus", "log(1 + e^x)"},
    {"exponential", "e^x"},
    {"logarithm", "log x"},
    {"square_root", "sqrt x"},
    {"square", "x^2"},
    {"absolute", "|x|"},
    {"clamp", "x, kept inside [low, high]"},
    {"dropout", "x / (1 - p) with probability 1 - p, else 0"},
    {"add_noise", "mean + deviation e,  e ~ N(0, 1)"},
    {"sum, mean", "over a set of dimensions"},
    {"max, argmax", "over one dimension"},
    {"norm2_rows", "sqrt(sum x^2) of each sample"},
    {"reshape, permute", "the same values in another order of dimensions"},
    {"concat, slice, pad2d", "side by side; a part; inside a frame of zeros"},
    {"gather_rows", "y[i] = table[rows[i]], without gradient"},
    {"matmul", "a b"},
    {"linear", "x W + b"},
    {"conv2d", "sum of x over taps times weight, + bias; stride, padding, dilation"},
    {"conv2d_add", "conv2d + another image of its result's shape, in one pass"},
    {"conv_transpose2d", "the adjoint of conv2d, + bias; output padding"},
    {"max_pool2d", "largest value of a window"},
    {"dropout_pool_relu_over", "relu(max_pool2d(dropout(x)))"},
    {"conv_dropout_pool_relu", "the same of conv2d, in one pass"},
    {"avg_pool2d", "mean of a window"},
    {"adaptive_avg_pool2d", "means over windows that give the wanted size"},
    {"batch_norm", "weight (x - mean) / sqrt(variance + epsilon) + bias"},
    {"group_norm", "the same over each sample's groups of channels"},
    {"resample2d", "nearest, bilinear, bicubic"},
    {"grid_sample", "x at given places, bilinear"},
    {"softmax", "e^x / sum e^x"},
    {"log_softmax", "x - log sum e^x"},
    {"cross_entropy", "mean of -log softmax(x)[label]"},
    {"mse_loss", "mean (a - b)^2"},
    {"l1_loss", "mean |a - b|"},
    {"kl_standard_normal", "KL(N(m, v) || N(0, I))"},
};

const OperatorInfo *operator_list(int *count)
{
    *count = (int)(sizeof operators / sizeof operators[0]);
    return operators;
}
