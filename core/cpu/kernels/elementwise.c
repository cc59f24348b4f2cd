// Kernels that treat every element alone: functions of one and two arrays, broadcasting, strided
// copies.
//
// A function of one array and its derivative are each written once, on Vector; UNARY_LOOPS makes
// the loops around them, and a table finds the loops by operator.
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/ranges.h"
#include "core/cpu/transpose.h"
#include "core/cpu/vmath.h"
#include "core/walk.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

// What a function of one array may use: x, its parameters, and for the derivative also y = f(x) and
// the incoming gradient.
typedef struct Operands {
    Vector x, y, dy, a, b;
} Operands;

static inline Vector zero_where(VectorInt where, Vector v)
{
    return from_bits(bits_of(v) & ~where);
}

static inline Vector relu(Operands v)
{
    return zero_where(less(v.x, splat(0)), v.x);
}
static inline Vector relu_gradient(Operands v)
{
    return zero_where(less_equal(v.x, splat(0)), v.dy);
}
static inline Vector leaky_relu(Operands v)
{
    return select_vector(less(splat(0), v.x), v.x, v.a * v.x);
}
static inline Vector leaky_relu_gradient(Operands v)
{
    return select_vector(less(splat(0), v.x), v.dy, v.a * v.dy);
}
static inline Vector elu(Operands v)
{
    Vector negative = exp_minus_one_negative(min_vector(v.x, splat(0)));
    return select_vector(less(splat(0), v.x), v.x, negative);
}
static inline Vector elu_gradient(Operands v)
{
    return select_vector(less(splat(0), v.x), v.dy, v.dy * (v.y + splat(1))); // e^x = y + 1
}
static inline Vector sigmoid(Operands v)
{
    return sigmoid_vector(v.x);
}
static inline Vector sigmoid_gradient(Operands v)
{
    return v.dy * (v.y * (splat(1) - v.y));
}
static inline Vector hyperbolic_tangent(Operands v)
{
    return tanh_vector(v.x);
}
static inline Vector hyperbolic_tangent_gradient(Operands v)
{
    return v.dy * fma_vector(-v.y, v.y, splat(1));
}
static inline Vector tanhshrink(Operands v)
{
    return tanhshrink_vector(v.x);
}
static inline Vector tanhshrink_gradient(Operands v)
{
    Vector t = tanh_vector(v.x); // x - y would have no digits left where |x| is large
    return v.dy * (t * t);
}
static inline Vector softplus(Operands v)
{
    return softplus_vector(v.x);
}
static inline Vector softplus_gradient(Operands v)
{
    return v.dy * sigmoid_vector(v.x);
}
static inline Vector exponential(Operands v)
{
    return exp_vector(v.x);
}
static inline Vector exponential_gradient(Operands v)
{
    return v.dy * v.y;
}
static inline Vector logarithm(Operands v)
{
    return log_vector(v.x);
}
static inline Vector logarithm_gradient(Operands v)
{
    return v.dy / v.x;
}
static inline Vector square_root(Operands v)
{
    return sqrt_vector(v.x);
}
static inline Vector square_root_gradient(Operands v)
{
    return v.dy / (v.y + v.y);
}
static inline Vector square(Operands v)
{
    return v.x * v.x;
}
static inline Vector square_gradient(Operands v)
{
    return v.dy * (v.x + v.x);
}
static inline Vector absolute(Operands v)
{
    return abs_vector(v.x);
}
static inline Vector absolute_gradient(Operands v)
{
    Vector signed_dy = select_vector(less(v.x, splat(0)), -v.dy, v.dy);
    return zero_where(equal(v.x, splat(0)), signed_dy);
}
static inline Vector clamp(Operands v)
{
    return min_vector(max_vector(v.x, v.a), v.b);
}
static inline Vector clamp_gradient(Operands v)
{
    return zero_where(~(less_equal(v.a, v.x) & less_equal(v.x, v.b)), v.dy);
}
static inline Vector affine(Operands v)
{
    return fma_vector(v.a, v.x, v.b);
}
static inline Vector affine_gradient(Operands v)
{
    return v.a * v.dy;
}

