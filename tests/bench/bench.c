// bench [--device cuda|emulated [--precision exact|tf32|bf16] [--profile 1]] [PREFIX [THREADS]]
// Times of the workloads of shared/bench/torch_bench.py, under the same names: one line "NAME
// milliseconds ms" each (median), with GFLOP/s for single operators. Batch 128 throughout. On a
// device each workload is one graph, and there are the times of memory-bound kernels in GB/s as
// well; --profile 1 tells for each how its time divides among kernels. `bench peak` measures what
// one core can do at most, in multiply-adds and in the kernel's own tile.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core/error.h"
#include "core/ops.h"
#include "core/thread.h"
#include "cuda/device.h"
#include "nn/classifier.h"
#include "nn/filter.h"
#include "nn/initialize.h"
#include "optim/optimizer.h"
#include "optim/private.h"

enum { BATCH = 128, RUNS = 9, MOST_RUNS = 200, WARM = 2, WARM_ON_DEVICE = 5 };
static const double least_seconds = .4; // of all runs, as long as PyTorch's seven of a small net

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static const Kernels *kernels; // of the device that is measured

// On a device each run is one graph, like a step of a training.
static void run_once(void (*body)(void *), void *context, DeviceGraph *graph)
{
    if (graph) device_begin();
    body(context);
    if (graph) device_end(graph);
    device_wait();
}

static bool profiled; // on a device: what each kernel of a workload takes, too

static double median(const char *name, void (*body)(void *), void *context)
{
    double times[MOST_RUNS], begin;
    int runs = 0;
    DeviceGraph *graph = kernels->memory ? device_graph_create() : NULL;
    for (int i = 0; i < (graph ? WARM_ON_DEVICE : WARM); i++) run_once(body, context, graph);
    for (begin = now(); runs < RUNS || (runs < MOST_RUNS && now() - begin < least_seconds);
         runs++) {
        double start = now();
        run_once(body, context, graph);
        times[runs] = now() - start;
    }
    if (graph && profiled) device_graph_profile(graph, name);
    device_graph_free(graph);
    qsort(times, (size_t)runs, sizeof times[0], ascending);
    return times[runs / 2];
}

static const char *prefix = "";

// Whether one of the workloads whose names begin like this is asked for.
static bool asked_for(const char *name)
{
    size_t length = strlen(name) < strlen(prefix) ? strlen(name) : strlen(prefix);
    return strncmp(name, prefix, length) == 0;
}

static void show(const char *name, void (*body)(void *), void *context, double flop)
{
    if (strncmp(name, prefix, strlen(prefix)) != 0) return;
    double seconds = median(name, body, context);
    printf("%s %.3f ms", name, seconds * 1e3);
    if (flop > 0) printf(" %.1f GFLOP/s", flop / seconds / 1e9);
    printf("\n");
    fflush(stdout);
}

static Tensor *random_tensor(int rank, const int64_t *shape, bool parameter)
{
    Tensor *tensor = parameter ? parameter_create(rank, shape) : tensor_create(rank, shape);
    tensor_move(tensor, kernels->memory);
    kernels->uniform(tensor->count, 0, 1, (RandomKey){1, 2, 3}, tensor->data);
    return tensor;
}

static Tensor *random_labels(void)
{
    Tensor *labels = tensor_create_int(SHAPE(BATCH));
    for (int i = 0; i < BATCH; i++) labels->ints[i] = i % 10;
    tensor_move(labels, kernels->memory);
    return labels;
}

// ---- single operators ----

typedef struct Single {
    Tape *tape;
    Tensor *a, *b; // inputs: images and weight, or two matrices
    Tensor *gradient;
    Conv2d how;
} Single;

static void run_gemm(void *context)
{
    Single *s = context;
    matmul(tape_input(s->tape, s->a), tape_input(s->tape, s->b));
    tape_reset(s->tape);
}

