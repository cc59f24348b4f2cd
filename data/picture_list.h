// Data sets that are many picture files: a list of paths with their labels, which all threads read,
// fit to one size and put into a data set.
#ifndef SIEVE_DATA_PICTURE_LIST_H
#define SIEVE_DATA_PICTURE_LIST_H

#include "data/dataset.h"

typedef struct PictureEntry {
    char *path;
    int label;
} PictureEntry;

// Zero-initialise it.
typedef struct PictureList {
    PictureEntry *entries;
    int64_t count, capacity;
} PictureList;

// How a picture becomes an image of the data set's size.
typedef enum PictureFit {
    FIT_WHOLE,  // the whole picture is resized
    FIT_CENTRE, // its shorter side is resized to 8/7 of the image's (256 for 224, as is usual), and
                // the middle taken; a picture of the image's own size stays as it is
    FIT_EXACT,  // of a folder: it has the size of the first picture, and no colour where that one
                // is grey; refused otherwise
} PictureFit;

// The path becomes the list's.
void picture_list_add(PictureList *list, char *path, int label);
void picture_list_free(PictureList *list);

// Adds the picture files (.jpg, .jpeg, .png, .ppm, .pgm, .pnm, in letters of any case) of a
// directory, sorted by name; refused where there is none.
bool picture_list_add_directory(PictureList *list, const char *directory, int label, Error *error);

// Reads `wanted` pictures of the list (0, or more than there are: all) into the data set, whose
// height, width and channels are set; grey spreads to three channels, colours become their luma.
// The error is that of the first picture in the list that cannot be read.
bool picture_list_load(const PictureList *list, PictureFit fit, int64_t wanted, Dataset *dataset,
                       Error *error);

#endif
