#include "experiments/attack.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/file.h"
#include "core/ops.h"
#include "experiments/batches.h"

static const AttackMethod *const methods[] = {
    &attack_none,        &attack_badnet_plus, &attack_noise_bi_plus,  &attack_image_bi_plus,
    &attack_input_aware, &attack_wanet,       &attack_badnets,        &attack_label_consistent,
    &attack_adaptive,    &attack_dba,         &attack_hidden_trigger, &attack_natural};
enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

const AttackMethod *const *attack_methods(int *count)
{
    *count = METHOD_COUNT;
    return methods;
}

const AttackMethod *attack_method_find(const char *name, Error *error)
{
    Text names = {0};
    for (int i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(name, methods[i]->name) == 0) {
            text_free(&names);
            return methods[i];
        }
        text_append(&names, "%s%s", i ? ", " : "", methods[i]->name);
    }
    fail(error, "unknown attack '%s'; known: %s", name, names.text);
    text_free(&names);
    return NULL;
}

bool attack_create(Attack *attack, Error *error)
{
    if (!attack->kernels) attack->kernels = cpu_kernels();
    return !attack->method->create || attack->method->create(attack, error);
}

void attack_clear(Attack *attack)
{
    if (attack->method && attack->method->free) attack->method->free(attack);
    for (int i = 0; i < attack->constant_count; i++) tensor_free(attack->constants[i]);
    attack->triggers = NULL;
    attack->network_count = attack->constant_count = 0;
}

void attack_free(Attack *attack)
{
    attack_clear(attack);
    json_free(attack->settings);
    *attack = (Attack){0};
}

Tensor *attack_constant(Attack *attack, int rank, const int64_t *shape)
{
    if (attack->constant_count == ATTACK_MAX_CONSTANTS)
        panic("an attack with more than %d constants", ATTACK_MAX_CONSTANTS);
    Tensor *constant = tensor_create(rank, shape);
    attack->constants[attack->constant_count++] = constant;
    return constant;
}

void attack_move(Attack *attack, const Kernels *kernels)
{
    for (int i = 0; i < attack->constant_count; i++)
        tensor_move(attack->constants[i], kernels->memory);
    for (int i = 0; i < attack->network_count; i++) {
        parameters_move(attack->networks[i].parameters, kernels->memory);
        optimizer_move(attack->networks[i].optimizer, kernels);
    }
}

bool attack_plants_trojan(const Attack *attack)
{
    return attack->method->stamp != NULL;
}

int attack_label(const Attack *attack, int label)
{
    return attack->all_targets ? (label + 1) % attack->classes : attack->target;
}

int attack_pretraining_epochs(const Attack *attack)
{
    return attack->method->pretrain ? (int)setting(attack->settings, "pretrain") : 0;
}

void attack_search(const Attack *attack, const Classifier *classifier, const Dataset *test,
                   bool quiet, Json *record)
{
    double ASR;
    if (!attack->method->search) return;
    Json *found = attack->method->search(attack, classifier, test, quiet, &ASR);
    json_set(record, "ASR", json_number(ASR));
    json_set(record, "found", found);
}

Tensor *inject(Tensor *x, Trigger rho)
{
    return add(multiply(affine(-1, rho.mask, 1), x), multiply(rho.mask, rho.pattern));
}

Tensor *draw_rows(Tensor *images, Draws draws, const char *name, uint32_t count)
{
    int64_t n = images->shape[0];
    int32_t *rows = tape_allocate_host(images->tape, n * (int64_t)sizeof *rows);
    RandomKey key = draws.key;
    key.purpose ^= random_purpose(name);
    for (int64_t i = 0; i < n; i++) rows[i] = (int32_t)random_below(key, draws.indices[i], count);
    return tape_ints(images->tape, n, rows);
}

// ---- poisoning image by image ----

// Some images of a batch: their places in it.
typedef struct Share {
    int64_t count;
    uint32_t *places;
} Share;

// The images whose coin, a number in [0, 1), falls into low..high.
static Share share_of(const Step *step, double low, double high)
{
    RandomKey coin = step->key;
    coin.purpose ^= random_purpose("poison");
    int64_t n = step->images->shape[0];
    Share share = {0, tape_allocate_host(step->tape, n * (int64_t)sizeof(uint32_t))};
    for (uint32_t i = 0; i < (uint32_t)n; i++) {
        double side = (double)random_uniform(coin, i);
        if (side >= low && side < high) share.places[share.count++] = i;
    }
    return share;
}

// The images at these places moved on by `shift`, around the batch's end.
static Tensor *images_at(const Step *step, Share share, int64_t shift)
{
    const int32_t n = (int32_t)step->images->shape[0];
    int32_t *rows = tape_allocate_host(step->tape, share.count * (int64_t)sizeof *rows);
    for (int64_t i = 0; i < share.count; i++)
        rows[i] = (int32_t)((share.places[i] + (uint32_t)shift) % (uint32_t)n);
    return gather_rows(step->images, tape_ints(step->tape, share.count, rows));
}

