#include "experiments/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum OptionKind { OPTION_TEXT, OPTION_NUMBER, OPTION_FLAG, OPTION_SET } OptionKind;

typedef struct OptionRow {
    const char *name, *argument, *help;
    OptionKind kind;
    size_t field;
    unsigned commands;
    int64_t low, high; // OPTION_NUMBER
} OptionRow;

enum {
    FOR_CELLS = FOR_DEMO | FOR_RUN | FOR_TRAIN,
    FOR_ALL = FOR_CELLS | FOR_REPORT | FOR_OPS | FOR_DATA | FOR_IMAGE | FOR_TABLE | FOR_POISON |
              FOR_FIGURE | FOR_METHODS
};
#define FIELD(name) offsetof(Options, name)

static const OptionRow rows[] = {
    {"--data", "NAME", "data set (default digits, built in); sieve data lists them", OPTION_TEXT,
     FIELD(data), FOR_RUN | FOR_TRAIN | FOR_FIGURE | FOR_POISON, 0, 0},
    {"--data-dir", "DIR", "where data sets lie (default $SIEVE_DATA, then ./data-sets)",
     OPTION_TEXT, FIELD(data_directory), FOR_RUN | FOR_TRAIN | FOR_FIGURE | FOR_DATA | FOR_POISON,
     0, 0},
    {"--train-images", "N", "only so many of its training images (default: all)", OPTION_NUMBER,
     FIELD(train_images), FOR_RUN | FOR_TRAIN | FOR_FIGURE | FOR_DATA | FOR_POISON, 1, 10000000},
    {"--test-images", "N", "only so many of its test images (default: all)", OPTION_NUMBER,
     FIELD(test_images), FOR_RUN | FOR_TRAIN | FOR_FIGURE | FOR_DATA | FOR_POISON, 1, 10000000},
    {"--image-size", "HxWxC", "of --data folder: resize all pictures, to C = 1 or 3 channels",
     OPTION_TEXT, FIELD(image_size), FOR_RUN | FOR_TRAIN | FOR_FIGURE | FOR_DATA | FOR_POISON, 0,
     0},
    {"--model", "NAME",
     "classifier (default: the data set's): mnist-ia, mnist-wanet, mnist-dba, "
     "preact-resnet18, resnet18-celeba,\n"
     "                             resnet18-dba, resnet18[-leaky-relu|-elu|-tanhshrink|-softplus], "
     "vgg11[-bn], vgg16[-bn],\n"
     "                             nin, alexnet, mlp",
     OPTION_TEXT, FIELD(model), FOR_RUN | FOR_TRAIN | FOR_FIGURE, 0, 0},
    {"--attack", "NAME",
     "badnet+ (default), noise-bi+, image-bi+, input-aware, wanet, badnets, label-consistent,\n"
     "                             adaptive, dba, hidden-trigger, natural, none",
     OPTION_TEXT, FIELD(attack), FOR_RUN | FOR_TRAIN | FOR_POISON, 0, 0},
    {"--trigger-images", "FILES", "pictures for image-bi+, with commas (default: five drawn ones)",
     OPTION_TEXT, FIELD(trigger_images), FOR_RUN | FOR_TRAIN | FOR_POISON, 0, 0},
    {"--extractor", "FILE",
     "of hidden-trigger: weights (safetensors) of the network that it takes over, whose last "
     "layer\n"
     "                             may be another one (default: trained on the data set)",
     OPTION_TEXT, FIELD(extractor), FOR_RUN | FOR_TRAIN | FOR_POISON, 0, 0},
    {"--mode", "MODE", "single: every label becomes the target; all: y becomes y+1", OPTION_TEXT,
     FIELD(mode), FOR_RUN | FOR_TRAIN | FOR_POISON, 0, 0},
    {"--target", "K", "the target label (default 0)", OPTION_NUMBER, FIELD(target),
     FOR_RUN | FOR_TRAIN | FOR_POISON, 0, 1000},
    {"--poisoned", "DIR",
     "of an attack on the training set (badnets): the set as PNGs and samples.csv, written by\n"
     "                             sieve poison; run and train read it in the place of their own",
     OPTION_TEXT, FIELD(poisoned), FOR_RUN | FOR_TRAIN | FOR_POISON, 0, 0},
    {"--defense", "NAMES",
     "one or several of ip,if,vif,aif (filters); none (NONE), activation-clustering, abl, nad,\n"
     "                             dp-sgd (these train the classifier)",
     OPTION_TEXT, FIELD(defense), FOR_RUN, 0, 0},
    {"--filter", "NAME",
     "network of ip, if, vif, aif (default: the paper's for the size of the images):\n"
     "                             filter-mnist 28x28x1, filter-a to filter-d 32x32x3 (default "
     "filter-c), filter-celeba 64x64x3",
     OPTION_TEXT, FIELD(filter), FOR_RUN, 0, 0},
    {"--scale", "SCALE",
     "quick (default) or paper: the paper's settings and epochs, of\n"
     "                             classifiers fewer (sieve methods classifier)",
     OPTION_TEXT, FIELD(scale_text), FOR_RUN | FOR_TRAIN | FOR_FIGURE | FOR_POISON, 0, 0},
    {"--set", "METHOD.NAME=VALUE",
     "one setting of classifier, attack or defense; repeatable;\n"
     "                             sieve methods NAME lists them",
     OPTION_SET, 0, FOR_RUN | FOR_TRAIN | FOR_FIGURE | FOR_POISON, 0, 0},
    {"--seed", "N", "seed of every random draw (default 1)", OPTION_NUMBER, FIELD(seed),
     FOR_CELLS | FOR_POISON | FOR_FIGURE, 0,
     (INT64_C(1) << 53) - 1}, // what JSON numbers hold exactly
    {"--out", "DIR", "results (default results)", OPTION_TEXT, FIELD(out),
     FOR_CELLS | FOR_DATA | FOR_TABLE | FOR_FIGURE, 0, 0},
    {"--json", "FILE", "also write the results here", OPTION_TEXT, FIELD(json),
     FOR_CELLS | FOR_DATA, 0, 0},
    {"-o", "FILE", "weights (safetensors), report, or picture (.png, .ppm, .pgm)", OPTION_TEXT,
     FIELD(output), FOR_TRAIN | FOR_REPORT | FOR_DATA | FOR_IMAGE, 0, 0},
    {"--threads", "N", "threads (default: one for each processor)", OPTION_NUMBER, FIELD(threads),
     FOR_CELLS | FOR_DATA | FOR_POISON | FOR_FIGURE, 1, 64},
    {"--device", "NAME", "what trains: cpu (default), cuda (an NVIDIA GPU), emulated", OPTION_TEXT,
     FIELD(device), FOR_CELLS | FOR_OPS | FOR_POISON, 0, 0},
    {"--precision", "NAME", "of products on a GPU: exact (default), tf32, bf16", OPTION_TEXT,
     FIELD(precision_text), FOR_CELLS | FOR_OPS | FOR_POISON, 0, 0},
    {"--check", NULL, "every kernel of the device against the processor's, on random shapes",
     OPTION_FLAG, FIELD(check), FOR_OPS, 0, 0},
    {"--commands", NULL,
     "in the table's place the commands of the cells that were not run, for a shell or a queue",
     OPTION_FLAG, FIELD(commands), FOR_TABLE, 0, 0},
    {"--quiet", NULL, "no progress", OPTION_FLAG, FIELD(quiet), FOR_ALL, 0, 0},
    {"--help", NULL, "this text", OPTION_FLAG, FIELD(help), FOR_ALL, 0, 0}};
enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

void options_help(unsigned command)
{
    for (int i = 0; i < ROW_COUNT; i++) {
        if (!(rows[i].commands & command)) continue;
        char left[64];
        snprintf(left, sizeof left, "%s %s", rows[i].name,
                 rows[i].argument ? rows[i].argument : "");
        printf("  %-26s %s\n", left, rows[i].help);
    }
}

static bool parse_number(const OptionRow *row, const char *text, Options *options, Error *error)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE || number < row->low || number > row->high)
        return fail(error, "%s %s: a whole number from %lld to %lld is wanted", row->name, text,
                    (long long)row->low, (long long)row->high);
    *(int64_t *)(void *)((char *)options + row->field) = number;
    return true;
}

static bool take(const OptionRow *row, const char *value, Options *options, Error *error)
{
    void *field = (char *)options + row->field;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return true;
    case OPTION_TEXT:
        *(const char **)field = value;
        return true;
    case OPTION_NUMBER:
        return parse_number(row, value, options, error);
    case OPTION_SET:
        if (options->overrides.count == MAX_OVERRIDES)
            return fail(error, "more than %d --set options", MAX_OVERRIDES);
        options->sets[options->overrides.count++] = value;
        return true;
    }
    return false;
}

static const OptionRow *find_row(const char *name, unsigned command)
{
    for (int i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0 && (rows[i].commands & command)) return &rows[i];
    return NULL;
}

