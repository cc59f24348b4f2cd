// The input-aware attack: triggers, cross triggers, losses and their gradients against PyTorch in
// float64 with the same starting weights; which networks learn when; its files.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/ops.h"
#include "core/thread.h"
#include "tests/experiments/attack_trial.h"
#include "tests/test.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, IMAGES = 30, PATTERN = 0, MASK = 1 };

static const RandomKey KEY = {7, 11, 13};

// PyTorch's own float32 is off by up to 7e-4 in these gradients.
static void close_to(const char *what, double got, double wanted)
{
    check(fabs(got - wanted) <= 1e-3 * fabs(wanted), "%s: %.7g, PyTorch %.7g", what, got, wanted);
}

static void pixel_is(const char *what, const float *images, int image, int y, int x, double wanted)
{
    double got = (double)images[image * PIXELS + y * SIDE + x];
    check(fabs(got - wanted) < 3e-6, "%s, image %d at (%d, %d): %.6f, PyTorch %.6f", what, image, y,
          x, got, wanted);
}

static double gradient_norm(const Attack *attack, int network, const char *name)
{
    const Tensor *tensor = parameters_find(attack->networks[network].parameters, name)->tensor;
    double squares = 0;
    for (int64_t i = 0; i < tensor->count; i++)
        squares += (double)tensor->grad[i] * (double)tensor->grad[i];
    return tensor->grad_written ? sqrt(squares) : 0;
}

static void triggers_are_pytorchs(void)
{
    Attack attack = attack_trial("input-aware", SIDE, 1, 1, NULL);
    check(parameters_values(attack.networks[PATTERN].parameters) == 42339, "parameters of G");
    float *images = random_images(&attack, IMAGES, 6);
    float *trojan = stamped_images(&attack, IMAGES, images, KEY);
    float *cross = decoy_images(&attack, IMAGES, images, KEY);
    pixel_is("Trojan", trojan, 0, 0, 0, 0.322386);
    pixel_is("Trojan", trojan, 7, 3, 17, 0.357339);
    pixel_is("Trojan", trojan, 12, 13, 13, 0.355473);
    pixel_is("Trojan", trojan, 29, 27, 27, 0.548363);
    pixel_is("cross", cross, 0, 0, 0, 0.322375);
    pixel_is("cross", cross, 12, 13, 13, 0.355351);
    pixel_is("cross", cross, 29, 27, 27, 0.548359);
    free(images), free(trojan), free(cross);
    attack_free(&attack);
}

static void the_large_generators_are_pytorchs(void)
{
    Attack attack = attack_trial("input-aware", 32, 3, 2, NULL);
    check(parameters_values(attack.networks[PATTERN].parameters) == 723273, "parameters of G");
    check(parameters_values(attack.networks[MASK].parameters) == 722691, "parameters of M");
    float *images = random_images(&attack, 4, 8);
    float *trojan = stamped_images(&attack, 4, images, KEY);
    static const struct {
        int image, y, x, channel;
        double value;
    } expected[] = {{0, 0, 0, 0, 0.293174},
                    {1, 3, 17, 1, 0.624182},
                    {2, 13, 13, 2, 0.637378},
                    {3, 31, 31, 0, 0.538480}};
    for (int i = 0; i < 4; i++) {
        int at = ((expected[i].image * 32 + expected[i].y) * 32 + expected[i].x) * 3;
        double got = (double)trojan[at + expected[i].channel];
        check(fabs(got - expected[i].value) < 3e-6, "image %d: %.6f, PyTorch %.6f", i, got,
              expected[i].value);
    }
    free(images), free(trojan);
    attack_free(&attack);
}

