// One operator on one set of shapes against plain loops in double (reference.h): its values, and
// its gradients against central differences of the reference,
//   d/dx_i sum gy y(x)  ~  sum gy (y(x + h e_i) - y(x - h e_i)) / 2h.
// Inputs and the arriving gradient gy are random, the same in every run.
#ifndef SIEVE_TESTS_CORE_TRIAL_H
#define SIEVE_TESTS_CORE_TRIAL_H

#include "tests/core/reference.h"

enum { MAX_INPUTS = 5 };

typedef struct Shape {
    int rank;
    int64_t size[TENSOR_MAX_RANK];
} Shape;
#define S(...)                                                     \
    {                                                              \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
        {                                                          \
            __VA_ARGS__                                            \
        }                                                          \
    }

// One operator on one set of shapes; one of unary, binary and call is how it is called.
typedef struct Trial {
    const char *name;
    Tensor *(*unary)(Tensor *x);
    Tensor *(*binary)(Tensor *a, Tensor *b);
    Tensor *(*call)(Tensor *const *x, const How *how);
    Reference *reference;
    int inputs;
    Shape shape[MAX_INPUTS];
    How how;
    double low, high; // inputs are uniform in this range; both 0: standard normal
    int constants;    // so many inputs at the end have no gradient
} Trial;

void try(const Trial *trial); // fails the running test where something is off

#define TRY_ALL(trials) \
    for (size_t n = 0; n < sizeof(trials) / sizeof((trials)[0]); n++) try(&(trials)[n])

#endif
