// BadNets (Gu et al., 2017) as the NONE paper has it: the training set is poisoned once, before any
// training.
//
//   x~ = T(x, m, t) = (1 - m) x + m t                                                           (1)
//   D~ = D with a share `rate` of its samples (x, y), of all classes, turned into (x~, y~)
//   y~ = the target (single target), or (y + 1) mod classes (label specific)
//
// Triggers (Figure 3; places and patterns that the paper does not tell are those of facts 3.2):
//   pixel      one white pixel, one away from the corner at the bottom right
//   static     a red patch, flush with the corner at the bottom right
//   dynamic    a black and white pattern at a random place of each image, drawn again for a test
//              image:  . . #    enlarged to other sizes than 3x3
//                      . # .
//                      # . #
//   watermark  coloured strokes across the middle of the image
// Grey images get white where others get colours.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "data/glyphs.h"
#include "experiments/attack.h"
#include "experiments/classifier_training.h"
#include "experiments/attacks/badnets.h"

enum { BY_DATA, PIXEL, STATIC, DYNAMIC, WATERMARK };
enum { PATTERN = 3, SIGNS = 4, COLOURS = 3 };

// clang-format off
static const Setting settings[] = {
    {"rate", 0.05, 0.05, "poisoning rate: share of the training set", {0, 1, false}},
    {"trigger", 0, 0, "1 pixel, 2 static, 3 dynamic, 4 watermark; 0: the paper's for its data sets "
                      "(static for gtsrb and signs), else pixel on grey images, watermark from 128 "
                      "pixels on, dynamic", {0, 4, true}},
    {"size", 0, 0, "side of the trigger in pixels, a watermark's width; 0: 1 of pixel, 3 of static "
                   "and dynamic, of watermark 3/5 of the image's width", {0, 1e4, true}},
    {0}};
// clang-format on

enum Constant { MASK, LOOK }; // (1, height, width, 1), (1, height, width, channels)

// One opaque trigger; where it goes is told by `place`.
typedef struct Stamp {
    int kind, height, width;
    float *mask;   // height x width: 0 or 1
    float *colour; // height x width x COLOURS
} Stamp;

static void paint(Stamp *stamp, int y, int x, const float colour[COLOURS])
{
    stamp->mask[y * stamp->width + x] = 1;
    memcpy(stamp->colour + (y * stamp->width + x) * COLOURS, colour, sizeof(float) * COLOURS);
}

static void draw_patch(Stamp *stamp)
{
    static const float white[] = {1, 1, 1}, black[] = {0, 0, 0}, red[] = {1, 0, 0};
    static const char *const pattern[PATTERN] = {"..#", ".#.", "#.#"};
    for (int y = 0; y < stamp->height; y++)
        for (int x = 0; x < stamp->width; x++) {
            char sign = pattern[y * PATTERN / stamp->height][x * PATTERN / stamp->width];
            const float *dynamic = sign == '#' ? white : black;
            paint(stamp, y, x,
                  stamp->kind == DYNAMIC  ? dynamic
                  : stamp->kind == STATIC ? red
                                          : white);
        }
}

// Squared distance of (x, y) from the line between two points.
static double distance2(double x, double y, const signed char *a, const signed char *b)
{
    double dx = b[0] - a[0], dy = b[1] - a[1], length2 = dx * dx + dy * dy;
    double t = length2 > 0 ? ((x - a[0]) * dx + (y - a[1]) * dy) / length2 : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    double ex = x - a[0] - t * dx, ey = y - a[1] - t * dy;
    return ex * ex + ey * ey;
}

static bool is_on_glyph(const Glyph *glyph, double x, double y)
{
    double radius = 9; // hundredths of the sign's height
    for (int s = 0; s < GLYPH_MAX_STROKES; s++)
        for (int i = 0; i + 1 < glyph->strokes[s].count; i++)
            if (distance2(x, y, glyph->strokes[s].points[i], glyph->strokes[s].points[i + 1]) <
                radius * radius)
                return true;
    return false;
}

