#include "experiments/poisoned_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/file.h"
#include "data/picture_file.h"
#include "data/table.h"

enum { IN_A_FOLDER = 1000, COLUMNS = 5, MOST_SAMPLES = 10000000, PATH_TEXT = 48 };
static const char *const columns[COLUMNS] = {"index", "file", "original_label", "given_label",
                                             "stamped"};

PoisonTruth poison_truth_create(const Dataset *train)
{
    size_t count = (size_t)train->count;
    PoisonTruth truth = {.count = train->count,
                         .labels = allocate(count * sizeof *truth.labels),
                         .stamped = allocate_zeroed(count)};
    memcpy(truth.labels, train->labels, count * sizeof *truth.labels);
    return truth;
}

void poison_truth_free(PoisonTruth *truth)
{
    free(truth->labels);
    free(truth->stamped);
    *truth = (PoisonTruth){0};
}

static int64_t image_size(const Dataset *d)
{
    return (int64_t)d->height * d->width * d->channels;
}

// ---- writing ----

// Folders of a thousand, so that any file manager opens them.
static void sample_file(int64_t i, char text[PATH_TEXT])
{
    snprintf(text, PATH_TEXT, "%05lld/%08lld.png", (long long)(i / IN_A_FOLDER), (long long)i);
}

static bool write_sample(const char *directory, const Dataset *train, int64_t i, Error *error)
{
    char file[PATH_TEXT];
    Picture picture = {train->width, train->height, train->channels,
                       train->images + i * image_size(train)};
    sample_file(i, file);
    char *path = path_join(directory, file), *slash = strrchr(path, '/');
    *slash = '\0';
    bool ok = i % IN_A_FOLDER > 0 || directory_create(path, error);
    *slash = '/';
    ok = ok && picture_write(path, &picture, error);
    free(path);
    return ok;
}

// Without the list the folder is no set: what is in it may be of two.
static bool remove_list(const char *path, Error *error)
{
    if (unlink(path) == 0 || errno == ENOENT) return true;
    return fail(error, "%s: cannot be removed: %s", path, strerror(errno));
}

bool poisoned_set_write(const char *directory, const Dataset *train, const PoisonTruth *truth,
                        const Json *attack, Error *error)
{
    Text csv = {0};
    char file[PATH_TEXT];
    char *path = path_join(directory, "samples.csv"), *how = path_join(directory, "attack.json");
    bool ok = directory_create(directory, error) && remove_list(path, error) &&
              json_write(how, attack, error);
    text_append(&csv, "index,file,original_label,given_label,stamped\n");
    for (int64_t i = 0; ok && i < train->count; i++) {
        sample_file(i, file);
        text_append(&csv, "%lld,%s,%d,%d,%d\n", (long long)i, file, (int)truth->labels[i],
                    (int)train->labels[i], truth->stamped[i]);
        ok = write_sample(directory, train, i, error);
    }
    ok = ok && file_write(path, csv.text, csv.length, error);
    free(path);
    free(how);
    text_free(&csv);
    return ok;
}

// ---- reading ----

static bool check_heading(const Table *table, Error *error)
{
    if (table->rows < 2) return fail(error, "%s: no samples", table->what);
    char **names = table_row(table, 0, COLUMNS, error);
    if (!names) return false;
    for (int i = 0; i < COLUMNS; i++)
        if (strcmp(names[i], columns[i]) != 0)
            return fail(error, "%s: column %d is '%s', not '%s'", table->what, i + 1, names[i],
                        columns[i]);
    return true;
}

// Line row of the table as sample row - 1, its picture beside samples.csv.
static bool read_sample(const Table *table, int64_t row, const char *directory, Dataset *set,
                        PoisonTruth *truth, Error *error)
{
    int original, given, stamped, number;
    char **fields = table_row(table, row, COLUMNS, error);
    if (!fields || !table_number(table, row, 0, (int)row - 1, (int)row - 1, &number, error) ||
        !table_file_name(table, row, 1, true, error) ||
        !table_number(table, row, 2, 0, set->classes - 1, &original, error) ||
        !table_number(table, row, 3, 0, set->classes - 1, &given, error) ||
        !table_number(table, row, 4, 0, 1, &stamped, error))
        return false;
    Picture picture = {0};
    char *path = path_join(directory, fields[1]);
    bool ok = picture_read(path, &picture, error);
    if (ok && (picture.width != set->width || picture.height != set->height))
        ok = fail(error, "%s: is %dx%d, but images of %s are %dx%d", path, picture.height,
                  picture.width, set->name, set->height, set->width);
    if (ok) {
        Picture same = picture_convert(&picture, set->channels);
        memcpy(set->images + (row - 1) * image_size(set), same.pixels, (size_t)image_size(set));
        set->labels[row - 1] = given;
        truth->labels[row - 1] = original;
        truth->stamped[row - 1] = (uint8_t)stamped;
        truth->stamped_count += stamped;
        picture_free(&same);
    }
    picture_free(&picture);
    free(path);
    return ok;
}

static bool read_samples(const Table *table, const char *directory, Dataset *train,
                         PoisonTruth *truth, Error *error)
{
    unsigned long long bytes;
    Dataset set = *train;
    set.count = table->rows - 1;
    if (!checked_multiply((unsigned long long)set.count, (unsigned long long)image_size(&set),
                          1ull << 40, &bytes) ||
        set.count > MOST_SAMPLES)
        return fail(error, "%s: %lld samples are too many", table->what, (long long)set.count);
    set.images = allocate(bytes);
    set.labels = allocate_zeroed((size_t)set.count * sizeof *set.labels);
    *truth = poison_truth_create(&set);
    bool ok = true;
    for (int64_t row = 1; ok && row < table->rows; row++)
        ok = read_sample(table, row, directory, &set, truth, error);
    if (!ok) {
        free(set.images);
        free(set.labels);
        poison_truth_free(truth);
        return false;
    }
    free(train->images);
    free(train->labels);
    *train = set;
    return true;
}

// The members of attack.json must be those of `attack`, as they are printed.
static bool check_members(const char *path, const Json *made, const Json *attack, Error *error)
{
    bool ok = true;
    for (size_t i = 0; ok && i < attack->count; i++) {
        const Json *value = json_get(made, attack->names[i]);
        Text there = {0}, here = {0};
        if (value) json_print(value, &there);
        json_print(attack->items[i], &here);
        ok = (value && strcmp(there.text, here.text) == 0) ||
             fail(error, "%s: the set was made with %s %s, not %s", path, attack->names[i],
                  value ? there.text : "unknown", here.text);
        text_free(&there);
        text_free(&here);
    }
    return ok;
}

static bool check_attack(const char *directory, const Json *attack, Error *error)
{
    char *path = path_join(directory, "attack.json");
    Json *made = file_exists(path) ? json_read(path, error) : NULL;
    bool ok = made ? check_members(path, made, attack, error) : !file_exists(path);
    json_free(made);
    free(path);
    return ok;
}

bool poisoned_set_read(const char *directory, const Json *attack, Dataset *train,
                       PoisonTruth *truth, Error *error)
{
    if (!check_attack(directory, attack, error)) return false;
    Table table;
    char *path = path_join(directory, "samples.csv");
    bool ok = table_read(path, ',', &table, error);
    if (ok)
        ok = check_heading(&table, error) && read_samples(&table, directory, train, truth, error);
    table_free(&table);
    free(path);
    return ok;
}
