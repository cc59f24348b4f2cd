// The operators on vectors, matrices and arrays of any rank against plain loops in double
// (trial.h): elementwise functions, broadcasting arithmetic, reductions, shapes, products, losses.
// Those on images are in test_image_operators.c.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/core/trial.h"
#include "tests/test.h"

// ---- Element by element ----

static double the_relu(double x)
{
    return x > 0 ? x : 0;
}
static double the_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}
static double the_tanhshrink(double x)
{
    return x - tanh(x);
}
static double the_softplus(double x)
{
    return log1p(exp(x));
}
static double the_elu(double x)
{
    return x > 0 ? x : expm1(x);
}
static double the_square(double x)
{
    return x * x;
}
static double the_negative(double x)
{
    return -x;
}
static double the_affine(double x)
{
    return -2.5 * x + 0.75;
}
static Tensor *call_affine(Tensor *const *x, const How *how)
{
    (void)how;
    return affine(-2.5f, x[0], 0.75f);
}
static Tensor *call_leaky_relu(Tensor *const *x, const How *how)
{
    return leaky_relu(x[0], (float)how->number[0]);
}
static Tensor *call_clamp(Tensor *const *x, const How *how)
{
    return clamp(x[0], (float)how->number[0], (float)how->number[1]);
}
static Tensor *call_dropout(Tensor *const *x, const How *how)
{
    return dropout(x[0], (float)how->number[0], how->key);
}
static Tensor *call_add_noise(Tensor *const *x, const How *how)
{
    return add_noise(x[0], x[1], how->key);
}

#define UNARY(operator, formula)                                                               \
    {                                                                                          \
#operator, .unary = operator, .reference = reference_unary, .inputs = 1,               \
                   .shape = {S(3, 7, 2) }, .how = {.function = formula }, .low = -4, .high = 4 \
    }
#define UNARY_POSITIVE(operator, formula)                                                  \
    {                                                                                      \
#operator, .unary = operator, .reference = reference_unary, .inputs = 1,           \
                   .shape = {S(37) }, .how = {.function = formula }, .low = .05, .high = 3 \
    }

static void functions_of_one_element(void)
{
    static const Trial trials[] = {
        UNARY(relu, the_relu),
        UNARY(elu, the_elu),
        UNARY(sigmoid, the_sigmoid),
        UNARY(hyperbolic_tangent, tanh),
        UNARY(tanhshrink, the_tanhshrink),
        UNARY(softplus, the_softplus),
        UNARY(exponential, exp),
        UNARY(square, the_square),
        UNARY(absolute, fabs),
        UNARY(negate, the_negative),
        UNARY_POSITIVE(logarithm, log),
        UNARY_POSITIVE(square_root, sqrt),
        {"affine", .call = call_affine, .reference = reference_unary, .inputs = 1,
         .shape = {S(5, 9)}, .how = {.function = the_affine}},
        {"leaky_relu", .call = call_leaky_relu, .reference = reference_leaky_relu, .inputs = 1,
         .shape = {S(5, 9)}, .how = {.number = {0.2}}},
        {"clamp", .call = call_clamp, .reference = reference_clamp, .inputs = 1, .shape = {S(6, 8)},
         .how = {.number = {-0.5, 0.75}}},
    };
    TRY_ALL(trials);
}

static void random_operators(void)
{
    static const Trial trials[] = {
        {"dropout", .call = call_dropout, .reference = reference_dropout, .inputs = 1,
         .shape = {S(7, 11)}, .how = {.number = {0.3}, .key = {5, 6, 7}}},
        {"add_noise", .call = call_add_noise, .reference = reference_add_noise, .inputs = 2,
         .shape = {S(4, 9), S(4, 9)}, .how = {.key = {5, 8, 1}}},
    };
    TRY_ALL(trials);
}

static double the_sum(double a, double b)
{
    return a + b;
}
static double the_difference(double a, double b)
{
    return a - b;
}
static double the_product(double a, double b)
{
    return a * b;
}
static double the_quotient(double a, double b)
{
    return a / b;
}

