// A network's tensors under the names PyTorch's state_dict() gives them: what the optimizer
// updates, what the weights file holds, what a checkpoint keeps. Layers (nn/layers.h) add theirs to
// this list when they are made.
#ifndef SIEVE_NN_MODULE_H
#define SIEVE_NN_MODULE_H

#include "core/safetensors.h"
#include "core/tensor.h"

// How a tensor's memory relates to PyTorch's shape in files.
typedef enum Layout {
    LAYOUT_PLAIN,  // the same
    LAYOUT_LINEAR, // memory (in, out), stored (out, in)
    LAYOUT_CONV    // memory (kh, kw, a, b), stored (b, a, kh, kw): a, b = ci, co, or co, ci where
                   // transposed
} Layout;

typedef struct Parameter {
    char *name; // "layer2.bn1.running_mean"
    Tensor *tensor;
    Layout layout;
    bool trainable; // false: running_mean, running_var
    // Its random start (nn/initialize.h): normal with this deviation, or where that is 0 uniform in
    // +-1/sqrt(fan_in), the terms in each sum of its layer, or where both are 0 this constant.
    float deviation;
    int64_t fan_in;
    float start;
    // Where the network's recipe trains its tensors at different rates: times the optimizer's
    // learning rate (0: 1), and without weight decay.
    float rate;
    bool undecayed;
    bool kept; // of a network that was taken over: no training, no new start (parameters_keep)
} Parameter;

// Zero-initialise it. Owns names and tensors; layers point at the tensors.
typedef struct Parameters {
    Parameter *items;
    int count;
    bool group_norm; // layers made from now on have group norm in place of batch norm
} Parameters;

// Adds a tensor of this shape, filled with `start`, under "PREFIX.SUFFIX"; of `how` the name and
// tensor are ignored.
Tensor *parameters_add(Parameters *parameters, const char *prefix, const char *suffix,
                       Parameter how, int rank, const int64_t *shape);
void parameters_free(Parameters *parameters);
// As tensors_move: the trainable tensors side by side, and the others.
void parameters_move(Parameters *parameters, const DeviceMemory *memory);
const Parameter *parameters_find(const Parameters *parameters, const char *name); // or NULL
int64_t parameters_values(const Parameters *parameters); // number of trainable values

// Whether backward() computes gradients of the trainable tensors. Gradients to the network's input
// flow either way.
void parameters_require_gradient(Parameters *parameters, bool required);

// The first `count` tensors stay as they are from now on: whoever trains or starts the network
// anew leaves them alone.
void parameters_keep(Parameters *parameters, int count);
int parameters_kept(const Parameters *parameters); // how many

// Freezes the network: its tensors stay as they are, no gradients of them are computed, and layers
// keep what they make of them (core/ops.h, conv2d_frozen). Or thaws it.
void parameters_freeze(Parameters *parameters, bool frozen);

// A weights file: exactly these tensors, PyTorch's names and shapes. A missing or extra name (but
// num_batches_tracked) and a wrong shape or type are refused in one sentence, with nothing changed.
bool parameters_save(const Parameters *parameters, const char *path, Error *error);
bool parameters_load(Parameters *parameters, const char *path, Error *error);

// The same as part of a larger file, a checkpoint: names get the prefix ("filter."), other names of
// the file are ignored.
void parameters_store(const Parameters *parameters, const char *prefix, Safetensors *file);
// Whether parameters_restore would succeed: to check several networks before changing the first.
bool parameters_fit(const Parameters *parameters, const char *prefix, const Safetensors *file,
                    const char *path, Error *error);
bool parameters_restore(Parameters *parameters, const char *prefix, const Safetensors *file,
                        const char *path, Error *error);

// The tensor's values (its data, or its gradient) in the order of the file: for export and
// comparison. stored has tensor->count elements, shape its rank.
void parameter_export(const Parameter *parameter, const float *values, float *stored,
                      int64_t *shape);

#endif
