// data/gtsrb.c: the csv files lead to the pictures; what is wrong with them is one sentence. The
// digest of the real subset was computed with Python's csv and Pillow 11.3 from the same files.
#include "data/gtsrb.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "tests/data/picture_files.h"
#include "tests/test.h"

#define HEAD "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"

// One training picture of each class (of grey value 3 * class, 10 + class pixels wide), in PLACE.
static void write_gtsrb(const char *place)
{
    char name[200], text[300];
    for (int label = 0; label < GTSRB_CLASSES; label++) {
        snprintf(name, sizeof name, "%s/gtsrb/Final_Training/Images/%05d/GT-%05d.csv", place, label,
                 label);
        snprintf(text, sizeof text, HEAD "%s00000_00000.ppm;1;1;0;0;1;1;%d%s",
                 label % 2 ? "\r\n" : "\n", label, label % 3 ? "\r\n" : "");
        write_text(name, text);
        snprintf(name, sizeof name, "%s/gtsrb/Final_Training/Images/%05d/00000_00000.ppm", place,
                 label);
        write_picture(name, 10 + label, 20, 3, 3 * label);
    }
    snprintf(name, sizeof name, "%s/gtsrb/Final_Test/GT-final_test.csv", place);
    write_text(name, HEAD "\n00000.ppm;1;1;0;0;1;1;40\n00001.ppm;1;1;0;0;1;1;2\n");
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/gtsrb/Final_Test/Images/%05d.ppm", place, i);
        write_picture(name, 32, 32, 3, 100 + i);
    }
}

static void the_pictures_of_all_classes_are_loaded(void)
{
    write_gtsrb("good");
    Dataset train, test;
    Error error = {0};
    DataSource *source = load("gtsrb", inside("good"), (DataRequest){0}, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(train.count == 43 && test.count == 2, "counts");
    for (int i = 0; i < 43; i++) {
        const uint8_t *image = train.images + i * 32 * 32 * 3;
        check(train.labels[i] == i && image[0] == 3 * i && image[3071] == 3 * i, "image %d", i);
    }
    check(test.labels[0] == 40 && test.labels[1] == 2 && test.images[3072] == 101, "test images");
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
}

static void broken_csv_files_are_refused(void)
{
    load_refused("gtsrb", "nowhere", "nowhere/gtsrb: no such directory");
    write_gtsrb("bad");
    const char *csv = "bad/gtsrb/Final_Training/Images/00001/GT-00001.csv";
    write_text(csv, HEAD "\n../../x.ppm;1;1;0;0;1;1;1\n");
    load_refused("gtsrb", "bad", "GT-00001.csv, line 2: '../../x.ppm' is not the name of a file");
    write_text(csv, HEAD "\nx.ppm;1;1;0;0;1;1;7\n");
    load_refused("gtsrb", "bad", "GT-00001.csv, line 2: '7' is no number from 1 to 1");
    write_text(csv, HEAD "\nx.ppm;1;1;0;0;1;1\n");
    load_refused("gtsrb", "bad", "GT-00001.csv, line 2: 7 fields instead of 8");
    write_text(csv, "a;b;c;d;e;f;g;h\n");
    load_refused("gtsrb", "bad", "its first line does not read Filename;...;ClassId");
    write_text(csv, HEAD "\nx.ppm;1;1;0;0;1;1;1\n");
    load_refused("gtsrb", "bad", "00001/x.ppm: cannot open");
    write_text("bad/gtsrb/Final_Training/Images/00001/x.ppm", "P6 4 4 255\nabc");
    load_refused("gtsrb", "bad", "00001/x.ppm: ");
    unlink(inside(csv));
    load_refused("gtsrb", "bad", "GT-00001.csv: cannot open");
}

static void the_real_signs_are_loaded(void)
{
    if (!shared_path("data/gtsrb")) {
        skip("no ../shared");
        return;
    }
    Dataset train, test;
    Error error = {0};
    DataSource *source =
        load("gtsrb", shared_path("data"), (DataRequest){0}, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(train.count == 2550 && test.count == 1668, "counts");
    check_halves(&train, &test, "0cd07b5f1ef066b384165059a8d34f12494c3d9ab07b3689ee1f0f26ba9d0b03");
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_pictures_of_all_classes_are_loaded", the_pictures_of_all_classes_are_loaded},
        {"broken_csv_files_are_refused", broken_csv_files_are_refused},
        {"the_real_signs_are_loaded", the_real_signs_are_loaded},
    };
    return TESTS_RUN(tests);
}
