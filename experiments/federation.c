// With G the global network and n participants, in each round
//
//   L_i = G, trained by SGD on the samples of participant i for some epochs,    i = 1 .. n
//   G = G + eta / n sum_i (L_i - G)                                                        (FedAvg)
//
// for parameters and for the running statistics of batch norms alike; whoever has no samples leaves
// L_i = G. Momentum begins anew with every local training.
//
// The samples of class k go to the participants in shares p_1 .. p_n ~ Dirichlet(alpha):
//
//   p_i = g_i / sum_j g_j,   g_i ~ Gamma(alpha) = 1/2 sum of 2 alpha squares of standard normals
//
// which needs no logarithm where 2 alpha is a whole number.
#include "experiments/federation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "experiments/batches.h"
#include "experiments/evaluation.h"
#include "experiments/training.h"

// ---- who has which samples ----

// The participants' shares of a class, summed up: cumulated[i] = p_0 + .. + p_i.
static void draw_shares(int participants, int twice_alpha, RandomKey key, double *cumulated)
{
    double sum = 0;
    for (int i = 0; i < participants; i++) {
        for (int k = 0; k < twice_alpha; k++) {
            double z =
                (double)random_normal(key, (uint64_t)i * (uint64_t)twice_alpha + (uint64_t)k);
            sum += z * z / 2;
        }
        cumulated[i] = sum;
    }
    for (int i = 0; i < participants; i++) cumulated[i] /= sum;
}

// owners[s] of each sample s of class k, in the order given.
static void divide_class(const Dataset *train, int k, const uint32_t *order,
                         const double *cumulated, int *owners)
{
    int64_t count = 0, at = 0;
    int owner = 0;
    for (int64_t i = 0; i < train->count; i++) count += train->labels[i] == k;
    for (int64_t i = 0; i < train->count; i++) {
        if (train->labels[order[i]] != k) continue;
        while (at >= llround(cumulated[owner] * (double)count)) owner++;
        owners[order[i]] = owner;
        at++;
    }
}

Federation *federation_create(const Dataset *train, int participants, int twice_alpha,
                              uint64_t seed)
{
    size_t count = (size_t)train->count;
    Federation *f = allocate(sizeof *f);
    *f = (Federation){participants, allocate(sizeof *f->samples * (count + 1)),
                      allocate_zeroed(sizeof *f->first * ((size_t)participants + 1))};
    uint32_t *order = allocate(sizeof *order * (count + 1));
    int *owners = allocate(sizeof *owners * (count + 1));
    double *cumulated = allocate(sizeof *cumulated * (size_t)participants);
    random_permutation((RandomKey){seed, random_purpose("federation order"), 0}, (uint32_t)count,
                       order);
    for (int k = 0; k < train->classes; k++) {
        draw_shares(participants, twice_alpha,
                    (RandomKey){seed, random_purpose("federation shares"), (uint32_t)k}, cumulated);
        divide_class(train, k, order, cumulated, owners);
    }
    int64_t at = 0;
    for (int i = 0; i < participants; i++) {
        for (uint32_t s = 0; s < (uint32_t)count; s++)
            if (owners[s] == i) f->samples[at++] = s;
        f->first[i + 1] = at;
    }
    free(order);
    free(owners);
    free(cumulated);
    return f;
}

void federation_free(Federation *federation)
{
    if (!federation) return;
    free(federation->samples);
    free(federation->first);
    free(federation);
}

// ---- local training ----

typedef struct State {
    const FederatedTraining *training;
    Tape *tape;
    ImageStore store;
    uint32_t *samples, *order; // of the participant at hand: room for the whole training set
    float *global, *local;     // G, L_i: all tensors one behind the other
    double *change;            // sum_i (L_i - G)
} State;

static int64_t tensors_size(const Parameters *parameters)
{
    int64_t size = 0;
    for (int i = 0; i < parameters->count; i++) size += parameters->items[i].tensor->count;
    return size;
}

// One step of SGD on this run of the order; returns the loss.
static double local_step(State *state, Optimizer *optimizer, int64_t first, int64_t count,
                         RandomKey key)
{
    const FederatedTraining *t = state->training;
    int32_t *labels = tape_allocate_host(state->tape, count * (int64_t)sizeof *labels);
    RandomKey augment = key;
    augment.purpose ^= random_purpose("augment");
    Tensor *x = image_batch(&state->store, state->tape, state->order + first, count,
                            t->augmentation, augment, first, labels);
    Tensor *y = tape_ints(state->tape, count, labels);
    Mode mode = {.training = !t->frozen_norm, .dropout = true, .key = key};
    Tensor *loss = cross_entropy(classify(t->classifier, x, mode), y);
    double value = (double)tensor_value(loss);
    backward(loss);
    optimizer_step(optimizer);
    tape_reset(state->tape);
    return value;
}