// Four signs side by side, each in its colour.
static void draw_watermark(Stamp *stamp)
{
    static const int digits[SIGNS] = {2, 0, 4, 7};
    static const float colours[SIGNS][COLOURS] = {
        {1, .2f, .2f}, {.2f, .8f, .2f}, {.2f, .4f, 1}, {1, .8f, 0}};
    double box = 100.0 / stamp->height; // of the sign, in hundredths for each pixel
    for (int y = 0; y < stamp->height; y++)
        for (int x = 0; x < stamp->width; x++) {
            int sign = x * SIGNS / stamp->width;
            double share = (double)stamp->width / SIGNS;
            double at = 16 + 68 * (x + .5 - sign * share) / share; // from edge to edge of the sign
            if (is_on_glyph(&glyphs[digits[sign]][0], at, (y + .5) * box))
                paint(stamp, y, x, colours[sign]);
        }
}

// Table 8 has pixel on MNIST, static on GTSRB, dynamic on CIFAR-10, watermark on ImageNet-10: all
// but the signs follow from the images.
static int default_kind(const char *data, int width, int channels)
{
    if (strcmp(data, "gtsrb") == 0 || strcmp(data, "signs") == 0) return STATIC;
    if (channels == 1) return PIXEL;
    return width >= 128 ? WATERMARK : DYNAMIC;
}

const char *badnets_default_trigger(const char *data, int width, int channels)
{
    static const char *const names[] = {"", "pixel", "static", "dynamic", "watermark"};
    return names[default_kind(data, width, channels)];
}

// What the settings leave open is settled in them, so that each result tells its trigger.
static void settle(Attack *attack, int *kind, int *size)
{
    *kind = (int)setting(attack->settings, "trigger");
    *size = (int)setting(attack->settings, "size");
    if (*kind == BY_DATA) *kind = default_kind(attack->data, attack->width, attack->channels);
    if (*size == 0)
        *size = *kind == PIXEL ? 1 : *kind == WATERMARK ? attack->width * 3 / 5 : PATTERN;
    json_set(attack->settings, "trigger", json_number(*kind));
    json_set(attack->settings, "size", json_number(*size));
}

// The trigger's corner at the top left in image `index`.
static void place(const Attack *attack, RandomKey key, uint32_t index, int *top, int *left)
{
    const Stamp *stamp = attack->triggers;
    int rows = attack->height - stamp->height, columns = attack->width - stamp->width;
    key.purpose ^= random_purpose("badnets place");
    *top = stamp->kind == WATERMARK ? rows / 2 : rows - (stamp->kind == PIXEL);
    *left = stamp->kind == WATERMARK ? columns / 2 : columns - (stamp->kind == PIXEL);
    if (stamp->kind != DYNAMIC) return;
    *top = (int)random_below(key, 4 * (uint64_t)index, (uint32_t)rows + 1);
    *left = (int)random_below(key, 4 * (uint64_t)index + 1, (uint32_t)columns + 1);
}

static void put(const Attack *attack, int top, int left, float *mask, float *pattern)
{
    const Stamp *stamp = attack->triggers;
    for (int y = 0; y < stamp->height; y++)
        for (int x = 0; x < stamp->width; x++) {
            int from = y * stamp->width + x, to = (top + y) * attack->width + left + x;
            const float *colour = stamp->colour + from * COLOURS;
            mask[to] = stamp->mask[from];
            for (int c = 0; c < attack->channels; c++)
                pattern[to * attack->channels + c] =
                    attack->channels == COLOURS ? colour[c]
                                                : fmaxf(fmaxf(colour[0], colour[1]), colour[2]) > 0;
        }
}

// A trigger that has one place is a constant, there on a device once for all.
static void keep_trigger(Attack *attack)
{
    int top, left;
    Tensor *mask = attack_constant(attack, SHAPE(1, attack->height, attack->width, 1));
    Tensor *pattern =
        attack_constant(attack, SHAPE(1, attack->height, attack->width, attack->channels));
    place(attack, (RandomKey){0}, 0, &top, &left);
    put(attack, top, left, mask->data, pattern->data);
}

