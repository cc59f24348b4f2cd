// IP, IF, VIF and AIF: what a step reports and the gradient it follows, recomputed from the papers'
// equations in double.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "nn/generator.h"
#include "tests/experiments/filter_trial.h"
#include "tests/test.h"

// ---- the terms of the losses, in double ----

// -log p(label) of each row, mean.
static double cross_entropy_of(const Tensor *logits, const int32_t *classes, int count)
{
    double total = 0;
    for (int i = 0; i < count; i++) {
        const float *row = logits->data + i * CLASSES;
        double sum_of_exponentials = 0;
        for (int k = 0; k < CLASSES; k++) sum_of_exponentials += exp((double)row[k]);
        total += log(sum_of_exponentials) - (double)row[classes[i]];
    }
    return total / count;
}

static double distance_of(const float *a, const float *b)
{
    double total = 0;
    for (int i = 0; i < N; i++) {
        double squares = 0;
        for (int p = 0; p < PIXELS; p++)
            squares += pow((double)a[i * PIXELS + p] - (double)b[i * PIXELS + p], 2);
        total += sqrt(squares);
    }
    return total / N;
}

static double divergence_of(Latent z)
{
    double total = 0;
    for (int64_t i = 0; i < z.mean->count; i++) {
        double mu = (double)z.mean->data[i], log_variance = (double)z.log_variance->data[i];
        total += 0.5 * (mu * mu + exp(log_variance) - 1 - log_variance);
    }
    return total / N;
}

static RandomKey key_of(int number, const char *name)
{
    return (RandomKey){3, 4 ^ random_purpose(name), (uint32_t)number};
}

static Tensor *batch_of(Tape *tape, const float *values, int count)
{
    Tensor *x = tape_tensor(tape, SHAPE(count, 28, 28, 1));
    memcpy(x->data, values, sizeof(float) * (size_t)(count * PIXELS));
    return x;
}

// The loss that a step is to have, with its figures, for the filter's present weights.
typedef double Reference(const Defense *defense, Tape *tape, int number, double *figures);

static double value_of(const Defense *defense, const char *name)
{
    return setting(defense->settings, name);
}

static double ip_reference(const Defense *d, Tape *tape, int number, double *figures)
{
    (void)number;
    const Tensor *xo = filter_forward(d->filter, batch_of(tape, images, N), true, (RandomKey){0});
    return figures[0] = distance_of(xo->data, images);
}

static double if_reference(const Defense *d, Tape *tape, int number, double *figures)
{
    (void)number;
    Tensor *xo = filter_forward(d->filter, batch_of(tape, images, N), true, (RandomKey){0});
    figures[0] = cross_entropy_of(classify(d->classifier, xo, (Mode){0}), labels, N);
    figures[1] = distance_of(xo->data, images);
    return figures[0] + value_of(d, "lambda1") * figures[1];
}

static double vif_reference(const Defense *d, Tape *tape, int number, double *figures)
{
    Latent z = filter_encode(d->filter, batch_of(tape, images, N), true);
    Tensor *sample = tape_tensor(tape, z.mean->rank, z.mean->shape);
    RandomKey key = key_of(number, "z");
    for (int64_t i = 0; i < sample->count; i++)
        sample->data[i] =
            (float)((double)z.mean->data[i] + exp(0.5 * (double)z.log_variance->data[i]) *
                                                  (double)random_normal(key, (uint64_t)i));
    Tensor *xo = filter_decode(d->filter, z, sample, true);
    figures[0] = cross_entropy_of(classify(d->classifier, xo, (Mode){0}), labels, N);
    figures[1] = distance_of(xo->data, images);
    figures[2] = divergence_of(z);
    return figures[0] + value_of(d, "lambda1") * figures[1] + value_of(d, "lambda2") * figures[2];
}

// ---- AIF: its generator is the method's own; the test has a copy, taken from a checkpoint ----

static Generator *copy_of_generator(const Defense *d)
{
    Error error = {0};
    Safetensors *file = safetensors_create();
    d->method->store(d, file);
    Generator *generator = generator_create("filter-mnist", 2, CLASSES, &error);
    check(parameters_restore(&generator->parameters, "generator.", file, "checkpoint", &error),
          "%s", error.message);
    safetensors_free(file);
    return generator;
}

