// A golden operator case and how its operator is called: op_check's table of the names in
// ../shared/golden/README.md, each with the function of core/ops.h or optim/ that it stands for.
#ifndef SIEVE_TESTS_OP_CALLS_H
#define SIEVE_TESTS_OP_CALLS_H

#include "core/ops.h"
#include "core/safetensors.h"
#include "tests/golden.h"

enum { MAX_INPUTS = 6, MAX_OUTPUTS = 3 };

typedef struct Case Case;

// How an operator is called: one of the three functions. Layouts not named are plain.
typedef struct Operation {
    const char *name;
    Tensor *(*unary)(Tensor *x);
    Tensor *(*binary)(Tensor *a, Tensor *b);
    bool (*run)(Case *c); // sets y; false with c->error
    GoldenLayout x[MAX_INPUTS], y;
} Operation;

struct Case {
    const Kernels *kernels;
    double tolerance;
    const Safetensors *file;
    const Operation *operation;
    Tape *tape;
    int inputs;
    Tensor *stored[MAX_INPUTS]; // persistent, in sieve's layout
    Tensor *x[MAX_INPUTS];      // the same on the tape; NULL beyond `inputs`
    Tensor *y[MAX_OUTPUTS];
    double worst; // largest error so far
    Error error;  // what was wrong; the case ends there
};

// The tensor "gx0" of the file, or NULL.
const StoredTensor *case_tensor(const Case *c, const char *kind, int i);

// An attribute of the operator; all are strings.
const char *case_attribute(const Case *c, const char *name, const char *fallback);

// NULL where no operator has this name.
const Operation *operation_find(const char *name);

#endif