// From G to L_i, and the mean loss of the last epoch; false, and L_i = G, without samples.
static bool train_locally(State *state, int participant, int round, double *loss)
{
    const FederatedTraining *t = state->training;
    const Federation *f = t->federation;
    LocalTraining local = t->local(t->context, participant, round);
    int64_t count = 0;
    for (int64_t i = f->first[participant]; i < f->first[participant + 1]; i++)
        if (!local.left_out || !local.left_out[f->samples[i]])
            state->samples[count++] = f->samples[i];
    Optimizer *optimizer =
        optimizer_create_sgd(&t->classifier->parameters,
                             (Sgd){.momentum = t->momentum, .weight_decay = t->weight_decay});
    optimizer_move(optimizer, classifier_kernels(t->classifier));
    uint32_t turn = (uint32_t)(round * f->participants + participant);
    for (int epoch = 0; count > 0 && epoch < local.epochs; epoch++) {
        RandomKey key = {t->seed, t->purpose + (uint32_t)epoch, turn};
        epoch_order(key, state->samples, count, state->order);
        optimizer->learning_rate = learning_rate_at(&local.schedule, epoch);
        *loss = 0;
        for (int64_t first = 0; first < count; first += t->batch_size) {
            int64_t n = count - first < t->batch_size ? count - first : t->batch_size;
            RandomKey step = key;
            step.purpose ^= (1 + (uint32_t)first) * 2654435761u; // of its own for every step
            *loss += local_step(state, optimizer, first, n, step) * (double)n / (double)count;
        }
    }
    optimizer_free(optimizer);
    return count > 0 && local.epochs > 0;
}

// ---- a round ----

static void read_network(const State *state, float *to)
{
    const Parameters *parameters = &state->training->classifier->parameters;
    for (int i = 0; i < parameters->count; to += parameters->items[i++].tensor->count)
        tensor_read(parameters->items[i].tensor, to);
}

static void write_network(const State *state, const float *from)
{
    const Parameters *parameters = &state->training->classifier->parameters;
    for (int i = 0; i < parameters->count; from += parameters->items[i++].tensor->count)
        tensor_write(parameters->items[i].tensor, from);
}

// Adds L_i - G to the sum, and the network is G again.
static void add_change(State *state)
{
    const int64_t size = tensors_size(&state->training->classifier->parameters);
    read_network(state, state->local);
    for (int64_t k = 0; k < size; k++)
        state->change[k] += (double)state->local[k] - (double)state->global[k];
    write_network(state, state->global);
}

// G = G + eta / n sum_i (L_i - G)
static void aggregate(State *state)
{
    const FederatedTraining *t = state->training;
    const int64_t size = tensors_size(&t->classifier->parameters);
    double share = t->rate / t->federation->participants;
    for (int64_t k = 0; k < size; k++)
        state->global[k] = (float)((double)state->global[k] + share * state->change[k]);
    write_network(state, state->global);
}

// To the loop of experiments/training.h a round is an epoch of one step.
static void run_round(void *opaque, const Step *s, double *figures)
{
    State *state = opaque;
    const FederatedTraining *t = state->training;
    double sum = 0;
    int trained = 0;
    memset(state->change, 0, sizeof(double) * (size_t)tensors_size(&t->classifier->parameters));
    read_network(state, state->global);
    for (int i = 0; i < t->federation->participants; i++) {
        double loss = 0;
        bool took_part = train_locally(state, i, s->epoch, &loss);
        add_change(state);
        if (!took_part) continue;
        sum += loss;
        trained++;
    }
    aggregate(state);
    figures[0] = trained > 0 ? sum / trained : 0; // NaN would say that it diverged
}

static void evaluate(void *opaque, int rounds_done, Curves *curves)
{
    const FederatedTraining *t = ((State *)opaque)->training;
    Evaluation evaluation = {.classifier = t->classifier,
                             .attack = t->attack,
                             .dataset = t->test,
                             .count = t->test->count,
                             .seed = t->seed};
    Predictions predictions = predict(&evaluation);
    Metrics m = metrics(&predictions, t->attack);
    curves_add(curves, "BA", "%", rounds_done, m.clean_accuracy);
    if (attack_plants_trojan(t->attack)) curves_add(curves, "ASR", "%", rounds_done, m.ASR);
    predictions_free(&predictions);
}

static void store(const void *opaque, Safetensors *file)
{
    const State *state = opaque;
    parameters_store(&state->training->classifier->parameters, "classifier.", file);
}

static bool restore(void *opaque, const Safetensors *file, const char *path, Error *error)
{
    State *state = opaque;
    return parameters_restore(&state->training->classifier->parameters, "classifier.", file, path,
                              error);
}

bool federated_train(const FederatedTraining *t, Curves *curves, double *seconds, Error *error)
{
    static const char *const figures[] = {"loss", NULL};
    size_t count = (size_t)t->train->count;
    size_t size = (size_t)tensors_size(&t->classifier->parameters);
    const Kernels *kernels = classifier_kernels(t->classifier);
    State state = {.training = t,
                   .tape = tape_create(kernels),
                   .store = image_store(t->train, kernels),
                   .samples = allocate(sizeof(uint32_t) * count),
                   .order = allocate(sizeof(uint32_t) * count),
                   .global = allocate(sizeof(float) * size),
                   .local = allocate(sizeof(float) * size),
                   .change = allocate(sizeof(double) * size)};
    TrainingPlan plan = {.label = t->label,
                         .dataset = t->train,
                         .sample_count = 1,
                         .epochs = t->rounds,
                         .batch_size = 1,
                         .seed = t->seed,
                         .purpose = t->purpose,
                         .checkpoint = t->checkpoint,
                         .config_hash = t->config_hash,
                         .checkpoint_interval = t->checkpoint_interval,
                         .quiet = t->quiet};
    Trainee trainee = {.state = &state,
                       .step = run_round,
                       .figures = figures,
                       .store = store,
                       .restore = restore,
                       .evaluate = evaluate,
                       .evaluate_every = t->evaluate_every};
    bool ok = train(&plan, &trainee, curves, seconds, error);
    tape_free(state.tape);
    image_store_free(&state.store);
    free(state.samples);
    free(state.order);
    free(state.global);
    free(state.local);
    free(state.change);
    return ok;
}
