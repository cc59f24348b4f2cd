#include "data/trojai.h"

#include <stdlib.h>
#include <string.h>
#include "core/file.h"

static int64_t find_column(const Table *csv, const char *name)
{
    for (int64_t i = 0; i < table_row_length(csv, 0); i++)
        if (strcmp(csv->fields[i], name) == 0) return i;
    return -1;
}

bool trojai_list(const Table *csv, const char *directory, const char *wanted, PictureList *list,
                 int *classes, Error *error)
{
    int64_t file = find_column(csv, "file"), label = find_column(csv, wanted);
    if (label < 0) label = find_column(csv, "label");
    if (file < 0 || label < 0)
        return fail(error, "%s: its first line names no column %s", csv->what,
                    file < 0 ? "file" : wanted);
    for (int64_t row = 1; row < csv->rows; row++) {
        int number;
        char **fields = table_row(csv, row, table_row_length(csv, 0), error);
        if (!fields || !table_file_name(csv, row, file, true, error) ||
            !table_number(csv, row, label, 0, TROJAI_MOST_CLASSES - 1, &number, error))
            return false;
        picture_list_add(list, path_join(directory, fields[file]), number);
        if (number >= *classes) *classes = number + 1;
    }
    return list->count > 0 || fail(error, "%s: no pictures", csv->what);
}

static bool list_half(const char *root, const char *name, const char *label, PictureList *list,
                      int *classes, Error *error)
{
    char *path = path_join(root, name);
    Table csv;
    bool ok = table_read(path, ',', &csv, error);
    if (ok) ok = trojai_list(&csv, root, label, list, classes, error);
    table_free(&csv);
    free(path);
    return ok;
}

static bool list_halves(const DataRequest *request, PictureList *train, PictureList *test,
                        int *classes, Error *error)
{
    char *root = path_join(request->directory, "trojai");
    *classes = 0;
    bool ok =
        (directory_exists(root) ||
         fail(error, "%s: no such directory; train.csv, test.csv and the pictures belong there",
              root)) &&
        list_half(root, "train.csv", "train_label", train, classes, error) &&
        list_half(root, "test.csv", "true_label", test, classes, error) &&
        (*classes > 1 || fail(error, "%s: all pictures have the same label", root));
    free(root);
    return ok;
}

bool trojai_open(DataSource *source, const DataRequest *request, Error *error)
{
    PictureList train = {0}, test = {0};
    bool ok = list_halves(request, &train, &test, &source->classes, error);
    picture_list_free(&train);
    picture_list_free(&test);
    return ok;
}

bool trojai_load(const DataSource *source, const DataRequest *request, Dataset *train,
                 Dataset *test, Error *error)
{
    PictureList train_list = {0}, test_list = {0};
    int classes;
    bool ok = list_halves(request, &train_list, &test_list, &classes, error) &&
              (classes == source->classes ||
               fail(error, "%s: its csv files have changed", source->name)) &&
              picture_list_load(&train_list, FIT_CENTRE, request->train_count, train, error) &&
              picture_list_load(&test_list, FIT_CENTRE, request->test_count, test, error);
    picture_list_free(&train_list);
    picture_list_free(&test_list);
    return ok;
}
