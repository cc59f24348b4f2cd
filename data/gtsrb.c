#include "data/gtsrb.h"

#include <stdlib.h>
#include <string.h>
#include "core/file.h"

enum { COLUMNS = 8, FILE_NAME = 0, CLASS_ID = 7 };

const char *const gtsrb_classes[GTSRB_CLASSES] = {
    "speed limit 20",
    "speed limit 30",
    "speed limit 50",
    "speed limit 60",
    "speed limit 70",
    "speed limit 80",
    "end of speed limit 80",
    "speed limit 100",
    "speed limit 120",
    "no overtaking",
    "no overtaking by lorries",
    "right of way at crossing",
    "priority road",
    "give way",
    "stop",
    "no vehicles",
    "no lorries",
    "no entry",
    "danger",
    "curve left",
    "curve right",
    "double curve",
    "uneven road",
    "slippery road",
    "road narrows",
    "road works",
    "traffic lights",
    "pedestrians",
    "children",
    "bicycles",
    "ice or snow",
    "wild animals",
    "end of all limits",
    "turn right ahead",
    "turn left ahead",
    "ahead only",
    "ahead or right",
    "ahead or left",
    "keep right",
    "keep left",
    "roundabout",
    "end of no overtaking",
    "end of no overtaking by lorries",
};

bool gtsrb_list(const Table *csv, const char *directory, int label, PictureList *list, Error *error)
{
    if (!table_row(csv, 0, COLUMNS, error)) return false;
    if (strcmp(csv->fields[FILE_NAME], "Filename") != 0 ||
        strcmp(csv->fields[CLASS_ID], "ClassId") != 0)
        return fail(error, "%s: its first line does not read Filename;...;ClassId", csv->what);
    for (int64_t row = 1; row < csv->rows; row++) {
        int id, low = label < 0 ? 0 : label, high = label < 0 ? GTSRB_CLASSES - 1 : label;
        char **fields = table_row(csv, row, COLUMNS, error);
        if (!fields || !table_file_name(csv, row, FILE_NAME, false, error) ||
            !table_number(csv, row, CLASS_ID, low, high, &id, error))
            return false;
        picture_list_add(list, path_join(directory, fields[FILE_NAME]), id);
    }
    return true;
}

static bool list_file(const char *path, const char *directory, int label, PictureList *list,
                      Error *error)
{
    Table csv;
    if (!table_read(path, ';', &csv, error)) return false;
    bool ok = gtsrb_list(&csv, directory, label, list, error);
    table_free(&csv);
    return ok;
}

static bool list_training(const char *root, PictureList *list, Error *error)
{
    bool ok = true;
    for (int label = 0; ok && label < GTSRB_CLASSES; label++) {
        Text directory = {0}, path = {0};
        text_append(&directory, "%s/Final_Training/Images/%05d", root, label);
        text_append(&path, "%s/GT-%05d.csv", directory.text, label);
        ok = list_file(path.text, directory.text, label, list, error);
        text_free(&directory);
        text_free(&path);
    }
    return ok && (list->count > 0 || fail(error, "%s: no training images", root));
}

// The csv with the classes is an archive of its own, which people unpack in either place.
static bool list_test(const char *root, PictureList *list, Error *error)
{
    char *directory = path_join(root, "Final_Test/Images");
    char *beside = path_join(root, "Final_Test/GT-final_test.csv");
    char *inside = path_join(directory, "GT-final_test.csv");
    bool ok = list_file(file_exists(inside) ? inside : beside, directory, -1, list, error) &&
              (list->count > 0 || fail(error, "%s: no test images", beside));
    free(directory);
    free(beside);
    free(inside);
    return ok;
}

bool gtsrb_load(const DataSource *source, const DataRequest *request, Dataset *train, Dataset *test,
                Error *error)
{
    char *root = path_join(request->directory, source->name);
    PictureList train_list = {0}, test_list = {0};
    bool ok =
        (directory_exists(root) ||
         fail(error, "%s: no such directory; Final_Training and Final_Test belong there", root)) &&
        list_training(root, &train_list, error) && list_test(root, &test_list, error) &&
        picture_list_load(&train_list, FIT_WHOLE, request->train_count, train, error) &&
        picture_list_load(&test_list, FIT_WHOLE, request->test_count, test, error);
    picture_list_free(&train_list);
    picture_list_free(&test_list);
    free(root);
    return ok;
}
