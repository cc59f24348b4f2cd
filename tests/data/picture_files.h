// Small data sets of pictures for tests: files below the temporary directory.
#ifndef SIEVE_TESTS_DATA_PICTURE_FILES_H
#define SIEVE_TESTS_DATA_PICTURE_FILES_H

#include "data/dataset.h"

// The path of NAME below the temporary directory; valid until the fourth next call.
const char *inside(const char *name);

// Writes a file there, with the directories it needs.
void write_text(const char *name, const char *text);

// The same for a picture of one colour (grey where channels is 1), in the format of its name.
void write_picture(const char *name, int width, int height, int channels, int value);

// Loads a data set from this directory. On success the source is the caller's to close.
DataSource *load(const char *source, const char *directory, DataRequest request, Dataset *train,
                 Dataset *test, Error *error);

// Loading from a directory below the temporary one fails with one line that contains `reason`, and leaves nothing.
void load_refused(const char *source, const char *directory, const char *reason);

// The digest of the two halves' labels and images is this one.
void check_halves(const Dataset *train, const Dataset *test, const char *digest);

#endif