static void the_mask_learns_pytorchs_loss(void)
{
    Attack attack = attack_trial("input-aware", SIDE, 1, 1, NULL);
    float *images = random_images(&attack, IMAGES, 6);
    StepTrial trial = step_trial(&attack, IMAGES, images, NULL, KEY);
    double figures[MAX_FIGURES];
    attack.method->pretrain(&attack, &trial.step, figures);
    close_to("mean ReLU(m - density)", figures[0], 0.5343179990919187);
    close_to("d(x, x') / d(m, m')", figures[1], 1.3509170032228672);
    // of 100 times the first plus the second
    close_to("first convolution", gradient_norm(&attack, MASK, "convblock_down_0.conv2d.weight"),
             26.4534);
    close_to("middle", gradient_norm(&attack, MASK, "convblock_middle.conv2d.weight"), 70.3971);
    close_to("last norm", gradient_norm(&attack, MASK, "convblock_up_3.batch_norm.bias"), 41.8839);
    check(gradient_norm(&attack, PATTERN, "convblock_middle.conv2d.weight") == 0, "G stays");
    step_trial_free(&trial);
    free(images);
    attack_free(&attack);
}

// Of 30 images 3 are Trojan, 3 cross with the triggers of the next 3.
static void a_poisoned_batch_and_its_loss_are_pytorchs(void)
{
    Attack attack = attack_trial("input-aware", SIDE, 1, 1, NULL);
    float *images = random_images(&attack, IMAGES, 6);
    int32_t labels[IMAGES];
    for (int i = 0; i < IMAGES; i++) labels[i] = i % 10;
    StepTrial trial = step_trial(&attack, IMAGES, images, labels, KEY);
    double figures[MAX_FIGURES];
    PoisonedBatch batch = attack_poison(&attack, &trial.step, figures);
    const float *poisoned = batch.images->data;
    pixel_is("Trojan", poisoned, 0, 0, 0, 0.470345);
    pixel_is("Trojan", poisoned, 2, 3, 17, 0.433870);
    pixel_is("cross", poisoned, 3, 13, 13, 0.394651);
    pixel_is("cross", poisoned, 5, 27, 27, 0.841070);
    pixel_is("clean", poisoned, 6, 1, 1, 0.628155);
    check(memcmp(poisoned + 6 * PIXELS, images + 6 * PIXELS, sizeof(float) * 24 * PIXELS) == 0,
          "the rest is clean");
    for (int i = 0; i < IMAGES; i++)
        check(batch.labels->ints[i] == (i < 3 ? 3 : i % 10), "label of image %d", i);
    close_to("d(x, x') / d(p, p')", figures[2], 1.1319469006487057);
    backward(add(mean(square(batch.images), ALL_DIMENSIONS, false), batch.loss));
    close_to("first convolution", gradient_norm(&attack, PATTERN, "convblock_down_0.conv2d.weight"),
             1.58482);
    close_to("middle", gradient_norm(&attack, PATTERN, "convblock_middle.conv2d.weight"), 4.2465);
    close_to("last norm", gradient_norm(&attack, PATTERN, "convblock_up_3.batch_norm.weight"),
             0.532786);
    check(gradient_norm(&attack, MASK, "convblock_middle.conv2d.weight") == 0, "M is frozen");
    step_trial_free(&trial);
    free(images);
    attack_free(&attack);
}

static void each_generator_moves_in_its_own_phase(void)
{
    Attack attack = attack_trial("input-aware", SIDE, 1, 1, NULL);
    float *images = random_images(&attack, IMAGES, 6);
    int32_t labels[IMAGES] = {0};
    const Tensor *weights[2];
    float before[2];
    for (int i = 0; i < 2; i++) {
        weights[i] =
            parameters_find(attack.networks[i].parameters, "convblock_middle.conv2d.weight")
                ->tensor;
        before[i] = weights[i]->data[0];
    }
    StepTrial trial = step_trial(&attack, IMAGES, images, labels, KEY);
    double figures[MAX_FIGURES];
    attack.method->pretrain(&attack, &trial.step, figures);
    check(weights[MASK]->data[0] != before[MASK], "M learns first");
    check(weights[PATTERN]->data[0] == before[PATTERN], "G waits");
    before[MASK] = weights[MASK]->data[0];
    step_trial_free(&trial);
    trial = step_trial(&attack, IMAGES, images, labels, KEY);
    PoisonedBatch batch = attack_poison(&attack, &trial.step, figures);
    backward(batch.loss);
    attack.method->learn(&attack, &trial.step);
    check(weights[MASK]->data[0] == before[MASK], "M is frozen then");
    check(weights[PATTERN]->data[0] != before[PATTERN], "and G learns");
    step_trial_free(&trial);
    free(images);
    attack_free(&attack);
}