static void bench_gemm(int64_t size)
{
    char name[64];
    snprintf(name, sizeof name, "gemm-%lld", (long long)size);
    if (!asked_for(name)) return;
    Single s = {.tape = tape_create(kernels),
                .a = random_tensor(SHAPE(size, size), false),
                .b = random_tensor(SHAPE(size, size), false)};
    show(name, run_gemm, &s, 2.0 * (double)(size * size * size));
    tensor_free(s.a);
    tensor_free(s.b);
    tape_free(s.tape);
}

static void run_conv(void *context)
{
    Single *s = context;
    conv2d(tape_input(s->tape, s->a), s->b, NULL, s->how);
    tape_reset(s->tape);
}

static void run_conv_step(void *context)
{
    Single *s = context;
    Tensor *x = tape_input(s->tape, s->a);
    x->needs_grad = true;
    backward_from(conv2d(x, s->b, NULL, s->how), s->gradient->data);
    tape_reset(s->tape);
}

static void bench_conv(int64_t ci, int64_t co, int64_t size, int64_t kernel, int64_t stride)
{
    int64_t padding = kernel == 4 ? 1 : kernel / 2;
    int64_t out = (size + 2 * padding - kernel) / stride + 1, values = BATCH * out * out * co;
    char name[64], step[80];
    snprintf(name, sizeof name, "conv-%lld-%lld-%lld-k%llds%lld", (long long)ci, (long long)co,
             (long long)size, (long long)kernel, (long long)stride);
    if (!asked_for(name)) return;
    Single s = {.tape = tape_create(kernels),
                .a = random_tensor(SHAPE(BATCH, size, size, ci), false),
                .b = random_tensor(SHAPE(kernel, kernel, ci, co), true),
                .gradient = random_tensor(SHAPE(values), false),
                .how = {.stride = stride, .padding = padding}};
    double flop = 2.0 * (double)(values * ci * kernel * kernel);
    snprintf(step, sizeof step, "%s-forward", name);
    show(step, run_conv, &s, flop);
    snprintf(step, sizeof step, "%s-step", name);
    show(step, run_conv_step, &s, 3 * flop);
    tensor_free(s.a);
    tensor_free(s.b);
    tensor_free(s.gradient);
    tape_free(s.tape);
}

// ---- whole steps ----

typedef struct Training {
    Tape *tape;
    Classifier *classifier;
    Filter *filter;
    Optimizer *optimizer;
    Tensor *images, *labels;
    uint32_t step;
} Training;

static void train_step(void *context)
{
    Training *t = context;
    Mode mode = {.training = true, .key = {1, 0, t->step++}};
    Tensor *logits = classify(t->classifier, tape_input(t->tape, t->images), mode);
    backward(cross_entropy(logits, tape_input(t->tape, t->labels)));
    optimizer_step(t->optimizer);
    tape_reset(t->tape);
}

static void infer(void *context)
{
    Training *t = context;
    tape_record(t->tape, false);
    classify(t->classifier, tape_input(t->tape, t->images), (Mode){0});
    tape_record(t->tape, true);
    tape_reset(t->tape);
}

static void filter_step(void *context)
{
    Training *t = context;
    Tensor *x = tape_input(t->tape, t->images);
    Tensor *xo = filter_forward(t->filter, x, true, (RandomKey){0});
    Tensor *loss =
        add(cross_entropy(classify(t->classifier, xo, (Mode){0}), tape_input(t->tape, t->labels)),
            mean(norm2_rows(subtract(xo, x)), ALL_DIMENSIONS, false));
    backward(loss);
    optimizer_step(t->optimizer);
    tape_reset(t->tape);
}