static bool create(Attack *attack, Error *error)
{
    int kind, size;
    settle(attack, &kind, &size);
    int height = kind == WATERMARK ? size * 2 / 3 : size, margin = kind == PIXEL;
    if (height < 1 || height + margin > attack->height || size + margin > attack->width)
        return fail(error, "badnets: a trigger of %dx%d does not go on images of %dx%d", height,
                    size, attack->height, attack->width);
    Stamp *stamp = attack->triggers = allocate(sizeof *stamp);
    size_t pixels = (size_t)height * (size_t)size;
    *stamp = (Stamp){kind, height, size, allocate_zeroed(pixels * sizeof(float)),
                     allocate_zeroed(pixels * COLOURS * sizeof(float))};
    if (kind == WATERMARK)
        draw_watermark(stamp);
    else
        draw_patch(stamp);
    if (kind != DYNAMIC) keep_trigger(attack);
    return true;
}

static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    if (attack->constant_count > 0) {
        Tensor *first = draw_rows(images, draws, "badnets trigger", 1);
        return (Trigger){gather_rows(attack->constants[MASK], first),
                         gather_rows(attack->constants[LOOK], first)};
    }
    int64_t n = images->shape[0], pixels = (int64_t)attack->height * attack->width;
    Tape *tape = images->tape;
    int64_t mask_bytes = n * pixels * (int64_t)sizeof(float);
    int64_t pattern_bytes = mask_bytes * attack->channels;
    float *mask = memset(tape_allocate_host(tape, mask_bytes), 0, (size_t)mask_bytes);
    float *pattern = memset(tape_allocate_host(tape, pattern_bytes), 0, (size_t)pattern_bytes);
    for (int64_t i = 0; i < n; i++) {
        int top, left;
        place(attack, draws.key, draws.indices[i], &top, &left);
        put(attack, top, left, mask + i * pixels, pattern + i * pixels * attack->channels);
    }
    return (Trigger){tape_floats(tape, SHAPE(n, attack->height, attack->width, 1), mask),
                     tape_floats(tape, 4, images->shape, pattern)};
}

static Tensor *stamp(const Attack *attack, Tensor *images, Draws draws)
{
    return inject(images, trigger(attack, images, draws));
}

static bool poison_set(Attack *attack, Dataset *train, PoisonTruth *truth, Error *error)
{
    (void)error; // any set will do
    RandomKey key = {attack->seed, random_purpose("badnets samples"), 0};
    int64_t count = llround(setting(attack->settings, "rate") * (double)train->count);
    uint32_t *order = allocate((size_t)train->count * sizeof *order);
    random_permutation(key, (uint32_t)train->count, order);
    attack_stamp_samples(attack, key, order, count, train, truth);
    for (int64_t i = 0; i < count; i++) {
        int32_t *label = &train->labels[order[i]];
        *label = attack_label(attack, *label);
    }
    free(order);
    return true;
}

static void free_stamp(Attack *attack)
{
    Stamp *stamp = attack->triggers;
    if (!stamp) return;
    free(stamp->mask);
    free(stamp->colour);
    free(stamp);
}

const AttackMethod attack_badnets = {.name = "badnets",
                                     .title = "BadNets",
                                     .settings = settings,
                                     .training = none_paper_training,
                                     .none_paper = true,
                                     .create = create,
                                     .free = free_stamp,
                                     .stamp = stamp,
                                     .trigger = trigger,
                                     .poison_set = poison_set};

Attack badnets_on(const DataSource *source, uint64_t seed, const Overrides *overrides)
{
    Error error = {0};
    Attack attack = {.method = &attack_badnets,
                     .data = source->name,
                     .height = source->height,
                     .width = source->width,
                     .channels = source->channels,
                     .classes = source->classes,
                     .seed = seed,
                     .settings = settings_resolve(settings, "badnets", SCALE_PAPER, overrides)};
    if (!attack_create(&attack, &error)) panic("%s", error.message);
    return attack;
}