// One call of unary or unary_backward; y, dy, dx are NULL where they do not apply.
typedef struct UnaryCall {
    float a, b;
    const float *x, *y, *dy;
    float *out;
} UnaryCall;

typedef Vector UnaryFunction(Operands v);

ALWAYS_INLINE void forward_loop(UnaryFunction *function, const UnaryCall *call, int64_t i,
                                int64_t end)
{
    Operands v = {.a = splat(call->a), .b = splat(call->b)};
    for (; i + LANES <= end; i += LANES) {
        v.x = load(call->x + i);
        store(call->out + i, function(v));
    }
    if (i < end) {
        v.x = load_part(call->x + i, end - i);
        store_part(call->out + i, function(v), end - i);
    }
}

ALWAYS_INLINE void backward_loop(UnaryFunction *function, const UnaryCall *call, int64_t i,
                                 int64_t end)
{
    Operands v = {.a = splat(call->a), .b = splat(call->b)};
    for (; i + LANES <= end; i += LANES) {
        v.x = load(call->x + i);
        v.y = load(call->y + i);
        v.dy = load(call->dy + i);
        store(call->out + i, function(v));
    }
    if (i < end) {
        v.x = load_part(call->x + i, end - i);
        v.y = load_part(call->y + i, end - i);
        v.dy = load_part(call->dy + i, end - i);
        store_part(call->out + i, function(v), end - i);
    }
}