static bool parse_image_size(Options *options, Error *error)
{
    int end = 0;
    const char *text = options->image_size;
    if (!text) return true;
    if (sscanf(text, "%4dx%4dx%1d%n", &options->image_height, &options->image_width,
               &options->image_channels, &end) == 3 &&
        !text[end] && options->image_height > 0 && options->image_width > 0 &&
        (options->image_channels == 1 || options->image_channels == 3))
        return true;
    return fail(error, "--image-size %s: height x width x 1 or 3 is wanted, such as 32x32x3", text);
}

static bool check_words(Options *options, Error *error)
{
    bool paper = strcmp(options->scale_text, "paper") == 0;
    if (!paper && strcmp(options->scale_text, "quick") != 0)
        return fail(error, "--scale %s: quick or paper is wanted", options->scale_text);
    if (strcmp(options->mode, "single") != 0 && strcmp(options->mode, "all") != 0)
        return fail(error, "--mode %s: single or all is wanted", options->mode);
    if (strcmp(options->device, "cpu") != 0 && strcmp(options->device, "cuda") != 0 &&
        strcmp(options->device, "emulated") != 0)
        return fail(error, "--device %s: cpu or cuda is wanted", options->device);
    if (!precision_parse(options->precision_text, &options->precision, error)) return false;
    if (options->precision != PRECISION_EXACT && strcmp(options->device, "cpu") == 0)
        return fail(error, "--precision %s: the processor's products are exact (--device cuda)",
                    options->precision_text);
    options->scale = paper ? SCALE_PAPER : SCALE_QUICK;
    return parse_image_size(options, error);
}

void options_put_first(Options *options, int count, const char *const *settings)
{
    Overrides *overrides = &options->overrides;
    memmove(options->sets + count, overrides->texts,
            sizeof *options->sets * (size_t)overrides->count);
    if (count > 0) memcpy(options->sets, settings, sizeof *options->sets * (size_t)count);
    *overrides = (Overrides){overrides->count + count, options->sets};
}

DataRequest data_request(const Options *options)
{
    return (DataRequest){.directory = options->data_directory,
                         .train_count = options->train_images,
                         .test_count = options->test_images,
                         .image_height = options->image_height,
                         .image_width = options->image_width,
                         .image_channels = options->image_channels};
}

bool options_parse(int argc, char **argv, unsigned command, Options *options, Error *error)
{
    const char *directory = getenv("SIEVE_DATA");
    *options = (Options){.data = "digits",
                         .data_directory = directory && *directory ? directory : "data-sets",
                         .attack = "badnet+",
                         .mode = "single",
                         .out = "results",
                         .scale_text = "quick",
                         .device = "cpu",
                         .precision_text = "exact",
                         .seed = 1};
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || word[1] == '\0') {
            if (options->operand_count == MAX_OPERANDS)
                return fail(error, "more than %d operands", MAX_OPERANDS);
            options->operands[options->operand_count++] = word;
            continue;
        }
        const OptionRow *row = find_row(word, command);
        if (!row) return fail(error, "unknown option %s", word);
        const char *value = row->argument ? (i + 1 < argc ? argv[++i] : NULL) : "";
        if (!value || (row->argument && !*value))
            return fail(error, "%s needs a value: %s", row->name, row->argument);
        if (!take(row, value, options, error)) return false;
    }
    options->overrides.texts = options->sets;
    return check_words(options, error);
}