// train-CLASSIFIER, infer-CLASSIFIER and filter-DATA.
static void bench_networks(const char *classifier, const char *filter, const char *data,
                           int64_t side, int64_t channels)
{
    char name[3][64];
    snprintf(name[0], sizeof name[0], "train-%s", classifier);
    snprintf(name[1], sizeof name[1], "infer-%s", classifier);
    snprintf(name[2], sizeof name[2], "filter-%s", data);
    if (!asked_for(name[0]) && !asked_for(name[1]) && !asked_for(name[2])) return;
    Error error;
    Training t = {.tape = tape_create(kernels),
                  .classifier = classifier_create(classifier, (int)side, (int)side, (int)channels,
                                                  10, &error),
                  .filter = filter_create(filter, (FilterOptions){0}, &error),
                  .images = random_tensor(SHAPE(BATCH, side, side, channels), false),
                  .labels = random_labels()};
    initialize_default(&t.classifier->parameters, (RandomKey){1, 2, 3});
    initialize_default(&t.filter->parameters, (RandomKey){1, 2, 4});
    t.optimizer = optimizer_create_sgd(
        &t.classifier->parameters,
        (Sgd){.learning_rate = 0.01f, .momentum = 0.9f, .weight_decay = 5e-4f});
    classifier_move(t.classifier, kernels);
    parameters_move(&t.filter->parameters, kernels->memory);
    optimizer_move(t.optimizer, kernels);
    show(name[0], train_step, &t, 0);
    optimizer_free(t.optimizer);
    parameters_freeze(&t.classifier->parameters, true);
    show(name[1], infer, &t, 0);
    t.optimizer = optimizer_create_adam(&t.filter->parameters, (Adam){.learning_rate = 1e-3f});
    optimizer_move(t.optimizer, kernels);
    show(name[2], filter_step, &t, 0);
    optimizer_free(t.optimizer);
    classifier_free(t.classifier);
    filter_free(t.filter);
    tensor_free(t.images);
    tensor_free(t.labels);
    tape_free(t.tape);
}

// ---- kernels that memory limits, on a device: 256 MiB arrays, far more than its cache ----

enum { LARGE = 1 << 26, CHANNELS = 64 };

typedef struct Stream {
    Tensor *x, *y, *z, *channel;
} Stream;

static void stream_relu(void *context)
{
    Stream *s = context;
    kernels->unary(UNARY_RELU, 0, 0, LARGE, s->x->data, s->y->data);
}

static void stream_add(void *context)
{
    Stream *s = context;
    kernels->binary(BINARY_ADD, &(Broadcast){1, {LARGE}, {1}, {1}}, s->x->data, s->y->data,
                    s->z->data);
}

static void stream_norm(void *context)
{
    Stream *s = context;
    const float *c = s->channel->data;
    BatchNormShape shape = {LARGE / CHANNELS, CHANNELS, true, NORM_RELU_AFTER, c, c, c, c};
    kernels->batch_norm_apply(&shape, s->x->data, s->y->data);
}

static void stream_sgd(void *context)
{
    Stream *s = context;
    kernels->sgd(&(SgdStep){0.01f, 0.9f, 5e-4f, false}, LARGE, s->x->data, s->y->data, s->z->data);
}

static void bench_streams(void)
{
    static const struct {
        const char *name;
        void (*body)(void *);
        int arrays; // read or written
    } streams[] = {{"stream-relu", stream_relu, 2},
                   {"stream-add", stream_add, 3},
                   {"stream-batch-norm", stream_norm, 2},
                   {"stream-sgd", stream_sgd, 5}};
    if (!asked_for("stream-")) return;
    Stream s = {random_tensor(SHAPE(LARGE), false), random_tensor(SHAPE(LARGE), false),
                random_tensor(SHAPE(LARGE), false), random_tensor(SHAPE(CHANNELS), false)};
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        if (!asked_for(streams[i].name)) continue;
        double seconds = median(streams[i].name, streams[i].body, &s);
        printf("%s %.3f ms %.0f GB/s\n", streams[i].name, seconds * 1e3,
               4.0 * LARGE * streams[i].arrays / seconds / 1e9);
    }
    tensor_free(s.x);
    tensor_free(s.y);
    tensor_free(s.z);
    tensor_free(s.channel);
}

// ---- private steps ----

static void private_step(void *context)
{
    Training *t = context;
    Mode mode = {.training = true, .key = {1, 0, t->step++}};
    Tensor *logits = classify(t->classifier, tape_input(t->tape, t->images), mode);
    backward_private(cross_entropy(logits, tape_input(t->tape, t->labels)),
                     &t->classifier->parameters, BATCH, (PrivateGradient){1, .5}, mode.key);
    optimizer_step(t->optimizer);
    tape_reset(t->tape);
}

