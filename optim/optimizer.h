// SGD and Adam, PyTorch's formulas, behind one interface: backward(loss) fills the gradients,
// optimizer_step moves the parameters. The learning rate is a field that a schedule
// (optim/schedule.h) may set before each step.
#ifndef SIEVE_OPTIM_OPTIMIZER_H
#define SIEVE_OPTIM_OPTIMIZER_H

#include "nn/module.h"

typedef struct Sgd {
    float learning_rate, momentum, weight_decay;
    bool nesterov;
} Sgd;

typedef struct Adam {
    float learning_rate;
    float beta1, beta2, epsilon; // 0 means .9, .999, 1e-8
    float weight_decay;
    bool summed; // each step goes along the sum of all gradients since the first, as where nobody
                 // zeroes them
} Adam;

typedef struct Optimizer Optimizer;
struct Optimizer {
    float learning_rate;
    const Kernels *kernels; // the device that computes the step; the processor unless set
    void (*update)(Optimizer *optimizer, int first, int64_t values);
    int count;           // trainable tensors
    Tensor **parameters; // [count], the network's
    float *rates;        // [count] times the learning rate (nn/module.h)
    bool *undecayed;     // [count]
    uint64_t *steps; // [count] updates so far of each: a tensor without a gradient sits a step out
    Parameters first, second; // SGD: velocity, none; Adam: first and second moments; same order
    Parameters sum;           // Adam, summed: of the gradients; else none
    Sgd sgd;
    Adam adam;
};

// For the trainable tensors of these parameters, which must outlive it. They are laid side by side
// (tensors_move), the state too: a step is one kernel over one array for all neighbours that move
// alike.
Optimizer *optimizer_create_sgd(const Parameters *parameters, Sgd how);
Optimizer *optimizer_create_adam(const Parameters *parameters, Adam how);
void optimizer_free(Optimizer *optimizer); // NULL is allowed

// Moves the state to the device of these kernels, which compute the steps from now on; the
// parameters must be moved there too (parameters_move).
void optimizer_move(Optimizer *optimizer, const Kernels *kernels);

// One step from the gradients; a parameter whose grad_written is false stays as it is, its state
// too.
void optimizer_step(Optimizer *optimizer);

// The state as part of a checkpoint, in tensors named "PREFIX" + "NAME.velocity" (.first_moment,
// .second_moment, .gradient_sum) and "PREFIX" + "steps"; prefix is like "optimizer.". On failure nothing has
// changed.
void optimizer_store(const Optimizer *optimizer, const char *prefix, Safetensors *file);
bool optimizer_restore(Optimizer *optimizer, const char *prefix, const Safetensors *file,
                       const char *path, Error *error);

#endif
