// Files: read whole with a size limit, written through a temporary name that is synced and renamed,
// so that no reader ever sees half a file and a kill at any moment leaves the old one in place.
#ifndef SIEVE_CORE_FILE_H
#define SIEVE_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"

typedef struct Bytes {
    uint8_t *data; // owned by whoever holds the struct; bytes_free releases it
    size_t size;
} Bytes;

void bytes_free(Bytes *bytes);

// The whole file. Refuses directories and files of more than limit bytes. One zero byte follows
// data (not counted).
bool file_read(const char *path, size_t limit, Bytes *bytes, Error *error);

// Replaces path by these bytes at once (temporary name in the same directory, fsync, rename);
// nothing stays behind on failure, and what killed processes of this machine left of it goes.
bool file_write(const char *path, const void *data, size_t size, Error *error);

// Removes what killed processes of this machine left in the directory on their way to a file_write.
void file_remove_left_over(const char *directory);

bool file_exists(const char *path);
bool directory_exists(const char *path);

// Makes the directory and its parents.
bool directory_create(const char *path, Error *error);

// The names in a directory, sorted by their bytes, without those that begin with a dot. *names is
// the caller's (names_free); empty on failure.
typedef struct Names {
    char **names;
    int64_t count;
} Names;

bool directory_list(const char *path, Names *names, Error *error);
void names_free(Names *names);

// a/b in a new string, which the caller frees; b alone where it is absolute.
char *path_join(const char *a, const char *b);

// A growing text; text is always zero-terminated and never NULL after the first append.
// Zero-initialise it.
typedef struct Text {
    char *text;
    size_t length, capacity;
} Text;

void text_append(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_append_bytes(Text *text, const void *bytes, size_t size);
void text_free(Text *text);

// Bytes of the UTF-8 character (RFC 3629) that text[0..length) begins with: 1 to 4, or 0 where it
// begins with none.
size_t utf8_length(const char *text, size_t length);

#endif
