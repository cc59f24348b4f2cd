// libFuzzer: any bytes, taken as the lists of GTSRB, CelebA and TrojAI, are refused with a reason or
// give paths below the directory and labels in range.
#include <stdlib.h>
#include <string.h>
#include "data/celeba.h"
#include "data/gtsrb.h"
#include "data/trojai.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool parse(const uint8_t *data, size_t size, char separator, Table *table, Error *error)
{
    Bytes text = {allocate(size + 1ull), size};
    if (size > 0) memcpy(text.data, data, size);
    text.data[size] = 0;
    return table_parse(text, separator, "fuzz", table, error);
}

static void check_list(bool accepted, PictureList *list, int classes, const Error *error)
{
    if (!accepted && !error->message[0]) panic("refused without a reason");
    for (int64_t i = 0; i < list->count; i++) {
        const PictureEntry *entry = &list->entries[i];
        if (strncmp(entry->path, "dir/", 4) != 0 || strstr(entry->path, "/../"))
            panic("outside: %s", entry->path);
        if (entry->label < 0 || entry->label >= classes) panic("label %d", entry->label);
    }
    picture_list_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Table table;
    PictureList list = {0}, other = {0};
    int classes = 0;
    Error error = {0};
    bool ok =
        parse(data, size, ';', &table, &error) && gtsrb_list(&table, "dir", -1, &list, &error);
    check_list(ok, &list, GTSRB_CLASSES, &error);
    table_free(&table);

    error = (Error){0};
    ok = parse(data, size, ',', &table, &error) &&
         trojai_list(&table, "dir", "train_label", &list, &classes, &error);
    check_list(ok, &list, classes, &error);
    table_free(&table);

    // The list of attributes, behind it (from a 0x01 byte on) the list of partitions.
    const uint8_t *second = size > 0 ? memchr(data, 1, size) : NULL;
    size_t first_size = second ? (size_t)(second - data) : size;
    Table partition = {0};
    error = (Error){0};
    ok = parse(data, first_size, ' ', &table, &error) &&
         (!second || parse(second + 1, size - first_size - 1, ' ', &partition, &error)) &&
         celeba_list(&table, second ? &partition : NULL, "dir", &list, &other, &error);
    check_list(ok, &list, CELEBA_CLASSES, &error);
    check_list(ok, &other, CELEBA_CLASSES, &error);
    table_free(&table);
    table_free(&partition);
    return 0;
}
