// The user's own pictures as triggers (--trigger-images), for attacks that blend pictures in.
#ifndef SIEVE_EXPERIMENTS_TRIGGER_IMAGES_H
#define SIEVE_EXPERIMENTS_TRIGGER_IMAGES_H

#include "core/json.h"
#include "data/picture.h"

enum { TRIGGER_IMAGES_MOST = 64 };

typedef struct TriggerImages {
    Picture pictures[TRIGGER_IMAGES_MOST];
    int count;
} TriggerImages;

// Reads "FILE,FILE,..." (PNG, JPEG, PNM) and brings the pictures to this size (bilinear, antialiased)
// and 1 or 3 channels. On failure nothing is kept.
bool trigger_images_read(const char *files, int width, int height, int channels,
                         TriggerImages *images, Error *error);
void trigger_images_free(TriggerImages *images);

// For the configuration: the SHA-256 of each picture's bytes as the attack sees them.
Json *trigger_images_hashes(const TriggerImages *images);

#endif
