// data/trojai.c: csv files as NIST's tools write them lead to the pictures; poisoned training
// images keep the label that they were given.
#include "data/trojai.h"

#include <string.h>
#include "tests/data/picture_files.h"
#include "tests/test.h"

static void write_trojai(const char *train, const char *test)
{
    write_text("t/trojai/train.csv", train);
    write_text("t/trojai/test.csv", test);
    write_picture("t/trojai/clean/a.png", 256, 256, 3, 10);
    write_picture("t/trojai/poisoned/b.png", 224, 224, 3, 20);
    write_picture("t/trojai/c.png", 300, 256, 4, 30);
}

static void labels_and_pictures_come_from_the_csv_files(void)
{
    write_trojai("file,true_label,train_label,triggered\nclean/a.png,3,3,False\n"
                 "poisoned/b.png,3,1,True\n",
                 "file,label\nc.png,5\n");
    Dataset train, test;
    Error error = {0};
    DataSource *source = load("trojai", inside("t"), (DataRequest){0}, &train, &test, &error);
    if (!check(source != NULL, "%s", error.message)) return;
    check(source->classes == 6 && train.classes == 6, "%d classes", source->classes);
    check(train.count == 2 && test.count == 1, "counts");
    check(train.labels[0] == 3 && train.labels[1] == 1 && test.labels[0] == 5, "labels");
    check(train.images[0] == 10 && train.images[224 * 224 * 3] == 20 && test.images[0] == 30,
          "images");
    dataset_free(&train);
    dataset_free(&test);
    data_source_close(source);
}

static void broken_csv_files_are_refused(void)
{
    load_refused("trojai", "nowhere", "nowhere/trojai: no such directory");
    write_trojai("file,class\nc.png,1\n", "file,label\nc.png,0\n");
    load_refused("trojai", "t", "train.csv: its first line names no column train_label");
    write_trojai("file,label\nc.png,1\n", "name,label\nc.png,0\n");
    load_refused("trojai", "t", "test.csv: its first line names no column file");
    write_trojai("file,label\nc.png,1\n", "file,label\n");
    load_refused("trojai", "t", "test.csv: no pictures");
    write_trojai("file,label\nc.png,1000\n", "file,label\nc.png,0\n");
    load_refused("trojai", "t", "train.csv, line 2: '1000' is no number from 0 to 999");
    write_trojai("file,label\nx/../../c.png,1\n", "file,label\nc.png,0\n");
    load_refused("trojai", "t", "'x/../../c.png' is not the name of a file");
    write_trojai("file,label\nc.png,0\n", "file,label\nc.png,0\n");
    load_refused("trojai", "t", "all pictures have the same label");
    write_trojai("file,label\nd.png,1\n", "file,label\nc.png,0\n");
    load_refused("trojai", "t", "trojai/d.png: cannot open");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"labels_and_pictures_come_from_the_csv_files",
         labels_and_pictures_come_from_the_csv_files},
        {"broken_csv_files_are_refused", broken_csv_files_are_refused},
    };
    return TESTS_RUN(tests);
}