#define UNARY_LOOPS(name)                                                                 \
    static void name##_forward(const void *call, int64_t begin, int64_t end, int thread)  \
    {                                                                                     \
        (void)thread;                                                                     \
        forward_loop(name, call, begin, end);                                             \
    }                                                                                     \
    static void name##_backward(const void *call, int64_t begin, int64_t end, int thread) \
    {                                                                                     \
        (void)thread;                                                                     \
        backward_loop(name##_gradient, call, begin, end);                                 \
    }

UNARY_LOOPS(relu)
UNARY_LOOPS(leaky_relu)
UNARY_LOOPS(elu)
UNARY_LOOPS(sigmoid)
UNARY_LOOPS(hyperbolic_tangent)
UNARY_LOOPS(tanhshrink)
UNARY_LOOPS(softplus)
UNARY_LOOPS(exponential)
UNARY_LOOPS(logarithm)
UNARY_LOOPS(square_root)
UNARY_LOOPS(square)
UNARY_LOOPS(absolute)
UNARY_LOOPS(clamp)
UNARY_LOOPS(affine)

static const struct {
    RangeBody *forward, *backward;
} unary_loops[UNARY_COUNT] = {
    [UNARY_RELU] = {relu_forward, relu_backward},
    [UNARY_LEAKY_RELU] = {leaky_relu_forward, leaky_relu_backward},
    [UNARY_ELU] = {elu_forward, elu_backward},
    [UNARY_SIGMOID] = {sigmoid_forward, sigmoid_backward},
    [UNARY_TANH] = {hyperbolic_tangent_forward, hyperbolic_tangent_backward},
    [UNARY_TANHSHRINK] = {tanhshrink_forward, tanhshrink_backward},
    [UNARY_SOFTPLUS] = {softplus_forward, softplus_backward},
    [UNARY_EXP] = {exponential_forward, exponential_backward},
    [UNARY_LOG] = {logarithm_forward, logarithm_backward},
    [UNARY_SQRT] = {square_root_forward, square_root_backward},
    [UNARY_SQUARE] = {square_forward, square_backward},
    [UNARY_ABS] = {absolute_forward, absolute_backward},
    [UNARY_CLAMP] = {clamp_forward, clamp_backward},
    [UNARY_AFFINE] = {affine_forward, affine_backward},
};

static void unary(UnaryOp op, float a, float b, int64_t count, const float *x, float *y)
{
    UnaryCall call = {.a = a, .b = b, .x = x, .out = y};
    parallel_ranges(count, 1, unary_loops[op].forward, &call);
}

static void unary_backward(UnaryOp op, float a, float b, int64_t count, const float *x,
                           const float *y, const float *dy, float *dx)
{
    UnaryCall call = {.a = a, .b = b, .x = x, .y = y, .dy = dy, .out = dx};
    parallel_ranges(count, 1, unary_loops[op].backward, &call);
}

// ---- Arrays walked with two sets of steps
// --------------------------------------------------------

// A walk of one element has one dimension, too: there is always an innermost one.
static void walk_finish(StridedWalk *walk)
{
    if (walk->rank > 0) return;
    walk->rank = 1;
    walk->shape[0] = 1;
    walk->first_step[0] = walk->second_step[0] = 1;
}

// Whether steps are those of a dense array of the walk's shape.
static bool is_dense(const StridedWalk *walk, const int64_t *step)
{
    int64_t expected = 1;
    for (int d = 0; d < walk->rank; d++) {
        if (step[d] != expected) return false;
        expected *= walk->shape[d];
    }
    return true;
}

// Sets index to element (or, from dimension 1 on, row) number `position`.
static void seek(const StridedWalk *walk, int first_dimension, int64_t position, int64_t *index)
{
    for (int d = first_dimension; d < walk->rank; d++) {
        index[d] = position % walk->shape[d];
        position /= walk->shape[d];
    }
}

// Next row: dimension 1 counts up, with carry.
static void next_row(const StridedWalk *walk, int64_t *index)
{
    for (int d = 1; d < walk->rank; d++) {
        if (++index[d] < walk->shape[d]) return;
        index[d] = 0;
    }
}

static int64_t row_offset(const StridedWalk *walk, const int64_t *step, const int64_t *index)
{
    int64_t offset = 0;
    for (int d = 1; d < walk->rank; d++) offset += index[d] * step[d];
    return offset;
}

// Elements begin .. begin+count-1 of the walk, from a repeated array into a dense one.
static void spread(const StridedWalk *walk, const int64_t *step, int64_t begin, int64_t count,
                   const float *x, float *out)
{
    const bool periodic = walk->rank == 2 && step[1] == 0; // every row is the same
    int64_t index[KERNEL_MAX_RANK] = {0}, done = 0;
    int64_t end = periodic ? smaller(walk->shape[0], count) : count;
    seek(walk, 0, begin, index);
    while (done < end) {
        const int64_t run = smaller(walk->shape[0] - index[0], end - done);
        const float *row = x + row_offset(walk, step, index) + index[0] * step[0];
        if (step[0])
            for (int64_t i = 0; i < run; i++) out[done + i] = row[i];
        else
            for (int64_t i = 0; i < run; i++) out[done + i] = row[0];
        done += run;
        index[0] = 0;
        next_row(walk, index);
    }
    for (; done < count; done += smaller(done, count - done)) // the rest repeats what is there
        memcpy(out + done, out, (size_t)smaller(done, count - done) * sizeof(float));
}

typedef Vector BinaryFunction(Vector a, Vector b);
typedef void BinaryLoop(int64_t count, const float *a, const float *b, float *y);

ALWAYS_INLINE void binary_loop(BinaryFunction *function, int64_t count, const float *a,
                               const float *b, float *y)
{
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) store(y + i, function(load(a + i), load(b + i)));
    if (i < count) {
        Vector rest = function(load_part(a + i, count - i), load_part(b + i, count - i));
        store_part(y + i, rest, count - i);
    }
}

#define BINARY_LOOP(name, operator)                                                  \
    static inline Vector name(Vector a, Vector b)                                    \
    {                                                                                \
        return a operator b;                                                         \
    }                                                                                \
    static void name##_loop(int64_t count, const float *a, const float *b, float *y) \
    {                                                                                \
        binary_loop(name, count, a, b, y);                                           \
    }

BINARY_LOOP(add, +)
BINARY_LOOP(subtract, -)
BINARY_LOOP(multiply, *)
BINARY_LOOP(divide, /)

static BinaryLoop *const binary_loops[BINARY_COUNT] = {[BINARY_ADD] = add_loop,
                                                       [BINARY_SUB] = subtract_loop,
                                                       [BINARY_MUL] = multiply_loop,
                                                       [BINARY_DIV] = divide_loop};

typedef struct BinaryCall {
    StridedWalk walk;
    bool a_dense, b_dense;
    BinaryLoop *loop;
    const float *a, *b;
    float *y;
} BinaryCall;

