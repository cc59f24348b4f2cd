// GTSRB, the German traffic signs (Stallkamp et al.), as shipped, below DIRECTORY/gtsrb:
//   Final_Training/Images/000CC/GT-000CC.csv and the PPM files that it names, for 43 classes CC
//   Final_Test/GT-final_test.csv (or Final_Test/Images/GT-final_test.csv), Final_Test/Images/*.ppm
// Each whole picture is resized to 32x32; the regions of the csv files are not looked at.
#ifndef SIEVE_DATA_GTSRB_H
#define SIEVE_DATA_GTSRB_H

#include "data/dataset.h"
#include "data/picture_list.h"
#include "data/table.h"

enum { GTSRB_CLASSES = 43 };
extern const char *const gtsrb_classes[GTSRB_CLASSES];

bool gtsrb_load(const DataSource *source, const DataRequest *request, Dataset *train, Dataset *test,
                Error *error);

// Adds the pictures of one csv file, which lie in `directory`, to the list. label: the only one
// allowed, -1: any of 0..42.
bool gtsrb_list(const Table *csv, const char *directory, int label, PictureList *list,
                Error *error);

#endif
