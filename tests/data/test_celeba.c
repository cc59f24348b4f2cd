// data/celeba.c: classes come from three attributes, halves from the list of partitions where there
// is one. The digest of the real subset was computed with Python and Pillow 11.3 from the same
// files.
#include "data/celeba.h"

#include <stdio.h>
#include <string.h>
#include "tests/data/picture_files.h"
#include "tests/test.h"

enum { FACES = 10 };

// FACES faces of grey value 10 i, and their attributes: Heavy_Makeup is bit 2 of i, and so on.
static void write_celeba(const char *place)
{
    static const char *const names[] = {"Heavy_Makeup", "Mouth_Slightly_Open", "Smiling"};
    static const int columns[] = {18, 21, 31};
    Text text = {0};
    char name[200];
    text_append(&text, "%d\n", FACES);
    for (int k = 0, chosen = 0; k < 40; k++) {
        if (chosen < 3 && columns[chosen] == k)
            text_append(&text, "%s ", names[chosen++]);
        else
            text_append(&text, "Other_%d ", k);
    }
    for (int i = 0; i < FACES; i++) {
        text_append(&text, "\n%06d.png", i + 1);
        for (int k = 0, chosen = 0; k < 40; k++) {
            bool is_chosen = chosen < 3 && columns[chosen] == k;
            bool set = is_chosen ? i >> (2 - chosen) & 1 : k % 2;
            chosen += is_chosen;
            text_append(&text, set ? "  1" : " -1");
        }
        snprintf(name, sizeof name, "%s/celeba/img_align_celeba/%06d.png", place, i + 1);
        write_picture(name, 8, 9, i == 3 ? 1 : 3, 10 * i); // one of them is grey
    }
    text_append(&text, "\n");
    snprintf(name, sizeof name, "%s/celeba/list_attr_celeba.txt", place);
    write_text(name, text.text);
    text_free(&text);
}

static void check_face(const Dataset *half, int64_t i, int face)
{
    check(half->labels[i] == face % 8, "face %d has label %d", face, half->labels[i]);
    const uint8_t *image = half->images + i * 64 * 64 * 3;
    check(image[0] == 10 * face && image[64 * 64 * 3 - 1] == 10 * face, "image of face %d", face);
}

static void without_partitions_every_fifth_face_is_for_the_test(void)
{
    write_celeba("plain");
    Dataset train, test;
    Error error = {0};
    DataSource *source = load("celeba", inside("plain"), (DataRequest){0}, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(train.count == 8 && test.count == 2, "counts");
    for (int face = 0; face < FACES; face++)
        check_face(face % 5 == 4 ? &test : &train, face % 5 == 4 ? face / 5 : face - face / 5,
                   face);
    check(train.note && strstr(train.note, "every fifth picture"), "%s", train.note);
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
}

static void the_list_of_partitions_divides_the_faces(void)
{
    write_celeba("parts");
    write_text("parts/celeba/list_eval_partition.txt",
               "000001.png 1\n000002.png 0\n000003.png 2\n000004.png 0\n000005.png 0\n"
               "000006.png 0\n000007.png 0\n000008.png 0\n000009.png 2\n000010.png 1\n");
    Dataset train, test;
    Error error = {0};
    DataSource *source = load("celeba", inside("parts"), (DataRequest){0}, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(train.count == 6 && test.count == 2 && !train.note, "counts or a note");
    check_face(&train, 0, 1);
    check_face(&train, 1, 3);
    check_face(&train, 5, 7);
    check_face(&test, 0, 0);
    check_face(&test, 1, 9);
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
}

static void broken_lists_are_refused(void)
{
    load_refused("celeba", "nowhere", "nowhere/celeba: no such directory");
    write_celeba("bad");
    const char *partition = "bad/celeba/list_eval_partition.txt";
    write_text(partition, "000001.png 1\n000003.png 0\n");
    load_refused("celeba", "bad", "list_eval_partition.txt: 000002.png is missing");
    write_text(partition, "000001.png 3\n");
    load_refused("celeba", "bad", "line 1: '3' is no number from 0 to 2");
    const char *attributes = "bad/celeba/list_attr_celeba.txt";
    write_text(attributes, "1\nSmiling\n000001.png 1\n");
    load_refused("celeba", "bad", "its second line does not name 40 attributes");
    write_text(attributes, "1\n");
    load_refused("celeba", "bad", "its second line does not name 40 attributes");
}

static void the_real_faces_are_loaded(void)
{
    if (!shared_path("data/celeba")) {
        skip("no ../shared");
        return;
    }
    static const int expected[8] = {250, 250, 250, 250, 250, 217, 167, 250};
    Dataset train, test;
    Error error = {0};
    DataSource *source =
        load("celeba", shared_path("data"), (DataRequest){0}, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    int counts[8] = {0};
    for (int64_t i = 0; i < train.count; i++) counts[train.labels[i]]++;
    for (int64_t i = 0; i < test.count; i++) counts[test.labels[i]]++;
    for (int i = 0; i < 8; i++)
        check(counts[i] == expected[i], "%d faces of class %d", counts[i], i);
    check_halves(&train, &test, "e928f4ab7712fdbc1df9f615899be9ee4289a14940c04c656c927a5fa99c4b98");
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"without_partitions_every_fifth_face_is_for_the_test",
         without_partitions_every_fifth_face_is_for_the_test},
        {"the_list_of_partitions_divides_the_faces", the_list_of_partitions_divides_the_faces},
        {"broken_lists_are_refused", broken_lists_are_refused},
        {"the_real_faces_are_loaded", the_real_faces_are_loaded},
    };
    return TESTS_RUN(tests);
}