// An operand that is repeated is first spread into a buffer in the first-level cache; then both are
// dense.
static void binary_range(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    enum { BUFFER = 1024 };
    float a_buffer[BUFFER], b_buffer[BUFFER];
    const BinaryCall *call = context;
    const StridedWalk *walk = &call->walk;
    if (call->a_dense && call->b_dense) {
        call->loop(end - begin, call->a + begin, call->b + begin, call->y + begin);
        return;
    }
    for (; begin < end; begin += BUFFER) {
        int64_t count = smaller(BUFFER, end - begin);
        if (!call->a_dense) spread(walk, walk->first_step, begin, count, call->a, a_buffer);
        if (!call->b_dense) spread(walk, walk->second_step, begin, count, call->b, b_buffer);
        call->loop(count, call->a_dense ? call->a + begin : a_buffer,
                   call->b_dense ? call->b + begin : b_buffer, call->y + begin);
    }
}

static void binary(BinaryOp op, const Broadcast *shape, const float *a, const float *b, float *y)
{
    BinaryCall call = {
        .walk = walk_of_broadcast(shape), .loop = binary_loops[op], .a = a, .b = b, .y = y};
    walk_finish(&call.walk);
    call.a_dense = is_dense(&call.walk, call.walk.first_step);
    call.b_dense = is_dense(&call.walk, call.walk.second_step);
    parallel_ranges(call.walk.count, 1, binary_range, &call);
}

// ---- Copies
// --------------------------------------------------------------------------------------

typedef struct CopyCall {
    StridedWalk walk; // first: x, second: y
    const float *x;
    float *y;
} CopyCall;

static void copy_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const CopyCall *call = context;
    const StridedWalk *walk = &call->walk;
    const int64_t length = walk->shape[0], x_step = walk->first_step[0],
                  y_step = walk->second_step[0];
    const bool turned = walk->rank > 1 && walk->first_step[1] == 1 && x_step != 1 && y_step == 1;
    int64_t index[KERNEL_MAX_RANK] = {0};
    seek(walk, 1, begin, index);
    for (int64_t row = begin, count = 1; row < end; row += count, next_row(walk, index)) {
        const float *x = call->x + row_offset(walk, walk->first_step, index);
        float *y = call->y + row_offset(walk, walk->second_step, index);
        if (turned) { // as many rows as are columns of x
            count = smaller(end - row, walk->shape[1] - index[1]);
            transpose(length, count, x, x_step, y, walk->second_step[1]);
            index[1] += count - 1;
        } else if (x_step == 1 && y_step == 1)
            memcpy(y, x, (size_t)length * sizeof(float));
        else
            for (int64_t i = 0; i < length; i++) y[i * y_step] = x[i * x_step];
    }
}

static void copy(const StridedCopy *shape, const float *x, float *y)
{
    CopyCall call = {.walk = walk_of_copy(shape), .x = x, .y = y};
    walk_finish(&call.walk);
    if (call.walk.count == 0) return;
    int64_t length = call.walk.shape[0];
    parallel_ranges(call.walk.count / length, length, copy_rows, &call);
}

typedef struct AccumulateCall {
    float scale; // also the value of fill
    const float *x;
    float *y;
} AccumulateCall;

static void accumulate_range(const void *context, int64_t i, int64_t end, int thread)
{
    (void)thread;
    const AccumulateCall *call = context;
    const float *restrict x = call->x;
    float *restrict y = call->y;
    for (; i < end; i++) y[i] = multiply_add(call->scale, x[i], y[i]);
}

static void accumulate(int64_t count, float scale, const float *x, float *y)
{
    AccumulateCall call = {scale, x, y};
    parallel_ranges(count, 1, accumulate_range, &call);
}

static void fill_range(const void *context, int64_t i, int64_t end, int thread)
{
    (void)thread;
    const AccumulateCall *call = context;
    for (; i < end; i++) call->y[i] = call->scale;
}

static void fill(int64_t count, float value, float *y)
{
    AccumulateCall call = {value, NULL, y};
    parallel_ranges(count, 1, fill_range, &call);
}

void KERNEL(enter_elementwise)(Kernels *table)
{
    table->unary = unary;
    table->unary_backward = unary_backward;
    table->binary = binary;
    table->accumulate = accumulate;
    table->fill = fill;
    table->copy = copy;
}