static void arithmetic_broadcasts(void)
{
    static const struct {
        Shape a, b;
    } pairs[] = {
        {S(3, 5), S(3, 5)},
        {S(2, 3, 4, 5), S(1, 3, 1, 1)},
        {S(4, 1, 3), S(5, 1)},
        {S(6, 7), S(1)},
        {S(1), S(6, 7)},
        {S(2, 3, 4), S(4)},
        {S(2, 3, 4, 2), S(3, 1, 2)},
        {S(1, 4), S(3, 1)},
        {S(2, 1, 1), S(2, 1, 1)},
        {S(3), S(1, 3)},
        {S(5, 1, 2, 1), S(5, 4, 1, 1)},
    };
    static const Trial operators[] = {
        {"add", .binary = add, .how = {.function2 = the_sum}},
        {"subtract", .binary = subtract, .how = {.function2 = the_difference}},
        {"multiply", .binary = multiply, .how = {.function2 = the_product}},
        {"divide", .binary = divide, .how = {.function2 = the_quotient}, .low = .5, .high = 2},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        for (int k = 0; k < 4; k++) {
            Trial trial = operators[k];
            trial.reference = reference_binary;
            trial.inputs = 2;
            trial.shape[0] = pairs[i].a;
            trial.shape[1] = pairs[i].b;
            try(&trial);
            trial.constants = 1;
            try(&trial);
        }
}

// A gradient of one number whose terms nearly cancel keeps its digits.
static void cancelling_products_keep_their_digits(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *a = tensor_create(SHAPE(3)), *b = parameter_create(SHAPE(1));
    memcpy(a->data, (float[]){1.0000001f, 3, -3.9999995f}, 3 * sizeof(float));
    const float arriving[] = {1.0000002f, 1.0000001f, 1.0000001f};
    double expected = 0;
    for (int i = 0; i < 3; i++) expected += (double)a->data[i] * (double)arriving[i];
    b->data[0] = 2;
    backward_from(multiply(tape_input(tape, a), b), arriving);
    check(fabs((double)b->grad[0] / expected - 1) < 1e-6, "%g, not %g", (double)b->grad[0],
          expected);
    tape_free(tape);
    tensor_free(a);
    tensor_free(b);
}

// ---- Reductions and shapes ----

static Tensor *call_sum(Tensor *const *x, const How *how)
{
    return sum(x[0], how->dims, how->keep);
}
static Tensor *call_mean(Tensor *const *x, const How *how)
{
    return mean(x[0], how->dims, how->keep);
}
static Tensor *call_max(Tensor *const *x, const How *how)
{
    return max(x[0], (int)how->whole[0], how->keep);
}

static void sums_and_means_over_every_set_of_dimensions(void)
{
    Trial trial = {.inputs = 1, .shape = {S(2, 3, 1, 4)}};
    for (unsigned dims = 0; dims < 16; dims++)
        for (int variant = 0; variant < 4; variant++) {
            trial.name = variant & 1 ? "mean" : "sum";
            trial.call = variant & 1 ? call_mean : call_sum;
            trial.reference = variant & 1 ? reference_mean : reference_sum;
            trial.how = (How){.dims = dims, .keep = variant & 2};
            try(&trial);
        }
    trial.name = "sum of all";
    trial.call = call_sum;
    trial.reference = reference_sum;
    trial.how = (How){.dims = ALL_DIMENSIONS};
    try(&trial);
}

static void maxima_and_norms(void)
{
    Trial trial = {"max", .call = call_max, .reference = reference_max, .inputs = 1,
                   .shape = {S(3, 5, 4)}};
    for (int dim = 0; dim < 3; dim++)
        for (int keep = 0; keep < 2; keep++) {
            trial.how = (How){.whole = {dim}, .keep = keep};
            try(&trial);
        }
    try(&(Trial){"norm2_rows", .unary = norm2_rows, .reference = reference_norm2_rows, .inputs = 1,
                 .shape = {S(4, 3, 5, 2)}});
}

static void rows_are_gathered_from_a_table(void)
{
    Tape *tape = tape_create(cpu_kernels());
    const float table[] = {1, 2, 3, 4, 5, 6};
    const int32_t rows[] = {2, 0, 2, 1};
    const Tensor *y = gather_rows(tape_floats(tape, SHAPE(3, 2), table), tape_ints(tape, 4, rows));
    const float wanted[] = {5, 6, 1, 2, 5, 6, 3, 4};
    check(y->rank == 2 && y->shape[0] == 4 && y->shape[1] == 2, "shape %s", shape_text(y));
    check(memcmp(y->data, wanted, sizeof wanted) == 0, "the rows' values");
    check(!y->needs_grad, "no gradient");
    tape_free(tape);
}

static void the_first_maximum_is_the_argmax(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = tensor_create(SHAPE(2, 4));
    memcpy(x->data, (float[]){1, 7, 7, -2, -5, -4, -9, -4}, 8 * sizeof(float));
    Tensor *y = argmax(tape_input(tape, x), 1);
    check(y->type == TENSOR_INT && y->rank == 1 && y->ints[0] == 1 && y->ints[1] == 1, "%d %d",
          y->ints[0], y->ints[1]);
    tape_free(tape);
    tensor_free(x);
}

static Tensor *call_reshape(Tensor *const *x, const How *how)
{
    return reshape(x[0], 2, how->whole);
}
static Tensor *call_permute(Tensor *const *x, const How *how)
{
    int dims[4];
    for (int i = 0; i < 4; i++) dims[i] = (int)how->whole[i];
    return permute(x[0], dims);
}
static Tensor *call_concat(Tensor *const *x, const How *how)
{
    return concat(3, x, (int)how->whole[0]);
}
static Tensor *call_slice(Tensor *const *x, const How *how)
{
    return slice(x[0], (int)how->whole[0], how->whole[1], how->whole[2]);
}
static Tensor *call_pad2d(Tensor *const *x, const How *how)
{
    return pad2d(x[0], how->whole[0], how->whole[1], how->whole[2], how->whole[3]);
}
static Tensor *call_unflatten(Tensor *const *x, const How *how)
{
    return unflatten_channels_first(x[0], how->whole[0], how->whole[1], how->whole[2]);
}

static void operators_that_move_elements(void)
{
    static const Trial trials[] = {
        {"reshape", .call = call_reshape, .reference = reference_reshape, .inputs = 1,
         .shape = {S(2, 3, 4)}, .how = {.whole = {6, 4}}},
        {"reshape to -1", .call = call_reshape, .reference = reference_reshape, .inputs = 1,
         .shape = {S(2, 3, 4)}, .how = {.whole = {2, -1}}},
        {"permute", .call = call_permute, .reference = reference_permute, .inputs = 1,
         .shape = {S(2, 3, 4, 5)}, .how = {.whole = {0, 3, 1, 2}}},
        {"permute all", .call = call_permute, .reference = reference_permute, .inputs = 1,
         .shape = {S(2, 3, 1, 5)}, .how = {.whole = {3, 1, 0, 2}}},
        {"concat", .call = call_concat, .reference = reference_concat, .inputs = 3,
         .shape = {S(2, 3, 4), S(2, 1, 4), S(2, 2, 4)}, .how = {.whole = {1}}},
        {"concat last", .call = call_concat, .reference = reference_concat, .inputs = 3,
         .shape = {S(2, 3), S(2, 5), S(2, 1)}, .how = {.whole = {1}}},
        {"concat first", .call = call_concat, .reference = reference_concat, .inputs = 3,
         .shape = {S(2, 3), S(1, 3), S(4, 3)}, .how = {.whole = {0}}},
        {"slice", .call = call_slice, .reference = reference_slice, .inputs = 1,
         .shape = {S(2, 5, 3)}, .how = {.whole = {1, 1, 4}}},
        {"slice last", .call = call_slice, .reference = reference_slice, .inputs = 1,
         .shape = {S(4, 5)}, .how = {.whole = {1, 4, 5}}},
        {"pad2d", .call = call_pad2d, .reference = reference_pad2d, .inputs = 1,
         .shape = {S(2, 3, 4, 2)}, .how = {.whole = {1, 2, 3, 0}}},
        {"flatten", .unary = flatten_channels_first, .reference = reference_flatten, .inputs = 1,
         .shape = {S(2, 3, 4, 5)}},
        {"flatten one channel", .unary = flatten_channels_first, .reference = reference_flatten,
         .inputs = 1, .shape = {S(2, 3, 4, 1)}},
        {"flatten one pixel", .unary = flatten_channels_first, .reference = reference_flatten,
         .inputs = 1, .shape = {S(2, 1, 1, 5)}},
        {"unflatten", .call = call_unflatten, .reference = reference_unflatten, .inputs = 1,
         .shape = {S(2, 60)}, .how = {.whole = {3, 4, 5}}},
    };
    TRY_ALL(trials);
}

// ---- Products and losses ----

static Tensor *call_linear(Tensor *const *x, const How *how)
{
    (void)how;
    return linear(x[0], x[1], x[2]);
}
static void matrix_products(void)
{
    static const Trial trials[] = {
        {"matmul", .binary = matmul, .reference = reference_linear, .inputs = 2,
         .shape = {S(7, 33), S(33, 18)}},
        {"matmul of one", .binary = matmul, .reference = reference_linear, .inputs = 2,
         .shape = {S(1, 1), S(1, 1)}},
        {"linear", .call = call_linear, .reference = reference_linear, .inputs = 3,
         .shape = {S(5, 20), S(20, 11), S(11)}},
        {"linear without bias", .call = call_linear, .reference = reference_linear, .inputs = 2,
         .shape = {S(3, 4), S(4, 6)}},
    };
    TRY_ALL(trials);
}

static const int32_t labels[] = {3, 0, 6, 2, 2};

static Tensor *call_cross_entropy(Tensor *const *x, const How *how)
{
    Tensor *y = tape_tensor_int(x[0]->tape, 1, x[0]->shape);
    memcpy(y->ints, how->labels, (size_t)y->count * sizeof(int32_t));
    return cross_entropy(x[0], y);
}

static void losses(void)
{
    static const Trial trials[] = {
        {"softmax", .unary = softmax, .reference = reference_softmax, .inputs = 1,
         .shape = {S(5, 7)}, .low = -3, .high = 3},
        {"log_softmax", .unary = log_softmax, .reference = reference_log_softmax, .inputs = 1,
         .shape = {S(5, 43)}, .low = -3, .high = 3},
        {"cross_entropy", .call = call_cross_entropy, .reference = reference_cross_entropy,
         .inputs = 1, .shape = {S(5, 7)}, .how = {.labels = labels}, .low = -5, .high = 5},
        {"mse_loss", .binary = mse_loss, .reference = reference_mse_loss, .inputs = 2,
         .shape = {S(5, 7), S(5, 7)}},
        {"l1_loss", .binary = l1_loss, .reference = reference_l1_loss, .inputs = 2,
         .shape = {S(5, 7), S(5, 7)}},
        {"kl_standard_normal", .binary = kl_standard_normal,
         .reference = reference_kl_standard_normal, .inputs = 2, .shape = {S(5, 7), S(5, 7)}},
    };
    TRY_ALL(trials);
}

// ---- Impossible shapes ----

typedef struct Misuse {
    const char *name;                  // of the operator
    void (*run)(Tensor *a, Tensor *b); // a is (2, 3, 4, 5), b is (2, 3)
    const char *shape;                 // that the message names
} Misuse;

static void misuse_add(Tensor *a, Tensor *b)
{
    add(a, b);
}
static void misuse_matmul(Tensor *a, Tensor *b)
{
    (void)a;
    matmul(b, b);
}
static void misuse_linear(Tensor *a, Tensor *b)
{
    linear(a, b, NULL);
}
static void misuse_conv2d(Tensor *a, Tensor *b)
{
    (void)b;
    conv2d(a, a, NULL, (Conv2d){0});
}
static void misuse_conv_transpose2d(Tensor *a, Tensor *b)
{
    conv_transpose2d(a, b, NULL, (Conv2d){0});
}
static void misuse_max_pool2d(Tensor *a, Tensor *b)
{
    (void)b;
    max_pool2d(a, (Pool2d){.kernel = 9});
}
static void misuse_concat(Tensor *a, Tensor *b)
{
    concat(2, (Tensor *[]){a, b}, 0);
}
static void misuse_slice(Tensor *a, Tensor *b)
{
    (void)a;
    slice(b, 1, 2, 4);
}
static void misuse_reshape(Tensor *a, Tensor *b)
{
    (void)a;
    reshape(b, 2, (int64_t[]){4, -1});
}
static void misuse_permute(Tensor *a, Tensor *b)
{
    (void)a;
    permute(b, (int[]){1, 1});
}
static void misuse_sum(Tensor *a, Tensor *b)
{
    (void)a;
    sum(b, 1u << 2, false);
}
static void misuse_batch_norm(Tensor *a, Tensor *b)
{
    batch_norm(a, b, b, b, b, (BatchNorm){.1f, 1e-5f, true, NORM_RELU_NONE});
}
static void misuse_grid_sample(Tensor *a, Tensor *b)
{
    grid_sample(a, b);
}
static void misuse_softmax(Tensor *a, Tensor *b)
{
    (void)b;
    softmax(a);
}
static void misuse_cross_entropy(Tensor *a, Tensor *b)
{
    (void)a;
    cross_entropy(b, b);
}

// What a process that makes this mistake says before it stops; "" when it goes on.
static void message_of(const Misuse *misuse, char *text, size_t size)
{
    int ends[2];
    text[0] = 0;
    if (!check(pipe(ends) == 0, "no pipe")) return;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        Tape *tape = tape_create(cpu_kernels());
        misuse->run(tape_tensor(tape, SHAPE(2, 3, 4, 5)), tape_tensor(tape, SHAPE(2, 3)));
        _exit(0);
    }
    close(ends[1]);
    ssize_t length;
    size_t used = 0;
    while (used < size - 1 && (length = read(ends[0], text + used, size - 1 - used)) > 0)
        used += (size_t)length;
    text[used] = 0;
    close(ends[0]);
    int status = 0;
    check(waitpid(child, &status, 0) == child && !WIFEXITED(status), "%s goes on", misuse->name);
}

