// data/folder.c: the folders' names are the classes, all pictures become images of one size; what
// cannot be is one sentence. Imagenette is such a folder. The digest of its real subset was
// computed with Python and Pillow 11.3 from the same files.
#include "data/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/thread.h"
#include "tests/data/picture_files.h"
#include "tests/test.h"

static DataSource *load_folder(const char *name, DataRequest request, Dataset *train, Dataset *test,
                               Error *error)
{
    static char text[700];
    snprintf(text, sizeof text, "folder:%s", inside(name));
    return load(text, "unused", request, train, test, error);
}

static void folder_refused(const char *name, const char *reason)
{
    char text[700];
    snprintf(text, sizeof text, "folder:%s", inside(name));
    load_refused(text, "unused", reason);
}

static void write_folder(const char *place)
{
    static const char *const names[] = {"train/b/1.png",   "train/b/0.PNG", "train/a/x.ppm",
                                        "train/c c/y.png", "test/a/1.png",  "test/b/1.ppm",
                                        "test/c c/1.png"};
    char name[200];
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof name, "%s/%s", place, names[i]);
        write_picture(name, 5, 4, 3, 10 * i);
    }
    snprintf(name, sizeof name, "%s/train/notes.txt", place);
    write_text(name, "no class");
    snprintf(name, sizeof name, "%s/train/b/notes.txt", place);
    write_text(name, "no picture");
}

static void folders_are_classes_in_the_order_of_their_names(void)
{
    write_folder("My set/");
    Dataset train, test;
    Error error = {0};
    DataSource *source = load_folder("My set/", (DataRequest){0}, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(strcmp(source->name, "folder-My-set") == 0, "%s", source->name);
    check(source->classes == 3 && source->height == 4 && source->width == 5 &&
              source->channels == 3,
          "size");
    check(strcmp(source->class_names[2], "c c") == 0, "%s", source->class_names[2]);
    static const int labels[] = {0, 1, 1, 2}, values[] = {20, 10, 0, 30};
    check(train.count == 4 && test.count == 3, "counts");
    for (int i = 0; i < 4; i++)
        check(train.labels[i] == labels[i] && train.images[60 * i] == values[i], "image %d", i);
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
}

static void pictures_of_several_sizes_need_a_size(void)
{
    write_folder("sizes");
    write_picture("sizes/test/b/1.ppm", 7, 7, 3, 90);
    folder_refused("sizes", "test/b/1.ppm: 7x7 pixels, in colour, where the first picture has 5x4, "
                            "in colour; --image-size makes them alike");
    Dataset train, test;
    Error error = {0};
    DataRequest request = {.image_height = 3, .image_width = 6, .image_channels = 1};
    DataSource *source = load_folder("sizes", request, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(source->height == 3 && source->width == 6 && source->channels == 1, "size");
    check(test.count == 3 && test.images[18] == 90 && test.images[35] == 90, "resized");
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
}

static void grey_folders_are_grey(void)
{
    write_folder("grey");
    write_picture("grey/train/a/x.png", 5, 4, 1, 7);
    unlink(inside("grey/train/a/x.ppm"));
    folder_refused("grey", "train/b/0.PNG: 5x4 pixels, in colour, where the first picture has 5x4, "
                           "grey");
    Dataset train, test;
    Error error = {0};
    DataRequest request = {.image_height = 4, .image_width = 5, .image_channels = 3};
    DataSource *source = load_folder("grey", request, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(train.images[0] == 7 && train.images[1] == 7 && train.images[59] == 7, "spread");
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
}

// Whatever the threads do, the first broken picture is the one that is named.
static void the_first_broken_picture_is_named(void)
{
    write_folder("broken");
    write_text("broken/train/b/1.png", "no picture");
    write_text("broken/train/c c/y.png", "no picture");
    for (int threads = 1; threads <= 4; threads++) {
        threads_set(threads);
        folder_refused("broken", "train/b/1.png: is neither PNG nor JPEG nor PNM");
    }
}

static void missing_folders_are_named(void)
{
    folder_refused("nowhere", "nowhere/train: no such directory");
    write_folder("holes");
    unlink(inside("holes/test/b/1.ppm"));
    folder_refused("holes", "holes/test/b: no picture (.jpg");
    rmdir(inside("holes/test/b"));
    folder_refused("holes", "holes/test/b: cannot list");
    write_picture("single/train/a/1.png", 4, 4, 3, 0);
    folder_refused("single", "single/train: 1 folders, where 2 to 1000 are wanted");
    Error error = {0};
    check(!data_source_find("folder", &error) && !data_source_find("folder:", &error) &&
              !data_source_find("mnist:x", &error),
          "a path too little or too much");
}

static void pictures_are_cut_to_the_middle(void)
{
    char name[100];
    static const char *const folders[] = {"n01440764", "n02102040", "n02979186", "n03000684",
                                          "n03028079", "n03394916", "n03417042", "n03425413",
                                          "n03445777", "n03888257"};
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "in/imagenette2-320/%s/%s/1.png", i < 10 ? "train" : "val",
                 folders[i % 10]);
        write_picture(name, 320 + i, 240, i % 4 ? 3 : 1, 10 * i);
    }
    Dataset train, test;
    Error error = {0};
    DataSource *source = load("imagenet10", inside("in"), (DataRequest){0}, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(train.count == 10 && test.count == 10 && train.height == 224, "counts");
    for (int i = 0; i < 10; i++)
        check(train.labels[i] == i && train.images[i * 224 * 224 * 3] == 10 * i, "image %d", i);
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
    load_refused("imagenet10", "elsewhere", "neither imagenette2 nor imagenette2-320");
}

static void the_pair_is_resized_as_a_whole(void)
{
    char name[100];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "pair/imagenet-pair/%s/%s/1.png", i < 2 ? "train" : "val",
                 i % 2 ? "n04418357" : "n03970156");
        write_picture(name, 300 + i, 64, 3, 10 * i);
    }
    Dataset train, test;
    Error error = {0};
    DataSource *source =
        load("imagenet-pair", inside("pair"), (DataRequest){0}, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(train.count == 2 && test.count == 2 && train.width == 224, "counts");
    check(train.labels[0] == 0 && train.labels[1] == 1 && train.images[0] == 0, "plungers first");
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
    load_refused("imagenet-pair", "elsewhere", "imagenet-pair/train/n03970156");
}

static void the_real_photographs_are_loaded(void)
{
    if (!shared_path("data/imagenette-224")) {
        skip("no ../shared");
        return;
    }
    Dataset train, test;
    Error error = {0};
    DataSource *source =
        load("imagenet10", shared_path("data"), (DataRequest){0}, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(train.count == 400 && test.count == 150, "counts");
    check_halves(&train, &test, "6915e6ebd0902f6b0162e34679f3f5aab0e7976349a89698beb2df8dcf5199d1");
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"folders_are_classes_in_the_order_of_their_names",
         folders_are_classes_in_the_order_of_their_names},
        {"pictures_of_several_sizes_need_a_size", pictures_of_several_sizes_need_a_size},
        {"grey_folders_are_grey", grey_folders_are_grey},
        {"the_first_broken_picture_is_named", the_first_broken_picture_is_named},
        {"missing_folders_are_named", missing_folders_are_named},
        {"pictures_are_cut_to_the_middle", pictures_are_cut_to_the_middle},
        {"the_pair_is_resized_as_a_whole", the_pair_is_resized_as_a_whole},
        {"the_real_photographs_are_loaded", the_real_photographs_are_loaded},
    };
    return TESTS_RUN(tests);
}