static void small_batches_do_no_harm(void)
{
    Attack attack = attack_trial("input-aware", SIDE, 1, 1, NULL);
    float *images = random_images(&attack, 9, 6);
    int32_t labels[9] = {5, 5, 5, 5, 5, 5, 5, 5, 5};
    double figures[MAX_FIGURES];
    for (int n = 1; n <= 9; n++) {
        StepTrial trial = step_trial(&attack, n, images, labels, KEY);
        attack.method->pretrain(&attack, &trial.step, figures);
        PoisonedBatch batch = attack_poison(&attack, &trial.step, figures);
        check(!batch.loss && batch.images->shape[0] == n && batch.labels->ints[0] == 5,
              "a tenth of %d images is none", n);
        step_trial_free(&trial);
    }
    free(images);
    attack_free(&attack);
}

static void its_networks_go_through_a_file(void)
{
    Error error = {0};
    Attack a = attack_trial("input-aware", SIDE, 1, 1, NULL);
    Attack b = attack_trial("input-aware", SIDE, 1, 2, NULL);
    float *images = random_images(&a, 2, 6);
    float *first = stamped_images(&a, 2, images, KEY), *other = stamped_images(&b, 2, images, KEY);
    check(memcmp(first, other, sizeof(float) * 2 * PIXELS) != 0, "another seed, other triggers");
    Safetensors *file = safetensors_create();
    attack_store(&a, false, file);
    check(!attack_restore(&b, true, file, "FILE", &error) && strstr(error.message, "FILE"),
          "no optimizers: '%s'", error.message);
    check(attack_restore(&b, false, file, "FILE", &error), "%s", error.message);
    float *second = stamped_images(&b, 2, images, KEY);
    check(memcmp(first, second, sizeof(float) * 2 * PIXELS) == 0, "the same triggers");
    Safetensors *empty = safetensors_create();
    check(!attack_restore(&b, false, empty, "FILE", &error), "an empty file");
    safetensors_free(empty);
    safetensors_free(file);
    free(images), free(first), free(second), free(other);
    attack_free(&a);
    attack_free(&b);
}

static void sides_that_cannot_be_halved_are_refused(void)
{
    Attack attack = {.method = &attack_input_aware,
                     .height = 28,
                     .width = 28,
                     .channels = 3,
                     .deviation = {1, 1, 1},
                     .settings = settings_resolve(attack_input_aware.settings, "input-aware",
                                                  SCALE_PAPER, &(Overrides){0})};
    Error error = {0};
    check(!attack_create(&attack, &error) && strstr(error.message, "28x28"), "'%s'", error.message);
    attack_free(&attack);
}

static void threads_change_no_bit(void)
{
    Attack attack = attack_trial("input-aware", SIDE, 1, 1, NULL);
    float *images = random_images(&attack, 20, 6), *results[2];
    for (int i = 0; i < 2; i++) {
        threads_set(i == 0 ? 1 : 3);
        results[i] = stamped_images(&attack, 20, images, KEY);
    }
    check(memcmp(results[0], results[1], sizeof(float) * 20 * PIXELS) == 0, "the same bits");
    free(images), free(results[0]), free(results[1]);
    attack_free(&attack);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"triggers_are_pytorchs", triggers_are_pytorchs},
        {"the_large_generators_are_pytorchs", the_large_generators_are_pytorchs},
        {"the_mask_learns_pytorchs_loss", the_mask_learns_pytorchs_loss},
        {"a_poisoned_batch_and_its_loss_are_pytorchs", a_poisoned_batch_and_its_loss_are_pytorchs},
        {"each_generator_moves_in_its_own_phase", each_generator_moves_in_its_own_phase},
        {"small_batches_do_no_harm", small_batches_do_no_harm},
        {"its_networks_go_through_a_file", its_networks_go_through_a_file},
        {"sides_that_cannot_be_halved_are_refused", sides_that_cannot_be_halved_are_refused},
        {"threads_change_no_bit", threads_change_no_bit}};
    return TESTS_RUN(tests);
}
