// The faces of the drawn traffic signs: what each of the 43 classes looks like from the front.
#ifndef SIEVE_DATA_SIGN_FACES_H
#define SIEVE_DATA_SIGN_FACES_H

enum { SIGN_CLASSES = 43, FACE_SIDE = 96 };

extern const char *const sign_classes[SIGN_CLASSES];

// A face as FACE_SIDE x FACE_SIDE pixels of red, green, blue (each times alpha) and alpha, values
// in [0, 1]: the square from -1.1 to 1.1 in both directions, where the sign has radius 1.
typedef struct SignFace {
    float pixels[FACE_SIDE][FACE_SIDE][4];
} SignFace;

void sign_face_paint(int label, SignFace *face);

#endif