// Of processor time, which other load on the machine does not stretch, to be used with one thread; on
// a device by the clock.
static double seconds_of(void (*body)(void *), void *context, DeviceGraph *graph)
{
    const clockid_t clock = graph ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID;
    struct timespec start, end;
    clock_gettime(clock, &start);
    run_once(body, context, graph);
    clock_gettime(clock, &end);
    return (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
}

// private-CLASSIFIER: a step of DP-SGD and one of SGD on the same network, in turn, and the median of
// their ratios.
static void bench_private(const char *classifier, int side, int channels)
{
    char name[64];
    snprintf(name, sizeof name, "private-%s", classifier);
    if (!asked_for(name)) return;
    Error error;
    Training t = {.tape = tape_create(kernels),
                  .classifier = classifier_create(classifier, side, side, channels, 10, &error),
                  .images = random_tensor(SHAPE(BATCH, side, side, channels), false),
                  .labels = random_labels()};
    initialize_default(&t.classifier->parameters, (RandomKey){1, 2, 3});
    t.optimizer = optimizer_create_sgd(&t.classifier->parameters, (Sgd){.learning_rate = 1e-4f});
    classifier_move(t.classifier, kernels);
    optimizer_move(t.optimizer, kernels);
    enum { PAIRS = 5 };
    double plain[PAIRS], private[PAIRS], ratio[PAIRS];
    DeviceGraph *graphs[2] = {0};
    for (int i = 0; i < 2 && kernels->memory; i++) graphs[i] = device_graph_create();
    for (int i = kernels->memory ? -WARM_ON_DEVICE : -1; i < PAIRS; i++) {
        double a = seconds_of(train_step, &t, graphs[0]);
        double b = seconds_of(private_step, &t, graphs[1]);
        if (i < 0) continue;
        plain[i] = a;
        private[i] = b;
        ratio[i] = b / a;
    }
    qsort(plain, PAIRS, sizeof plain[0], ascending);
    qsort(private, PAIRS, sizeof private[0], ascending);
    qsort(ratio, PAIRS, sizeof ratio[0], ascending);
    printf("%s %.3f ms, without clipping %.3f ms, ratio %.2f\n", name, private[PAIRS / 2] * 1e3,
           plain[PAIRS / 2] * 1e3, ratio[PAIRS / 2]);
    fflush(stdout);
    for (int i = 0; i < 2; i++) device_graph_free(graphs[i]);
    optimizer_free(t.optimizer);
    classifier_free(t.classifier);
    tensor_free(t.images);
    tensor_free(t.labels);
    tape_free(t.tape);
}

// ---- the processor's peak ----

#if defined(__x86_64__)
#include <immintrin.h>
// Twelve independent chains of multiply-adds in registers: nothing but the arithmetic, at the width
// of the kernels in use.
enum { CHAINS = 12, LOOPS = 2000000, PEAK_RUNS = 20 };

__attribute__((target("avx2,fma"))) static void chains_of_8(void)
{
    __m256 sum[CHAINS], a = _mm256_set1_ps(1.0001f), b = _mm256_set1_ps(1e-6f);
    for (int i = 0; i < CHAINS; i++) sum[i] = _mm256_set1_ps((float)i);
    for (int k = 0; k < LOOPS; k++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) sum[i] = _mm256_fmadd_ps(sum[i], a, b);
    }
    volatile float sink = 0;
    for (int i = 0; i < CHAINS; i++) sink = sink + _mm256_cvtss_f32(sum[i]);
}

__attribute__((target("avx512f"))) static void chains_of_16(void)
{
    __m512 sum[CHAINS], a = _mm512_set1_ps(1.0001f), b = _mm512_set1_ps(1e-6f);
    for (int i = 0; i < CHAINS; i++) sum[i] = _mm512_set1_ps((float)i);
    for (int k = 0; k < LOOPS; k++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) sum[i] = _mm512_fmadd_ps(sum[i], a, b);
    }
    volatile float sink = 0;
    for (int i = 0; i < CHAINS; i++) sink = sink + _mm512_cvtss_f32(sum[i]);
}