static void impossible_shapes_stop_with_the_operator_and_the_shapes(void)
{
    static const Misuse misuses[] = {
        {"add", misuse_add, "(2, 3)"},
        {"matmul", misuse_matmul, "(2, 3)"},
        {"linear", misuse_linear, "(2, 3, 4, 5)"},
        {"conv2d", misuse_conv2d, "(2, 3, 4, 5)"},
        {"conv_transpose2d", misuse_conv_transpose2d, "(2, 3)"},
        {"max_pool2d", misuse_max_pool2d, "(2, 3, 4, 5)"},
        {"concat", misuse_concat, "(2, 3)"},
        {"slice", misuse_slice, "(2, 3)"},
        {"reshape", misuse_reshape, "(2, 3)"},
        {"permute", misuse_permute, "(2, 3)"},
        {"sum", misuse_sum, "(2, 3)"},
        {"batch_norm", misuse_batch_norm, "(2, 3, 4, 5)"},
        {"grid_sample", misuse_grid_sample, "(2, 3)"},
        {"softmax", misuse_softmax, "(2, 3, 4, 5)"},
        {"cross_entropy", misuse_cross_entropy, "(2, 3)"},
    };
    char text[512];
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        message_of(&misuses[i], text, sizeof text);
        check(strstr(text, misuses[i].name) && strstr(text, misuses[i].shape) &&
                  strstr(text, "core/ops/"),
              "%s: \"%s\"", misuses[i].name, text);
    }
}

int main(int argc, char **argv)
{
    const Test tests[] = {
        {"functions_of_one_element", functions_of_one_element},
        {"random_operators", random_operators},
        {"arithmetic_broadcasts", arithmetic_broadcasts},
        {"cancelling_products_keep_their_digits", cancelling_products_keep_their_digits},
        {"sums_and_means_over_every_set_of_dimensions",
         sums_and_means_over_every_set_of_dimensions},
        {"maxima_and_norms", maxima_and_norms},
        {"the_first_maximum_is_the_argmax", the_first_maximum_is_the_argmax},
        {"rows_are_gathered_from_a_table", rows_are_gathered_from_a_table},
        {"operators_that_move_elements", operators_that_move_elements},
        {"matrix_products", matrix_products},
        {"losses", losses},
        {"impossible_shapes_stop_with_the_operator_and_the_shapes",
         impossible_shapes_stop_with_the_operator_and_the_shapes},
    };
    return TESTS_RUN(tests);
}