typedef struct Trojan {
    float images[N * PIXELS];
    int32_t classes[N];
    double mask_norm, excess; // means over the batch: ||m||, max(||m|| - delta, 0)
} Trojan;

// x~ = (1 - m') x + m' p with (m, p) = G(eps, k), Eq. 1, 12 and 14.
static void synthesise(const Defense *d, const Generator *generator, RandomKey key, Trojan *trojan)
{
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    Tensor *noise = tape_tensor(tape, SHAPE(N, GENERATOR_NOISE));
    for (int64_t i = 0; i < noise->count; i++) noise->data[i] = random_normal(key, (uint64_t)i);
    Tensor *classes = tape_tensor_int(tape, SHAPE(N));
    key.purpose ^= random_purpose("class");
    for (uint32_t i = 0; i < N; i++) classes->ints[i] = (int32_t)random_below(key, i, CLASSES);
    memcpy(trojan->classes, classes->ints, sizeof trojan->classes);
    const float *rho = generate(generator, noise, classes, true)->data;
    double delta = value_of(d, "delta") * 28, tau = value_of(d, "tau");
    trojan->mask_norm = trojan->excess = 0;
    for (int i = 0; i < N; i++) {
        double squares = 0;
        for (int p = 0; p < PIXELS; p++) squares += pow((double)rho[2 * (i * PIXELS + p) + 1], 2);
        double norm = sqrt(squares), u = 1 - delta / norm, factor = 1;
        if (value_of(d, "normalise") == 1) factor = 1 - fmax(u, 0);
        if (value_of(d, "normalise") == 2)
            factor = 1 - tau * log1p(exp((u + tau * log(1 - exp(-1 / tau))) / tau));
        trojan->mask_norm += norm / N;
        trojan->excess += fmax(norm - delta, 0) / N;
        for (int p = i * PIXELS; p < (i + 1) * PIXELS; p++) {
            double m = factor * (double)rho[2 * p + 1], x = (double)images[p];
            trojan->images[p] = (float)((1 - m) * x + m * (double)rho[2 * p]);
        }
    }
    tape_free(tape);
}

static Trojan f_step_trojan; // of the step under test, after the generator's own step

static double aif_reference(const Defense *d, Tape *tape, int number, double *figures)
{
    (void)number;
    float both[2 * N * PIXELS];
    memcpy(both, images, sizeof images);
    memcpy(both + N * PIXELS, f_step_trojan.images, sizeof images);
    Tensor *filtered = filter_forward(d->filter, batch_of(tape, both, 2 * N), true, (RandomKey){0});
    Tensor *xo = slice(filtered, 0, 0, N), *restored = slice(filtered, 0, N, 2 * N);
    figures[0] = cross_entropy_of(classify(d->classifier, xo, (Mode){0}), labels, N);
    figures[1] = distance_of(xo->data, images);
    figures[2] = cross_entropy_of(classify(d->classifier, restored, (Mode){0}), labels, N);
    figures[3] = distance_of(restored->data, images);
    return figures[0] + value_of(d, "lambda1") * figures[1] + value_of(d, "lambda2") * figures[2] +
           value_of(d, "lambda3") * figures[3];
}

// ---- the checks ----

static void close_figures(const char *name, const double *got, const double *wanted, int count)
{
    for (int i = 0; i < count; i++)
        check(fabs(got[i] - wanted[i]) < 2e-5 * (1 + fabs(wanted[i])),
              "%s, figure %d: %.8g, not %.8g", name, i, got[i], wanted[i]);
}

static double loss_at(const Defense *d, Reference *reference, int number, const float *values,
                      double move)
{
    Parameters *p = &d->filter->parameters;
    copy_values(p, (float *)(uintptr_t)values, false);
    for (int i = 0; i < p->count; i++) {
        Tensor *t = p->items[i].tensor;
        for (int64_t j = 0; p->items[i].trainable && j < t->count; j++)
            t->data[j] += (float)(move * (double)t->grad[j]);
    }
    double figures[MAX_FIGURES];
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    double loss = reference(d, tape, number, figures);
    tape_free(tape);
    return loss;
}