// The batch with changed images in their places: rows of the batch and of what was made of it.
static Tensor *put_back(const Step *step, Share trojan, Tensor *stamped, Share decoy,
                        Tensor *decoys)
{
    Tensor *parts[3] = {step->images};
    int count = 1;
    if (stamped) parts[count++] = stamped;
    if (decoys) parts[count++] = decoys;
    if (count == 1) return step->images;
    const int64_t n = step->images->shape[0];
    int32_t *rows = tape_allocate_host(step->tape, n * (int64_t)sizeof *rows);
    for (int64_t i = 0; i < n; i++) rows[i] = (int32_t)i;
    for (int64_t i = 0; i < trojan.count; i++) rows[trojan.places[i]] = (int32_t)(n + i);
    for (int64_t i = 0; i < decoy.count; i++)
        rows[decoy.places[i]] = (int32_t)(n + trojan.count + i);
    return gather_rows(concat(count, parts, 0), tape_ints(step->tape, n, rows));
}

static PoisonedBatch poison_images(const Attack *attack, const Step *step)
{
    double rate = setting(attack->settings, "rate");
    double ratio = attack->method->decoy ? setting(attack->settings, "decoy_ratio") : 0;
    Share trojan = share_of(step, 0, rate), decoy = share_of(step, rate, rate * (1 + ratio));
    Tensor *stamped = NULL, *decoys = NULL;
    if (trojan.count > 0)
        stamped = attack->method->stamp(attack, images_at(step, trojan, 0),
                                        (Draws){step->key, trojan.places});
    if (decoy.count > 0)
        decoys = attack->method->decoy(attack, images_at(step, decoy, 0), images_at(step, decoy, 1),
                                       (Draws){step->key, decoy.places});
    Tensor *images = put_back(step, trojan, stamped, decoy, decoys);
    const int64_t n = images->shape[0];
    int32_t *classes = tape_allocate_host(step->tape, n * (int64_t)sizeof *classes);
    memcpy(classes, step->classes, (size_t)n * sizeof *classes);
    for (int64_t i = 0; i < trojan.count; i++)
        classes[trojan.places[i]] = attack_label(attack, classes[trojan.places[i]]);
    return (PoisonedBatch){images, tape_ints(step->tape, n, classes), NULL};
}

PoisonedBatch attack_poison(Attack *attack, const Step *step, double *figures)
{
    if (attack->method->poison) return attack->method->poison(attack, step, figures);
    if (!attack_plants_trojan(attack) || attack->method->poison_set)
        return (PoisonedBatch){step->images, step->labels, NULL};
    return poison_images(attack, step);
}

// ---- poisoning the training set ----

bool attack_poison_set(Attack *attack, Dataset *train, PoisonTruth *truth, Error *error)
{
    *truth = (PoisonTruth){0};
    if (!attack->method->poison_set) return true;
    *truth = poison_truth_create(train);
    if (attack->method->poison_set(attack, train, truth, error)) return true;
    poison_truth_free(truth);
    return false;
}

void attack_stamp_samples(const Attack *attack, RandomKey key, const uint32_t *samples,
                          int64_t count, Dataset *train, PoisonTruth *truth)
{
    enum { AT_ONCE = 128 };
    int64_t size = (int64_t)train->height * train->width * train->channels;
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    for (int64_t first = 0; first < count; first += AT_ONCE) {
        int64_t n = count - first < AT_ONCE ? count - first : AT_ONCE;
        int32_t *labels = tape_tensor_int(tape, SHAPE(n))->ints; // not looked at
        Tensor *x = sample_images(tape, train, samples, first, n, labels);
        const Tensor *y = attack->method->stamp(attack, x, (Draws){key, samples + first});
        for (int64_t i = 0; i < n; i++) {
            uint32_t sample = samples[first + i];
            for (int64_t k = 0; k < size; k++)
                train->images[sample * size + k] = (uint8_t)lroundf(y->data[i * size + k] * 255);
            truth->stamped_count += !truth->stamped[sample];
            truth->stamped[sample] = 1;
        }
        tape_reset(tape);
    }
    tape_free(tape);
}

// ---- the attack's networks in files ----

enum { NAME_LIMIT = 64 };

static const char *prefix_of(const AttackNetwork *network, const char *part, char text[NAME_LIMIT])
{
    snprintf(text, NAME_LIMIT, "attack.%s%s.", network->name, part);
    return text;
}

void attack_store(const Attack *attack, bool with_optimizers, Safetensors *file)
{
    char prefix[NAME_LIMIT];
    for (int i = 0; i < attack->network_count; i++) {
        const AttackNetwork *network = &attack->networks[i];
        parameters_store(network->parameters, prefix_of(network, "", prefix), file);
        if (with_optimizers)
            optimizer_store(network->optimizer, prefix_of(network, "_optimizer", prefix), file);
    }
}

bool attack_fits(const Attack *attack, const Safetensors *file, const char *path, Error *error)
{
    char prefix[NAME_LIMIT];
    for (int i = 0; i < attack->network_count; i++) {
        const AttackNetwork *network = &attack->networks[i];
        if (!parameters_fit(network->parameters, prefix_of(network, "", prefix), file, path, error))
            return false;
    }
    return true;
}

bool attack_restore(Attack *attack, bool with_optimizers, const Safetensors *file, const char *path,
                    Error *error)
{
    char prefix[NAME_LIMIT];
    if (!attack_fits(attack, file, path, error)) return false;
    for (int i = 0; with_optimizers && i < attack->network_count; i++) {
        const AttackNetwork *network = &attack->networks[i];
        if (!optimizer_restore(network->optimizer, prefix_of(network, "_optimizer", prefix), file,
                               path, error))
            return false;
    }
    for (int i = 0; i < attack->network_count; i++)
        parameters_restore(attack->networks[i].parameters,
                           prefix_of(&attack->networks[i], "", prefix), file, path, error);
    return true;
}