static void run_chains(void *context, int64_t number, int thread)
{
    (void)context, (void)number, (void)thread;
    if (strcmp(cpu_kernels()->name, "avx512") == 0)
        chains_of_16();
    else
        chains_of_8();
}

// GFLOP/s of so many threads at once: processors that share a core, or its power, have less
// together than each alone.
static double peak(int threads)
{
    const double work = (strcmp(cpu_kernels()->name, "avx512") == 0 ? 32.0 : 16.0) * CHAINS * LOOPS;
    double best = 0;
    threads_set(threads);
    for (int run = 0; run < PEAK_RUNS; run++) {
        double start = now();
        parallel_for(threads, run_chains, NULL);
        double rate = threads * work / (now() - start) / 1e9;
        best = rate > best ? rate : best;
    }
    return best;
}

static void show_peak(int threads)
{
    double most = peak(threads);
    Single s = {.tape = tape_create(kernels),
                .a = random_tensor(SHAPE(1024, 1024), false),
                .b = random_tensor(SHAPE(1024, 1024), false)};
    double rate = 2.0 * 1024 * 1024 * 1024 / median("gemm", run_gemm, &s) / 1e9;
    printf("threads %d: peak %.1f GFLOP/s (multiply-adds, %s), gemm-1024 %.1f GFLOP/s, "
           "%.0f %% of it\n",
           threads, most, cpu_kernels()->name, rate, 100 * rate / most);
    tensor_free(s.a);
    tensor_free(s.b);
    tape_free(s.tape);
}
#else
static void show_peak(int threads)
{
    printf("threads %d: the peak is measured on x86-64 only\n", threads);
}
#endif

int main(int argc, char **argv)
{
    static const int64_t convs[][5] = {
        {3, 64, 32, 3, 1},    {64, 64, 32, 3, 1},  {64, 128, 32, 3, 2},
        {128, 128, 16, 3, 1}, {256, 256, 8, 3, 1}, {512, 512, 4, 3, 1},
        {64, 128, 32, 1, 2},  {32, 64, 14, 4, 2},  {1, 32, 28, 5, 1}};
    Precision precision = PRECISION_EXACT;
    Error error = {0};
    const char *device = "cpu";
    for (; argc > 2 && strncmp(argv[1], "--", 2) == 0; argc -= 2, argv += 2) {
        if (strcmp(argv[1], "--device") == 0) device = argv[2];
        if (strcmp(argv[1], "--precision") == 0 && !precision_parse(argv[2], &precision, &error))
            device = "";
        if (strcmp(argv[1], "--profile") == 0) profiled = strcmp(argv[2], "1") == 0;
    }
    kernels = *device ? device_kernels(device, precision, &error) : NULL;
    if (!kernels) {
        fprintf(stderr, "bench: %s\n", error.message);
        return 1;
    }
    prefix = argc > 1 ? argv[1] : "";
    const int threads = argc > 2 ? atoi(argv[2]) : 2;
    if (strcmp(prefix, "peak") == 0) {
        show_peak(threads);
        return 0;
    }
    threads_set(threads);
    for (int64_t size = 512; size <= 2048; size *= 2) bench_gemm(size);
    for (size_t i = 0; i < sizeof convs / sizeof convs[0]; i++)
        bench_conv(convs[i][0], convs[i][1], convs[i][2], convs[i][3], convs[i][4]);
    bench_networks("mnist-ia", "filter-mnist", "mnist", 28, 1);
    bench_networks("preact-resnet18", "filter-c", "cifar10", 32, 3);
    if (kernels->memory) bench_streams();
    bench_private("mnist-ia-gn", 28, 1);
    bench_private("nin", 32, 3);
    bench_private("vgg11", 32, 3);
    bench_private("resnet18-gn", 32, 3);
    return 0;
}