// The gradient g that the step left in the filter: along g the loss must rise by ||g||^2, which no
// gradient with a wrong, a missing or a superfluous term does.
static void check_gradient(const Defense *d, Reference *reference, int number, const float *values)
{
    const Parameters *p = &d->filter->parameters;
    double squares = 0;
    for (int i = 0; i < p->count; i++)
        for (int64_t j = 0; p->items[i].trainable && j < p->items[i].tensor->count; j++)
            squares += pow((double)p->items[i].tensor->grad[j], 2);
    double loss = loss_at(d, reference, number, values, 0), h = 2e-3 * loss / squares;
    double slope =
        (loss_at(d, reference, number, values, h) - loss_at(d, reference, number, values, -h)) /
        (2 * h);
    check(fabs(slope / squares - 1) < 0.01, "%s: slope %.6g, gradient says %.6g", d->method->name,
          slope, squares);
}

static void check_filter(const char *name, Reference *reference, int figure_count, int count,
                         const char **overrides)
{
    Classifier *classifier = classifier_of("mnist-ia");
    Defense d = defense_of(name, classifier, count, overrides);
    float *before = take_values(&d.filter->parameters);
    double got[MAX_FIGURES], wanted[MAX_FIGURES];
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    reference(&d, tape, 6, wanted);
    tape_free(tape);
    copy_values(&d.filter->parameters, before, false);
    take_step(&d, 0, 6, got);
    close_figures(name, got, wanted, figure_count);
    check(!same_values(&d.filter->parameters, before), "%s: the filter learns", name);
    check_gradient(&d, reference, 6, before);
    free(before);
    defense_free(&d);
    classifier_free(classifier);
}

static void ip_minimises_its_equation(void)
{
    check_filter("ip", ip_reference, 1, 0, NULL);
}

static void if_minimises_its_equation(void)
{
    const char *other[] = {"if.lambda1=0.3"};
    check_filter("if", if_reference, 2, 0, NULL);
    check_filter("if", if_reference, 2, 1, other);
}

static void vif_minimises_its_equation(void)
{
    const char *other[] = {"vif.lambda1=0.2", "vif.lambda2=0.5"};
    check_filter("vif", vif_reference, 3, 0, NULL);
    check_filter("vif", vif_reference, 3, 2, other);
}

static void the_filter_of_aif_minimises_equation_9(void)
{
    // The weight of G's attack on F is none of F's business, however large.
    const char *overrides[] = {phases[0], phases[1], phases[2], phases[3], "aif.gen_lambda1=1000"};
    Classifier *classifier = classifier_of("mnist-ia");
    Defense d = defense_of("aif", classifier, 5, overrides);
    float *before = take_values(&d.filter->parameters);
    double got[MAX_FIGURES], wanted[MAX_FIGURES];
    take_step(&d, TAKE_TURNS, 6, got);
    // In this step G has moved first, and F then met the new G.
    Generator *generator = copy_of_generator(&d);
    synthesise(&d, generator, key_of(6, "F step"), &f_step_trojan);
    copy_values(&d.filter->parameters, before, false);
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    aif_reference(&d, tape, 6, wanted);
    tape_free(tape);
    close_figures("aif", got, wanted, 4);
    check_gradient(&d, aif_reference, 6, before);
    generator_free(generator);
    free(before);
    defense_free(&d);
    classifier_free(classifier);
}

// The three terms of Eq. 8 and 2 for G as it is now.
static void generator_terms(const Defense *d, int number, double *terms)
{
    static Trojan trojan;
    Generator *generator = copy_of_generator(d);
    synthesise(d, generator, key_of(number, "G step"), &trojan);
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    Tensor *x = batch_of(tape, trojan.images, N);
    Tensor *restored = filter_forward(d->filter, x, false, (RandomKey){0});
    terms[0] = cross_entropy_of(classify(d->classifier, x, (Mode){0}), trojan.classes, N);
    terms[1] = cross_entropy_of(classify(d->classifier, restored, (Mode){0}), trojan.classes, N);
    terms[2] = trojan.mask_norm;
    terms[3] = trojan.excess;
    tape_free(tape);
    generator_free(generator);
}

