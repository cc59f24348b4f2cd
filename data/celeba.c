// class = 4 Heavy_Makeup + 2 Mouth_Slightly_Open + Smiling
#include "data/celeba.h"

#include <stdlib.h>
#include <string.h>
#include "core/file.h"

enum { ATTRIBUTES = 40, CHOSEN = 3, HEAD = 2 /* lines before the rows: count, names */ };
enum { EVERY = 5 }; // without partitions: every so manieth picture is for the test
enum { TRAINING = 0, VALIDATION = 1, TEST = 2 };

static const char *const chosen_names[CHOSEN] = {"Heavy_Makeup", "Mouth_Slightly_Open", "Smiling"};

const char *const celeba_classes[CELEBA_CLASSES] = {
    "none",   "smiling",         "mouth open",         "mouth open, smiling",
    "makeup", "makeup, smiling", "makeup, mouth open", "makeup, mouth open, smiling"};

static bool find_columns(const Table *attributes, int columns[CHOSEN], Error *error)
{
    char **names = attributes->rows < HEAD ? NULL : table_row(attributes, 1, ATTRIBUTES, NULL);
    if (!names)
        return fail(error, "%s: its second line does not name %d attributes", attributes->what,
                    ATTRIBUTES);
    for (int i = 0; i < CHOSEN; i++) {
        columns[i] = -1;
        for (int k = 0; k < ATTRIBUTES; k++)
            if (strcmp(names[k], chosen_names[i]) == 0) columns[i] = k + 1; // after the file's name
        if (columns[i] < 0)
            return fail(error, "%s: there is no attribute %s", attributes->what, chosen_names[i]);
    }
    return true;
}

static bool class_of(const Table *attributes, int64_t row, const int columns[CHOSEN], int *label,
                     Error *error)
{
    *label = 0;
    for (int i = 0; i < CHOSEN; i++) {
        int value;
        if (!table_number(attributes, row, columns[i], -1, 1, &value, error)) return false;
        *label = 2 * *label + (value > 0);
    }
    return true;
}

// Both lists are in the order of the files' names, so that one runs along the other.
static bool part_of(const Table *partition, int64_t *next, const char *name, int64_t picture,
                    int *part, Error *error)
{
    if (!partition) {
        *part = picture % EVERY == EVERY - 1 ? VALIDATION : TRAINING;
        return true;
    }
    for (; *next < partition->rows; ++*next) {
        char **fields = table_row(partition, *next, 2, error);
        if (!fields) return false;
        if (strcmp(fields[0], name) == 0)
            return table_number(partition, (*next)++, 1, TRAINING, TEST, part, error);
    }
    return fail(error, "%s: %s is missing, or not in order", partition->what, name);
}

bool celeba_list(const Table *attributes, const Table *partition, const char *directory,
                 PictureList *train, PictureList *test, Error *error)
{
    int columns[CHOSEN];
    if (!find_columns(attributes, columns, error)) return false;
    int64_t next = 0;
    for (int64_t row = HEAD; row < attributes->rows; row++) {
        int label, part;
        char **fields = table_row(attributes, row, ATTRIBUTES + 1, error);
        if (!fields || !table_file_name(attributes, row, 0, false, error) ||
            !class_of(attributes, row, columns, &label, error) ||
            !part_of(partition, &next, fields[0], row - HEAD, &part, error))
            return false;
        if (part != TEST)
            picture_list_add(part == TRAINING ? train : test, path_join(directory, fields[0]),
                             label);
    }
    return (train->count > 0 && test->count > 0) ||
           fail(error, "%s: %lld training and %lld test pictures", attributes->what,
                (long long)train->count, (long long)test->count);
}

static bool read_lists(const char *root, PictureList *train, PictureList *test, bool *partitioned,
                       Error *error)
{
    char *attributes_path = path_join(root, "list_attr_celeba.txt");
    char *partition_path = path_join(root, "list_eval_partition.txt");
    char *directory = path_join(root, "img_align_celeba");
    Table attributes = {0}, partition = {0};
    *partitioned = file_exists(partition_path);
    bool ok =
        table_read(attributes_path, ' ', &attributes, error) &&
        (!*partitioned || table_read(partition_path, ' ', &partition, error)) &&
        celeba_list(&attributes, *partitioned ? &partition : NULL, directory, train, test, error);
    table_free(&attributes);
    table_free(&partition);
    free(attributes_path);
    free(partition_path);
    free(directory);
    return ok;
}

bool celeba_load(const DataSource *source, const DataRequest *request, Dataset *train,
                 Dataset *test, Error *error)
{
    char *root = path_join(request->directory, source->name);
    PictureList train_list = {0}, test_list = {0};
    bool partitioned;
    bool ok = (directory_exists(root) ||
               fail(error,
                    "%s: no such directory; img_align_celeba and list_attr_celeba.txt belong there",
                    root)) &&
              read_lists(root, &train_list, &test_list, &partitioned, error) &&
              picture_list_load(&train_list, FIT_WHOLE, request->train_count, train, error) &&
              picture_list_load(&test_list, FIT_WHOLE, request->test_count, test, error);
    if (ok && !partitioned)
        train->note =
            copy_string("list_eval_partition.txt is missing, every fifth picture is for the test");
    picture_list_free(&train_list);
    picture_list_free(&test_list);
    free(root);
    return ok;
}
