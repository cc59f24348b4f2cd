// The command line's options: one table, shared by all commands.
#ifndef SIEVE_EXPERIMENTS_OPTIONS_H
#define SIEVE_EXPERIMENTS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/error.h"
#include "cuda/device.h"
#include "data/dataset.h"
#include "experiments/setting.h"

enum { MAX_OVERRIDES = 64, MAX_OPERANDS = 64 };

// Which commands take an option; to be combined.
enum CommandSet {
    FOR_DEMO = 1,
    FOR_RUN = 2,
    FOR_TRAIN = 4,
    FOR_REPORT = 8,
    FOR_OPS = 16,
    FOR_DATA = 32,
    FOR_IMAGE = 64,
    FOR_TABLE = 128,
    FOR_POISON = 256,
    FOR_FIGURE = 512,
    FOR_METHODS = 1024
};

typedef struct Options {
    const char *data, *data_directory; // the directory: --data-dir, $SIEVE_DATA, ./data-sets
    const char *model;                 // NULL: the data set's
    const char *attack, *defense;      // the defense may be several names with commas
    const char *filter;                // NULL: the paper's for the size of the images
    const char *poisoned;              // folder of a poisoned training set; NULL: none
    const char *mode;                  // single or all
    const char *trigger_images;        // files with commas; NULL: none
    const char *extractor;             // file of weights; NULL: none
    const char *out, *json, *output;   // result directory, --json FILE, -o FILE
    const char *scale_text, *device, *precision_text, *sets[MAX_OVERRIDES];
    int64_t seed, threads, target;
    int64_t train_images, test_images; // 0: all
    const char *image_size;            // NULL: the data set's; else in the three below
    int image_height, image_width, image_channels;
    Precision precision;
    bool quiet, help, check, commands;
    Scale scale;
    Overrides overrides;
    int operand_count;
    const char *operands[MAX_OPERANDS];
} Options;

// Parses what follows the command's name. On failure error holds the sentence (wrong usage: exit
// status 2).
bool options_parse(int argc, char **argv, unsigned command, Options *options, Error *error);

// Puts so many settings before the user's, which therefore win; there must be room for them. The
// options' settings are their own then, also where the options are a copy.
void options_put_first(Options *options, int count, const char *const *settings);

// What --data-dir, --train-images, --test-images and --image-size ask of a data source.
DataRequest data_request(const Options *options);

// Prints the options that these commands take.
void options_help(unsigned command);

#endif