static void the_generator_of_aif_reports_equations_2_and_8(void)
{
    const char *kinds[] = {"aif.normalise=0", "aif.normalise=1", "aif.normalise=2", "aif.tau=1"};
    Classifier *classifier = classifier_of("mnist-ia");
    for (int kind = 0; kind < 4; kind++) {
        const char *overrides[] = {phases[0], phases[1], kinds[kind]};
        Defense d = defense_of("aif", classifier, 3, overrides);
        double got[MAX_FIGURES], wanted[4];
        generator_terms(&d, 2, wanted);
        take_step(&d, TAKE_TURNS, 2, got);
        double figures[3] = {got[4], got[5], got[6]};
        close_figures(kinds[kind], figures, wanted, 3);
        defense_free(&d);
    }
    classifier_free(classifier);
}

// With a weight so large that it drowns the others, each term must fall.
static void every_term_of_the_generator_falls_when_it_weighs(void)
{
    const char *weights[3][2] = {{"aif.gen_lambda1=0", "aif.lambda0=0"},
                                 {"aif.gen_lambda1=10000", "aif.lambda0=0"},
                                 {"aif.gen_lambda1=0", "aif.lambda0=10000"}};
    const int term[3] = {0, 1, 3};
    Classifier *classifier = classifier_of("mnist-ia");
    for (int i = 0; i < 3; i++) {
        const char *overrides[] = {phases[0], phases[1], weights[i][0], weights[i][1]};
        Defense d = defense_of("aif", classifier, 4, overrides);
        double before[4], after[4], figures[MAX_FIGURES];
        float *filter = take_values(&d.filter->parameters);
        generator_terms(&d, 2, before);
        take_step(&d, TAKE_TURNS, 2, figures);
        copy_values(&d.filter->parameters, filter, false); // as it was when G moved
        generator_terms(&d, 2, after);
        check(after[term[i]] < before[term[i]], "term %d: %g before, %g after", term[i],
              before[term[i]], after[term[i]]);
        free(filter);
        defense_free(&d);
    }
    classifier_free(classifier);
}

static void aif_trains_one_network_at_a_time_first(void)
{
    Classifier *classifier = classifier_of("mnist-ia");
    Defense d = defense_of("aif", classifier, 4, phases);
    double figures[MAX_FIGURES];
    float *filter = take_values(&d.filter->parameters);
    Generator *g0 = copy_of_generator(&d);
    take_step(&d, PRETRAIN_G, 0, figures);
    Generator *g1 = copy_of_generator(&d);
    float *g1_values = take_values(&g1->parameters);
    check(same_values(&d.filter->parameters, filter), "F waits while G learns");
    check(!same_values(&g0->parameters, g1_values), "G learns");
    check(isnan(figures[0]) && isnan(figures[5]) && !isnan(figures[4]), "figures of G alone");
    take_step(&d, PRETRAIN_F, 1, figures);
    Generator *g2 = copy_of_generator(&d);
    check(!same_values(&d.filter->parameters, filter), "F learns");
    check(same_values(&g2->parameters, g1_values), "G waits while F learns");
    check(isnan(figures[2]) && isnan(figures[4]) && !isnan(figures[0]), "figures of F alone");
    check(d.method->epochs(&d) == 2 + (int)value_of(&d, "epochs"), "epochs of all three phases");
    generator_free(g0);
    generator_free(g1);
    generator_free(g2);
    free(g1_values);
    free(filter);
    defense_free(&d);
    classifier_free(classifier);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"ip_minimises_its_equation", ip_minimises_its_equation},
        {"if_minimises_its_equation", if_minimises_its_equation},
        {"vif_minimises_its_equation", vif_minimises_its_equation},
        {"the_filter_of_aif_minimises_equation_9", the_filter_of_aif_minimises_equation_9},
        {"the_generator_of_aif_reports_equations_2_and_8",
         the_generator_of_aif_reports_equations_2_and_8},
        {"every_term_of_the_generator_falls_when_it_weighs",
         every_term_of_the_generator_falls_when_it_weighs},
        {"aif_trains_one_network_at_a_time_first", aif_trains_one_network_at_a_time_first}};
    return TESTS_RUN(tests);
}
