// Optimizers against PyTorch. The expected values come from
//   p = torch.nn.Parameter(torch.tensor([1., -.5, .25], dtype=torch.float64)); o =
//   torch.optim.OPTIMIZER([p], ...) for g in gradients: p.grad = None if g is None else
//   torch.tensor(g, dtype=torch.float64); o.step()
// with the gradients below (the third step has none).
#include "optim/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/test.h"

enum { VALUES = 3, STEPS = 4 };
static const float start[VALUES] = {1, -.5f, .25f};
static const float gradients[STEPS][VALUES] = {{1, -2, .5f}, {.25f, 0, -1}, {0}, {-3, .125f, 2}};
static const int without_gradient = 2;

// One tensor of three trainable values, and a running statistic that no optimizer may touch.
static Parameters three_values(void)
{
    Parameters parameters = {0};
    Tensor *weight = parameters_add(&parameters, "layer", "weight", (Parameter){.trainable = true},
                                    SHAPE(VALUES));
    parameters_add(&parameters, "layer", "running_mean", (Parameter){.start = 7}, SHAPE(VALUES));
    memcpy(weight->data, start, sizeof start);
    return parameters;
}

static void step(Optimizer *optimizer, Parameters *parameters, int number)
{
    Tensor *weight = parameters->items[0].tensor;
    memcpy(weight->grad, gradients[number], sizeof gradients[number]);
    weight->grad_written = number != without_gradient;
    optimizer_step(optimizer);
}

static void check_values(const Parameters *parameters, const double expected[VALUES])
{
    const Parameter *weight = &parameters->items[0], *kept = &parameters->items[1];
    for (int i = 0; i < VALUES; i++) {
        double value = (double)weight->tensor->data[i];
        check(fabs(value - expected[i]) < 1e-6, "value %d is %.9g, expected %.9g", i, value,
              expected[i]);
        check(kept->tensor->data[i] == 7, "a tensor that is not trainable changed");
    }
}

static void check_run(Parameters *parameters, Optimizer *optimizer, const double expected[VALUES])
{
    for (int number = 0; number < STEPS; number++) step(optimizer, parameters, number);
    check_values(parameters, expected);
    optimizer_free(optimizer);
    parameters_free(parameters);
}

// torch.optim.SGD([p], lr=.1)
static void test_sgd_without_momentum(void)
{
    Parameters parameters = three_values();
    Optimizer *optimizer = optimizer_create_sgd(&parameters, (Sgd){.learning_rate = .1f});
    check_run(&parameters, optimizer, (double[]){1.175, -0.3125, 0.1});
}

static const Sgd with_momentum = {.learning_rate = .1f, .momentum = .9f, .weight_decay = .01f};

// torch.optim.SGD([p], lr=.1, momentum=.9, weight_decay=.01)
static void test_sgd_with_momentum_and_weight_decay(void)
{
    Parameters parameters = three_values();
    Optimizer *optimizer = optimizer_create_sgd(&parameters, with_momentum);
    check_run(&parameters, optimizer, (double[]){0.976299699, 0.0315428005, 0.10318865});
}

// torch.optim.SGD([{"params": [p], "lr": .1, "weight_decay": 0}], lr=.2, weight_decay=.01): what
// test_sgd_without_momentum expects.
static void test_a_tensor_has_its_own_rate_and_no_decay(void)
{
    Parameters parameters = three_values();
    parameters.items[0].rate = .5f;
    parameters.items[0].undecayed = true;
    Optimizer *optimizer =
        optimizer_create_sgd(&parameters, (Sgd){.learning_rate = .2f, .weight_decay = .01f});
    check_run(&parameters, optimizer, (double[]){1.175, -0.3125, 0.1});
}

// torch.optim.SGD([p], lr=.1, momentum=.9, weight_decay=.01, nesterov=True)
static void test_sgd_with_nesterov_momentum(void)
{
    Parameters parameters = three_values();
    Sgd how = with_momentum;
    how.nesterov = true;
    Optimizer *optimizer = optimizer_create_sgd(&parameters, how);
    check_run(&parameters, optimizer, (double[]){1.15143427, 0.166009321, -0.0328052177});
}

// torch.optim.Adam([p], lr=.01)
static void test_adam_with_pytorchs_defaults(void)
{
    Parameters parameters = three_values();
    Optimizer *optimizer = optimizer_create_adam(&parameters, (Adam){.learning_rate = .01f});
    check_run(&parameters, optimizer, (double[]){0.985651592, -0.478528833, 0.239464479});
}

static const Adam adam = {
    .learning_rate = .01f, .beta1 = .5f, .beta2 = .9f, .epsilon = 1e-6f, .weight_decay = .1f};

// torch.optim.Adam([p], lr=.01, betas=(.5, .9), eps=1e-6, weight_decay=.1)
static void test_adam_with_weight_decay(void)
{
    Parameters parameters = three_values();
    Optimizer *optimizer = optimizer_create_adam(&parameters, adam);
    check_run(&parameters, optimizer, (double[]){0.989972667, -0.482581765, 0.239090006});
}

static Optimizer *create_summed(const Parameters *parameters)
{
    Adam how = adam;
    how.summed = true;
    return optimizer_create_adam(parameters, how);
}

// The same in PyTorch without zero_grad().
static void test_adam_with_summed_gradients(void)
{
    Parameters parameters = three_values();
    Optimizer *optimizer = create_summed(&parameters);
    check_run(&parameters, optimizer, (double[]){0.982626088, -0.470133408, 0.234807604});
}

static void test_a_tensor_without_gradient_sits_the_step_out(void)
{
    Parameters parameters = three_values();
    Optimizer *optimizer = optimizer_create_adam(&parameters, adam);
    step(optimizer, &parameters, 0);
    float before[VALUES];
    memcpy(before, parameters.items[0].tensor->data, sizeof before);
    step(optimizer, &parameters, without_gradient);
    check(memcmp(before, parameters.items[0].tensor->data, sizeof before) == 0,
          "the values moved without a gradient");
    check(optimizer->steps[0] == 1, "%llu steps counted, expected 1",
          (unsigned long long)optimizer->steps[0]);
    optimizer_free(optimizer);
    parameters_free(&parameters);
}

static void test_the_learning_rate_may_change_between_steps(void)
{
    Parameters parameters = three_values();
    Optimizer *optimizer = optimizer_create_sgd(&parameters, (Sgd){.learning_rate = .1f});
    optimizer->learning_rate = .5f;
    step(optimizer, &parameters, 0);
    check_values(&parameters, (double[]){.5, .5, 0});
    optimizer_free(optimizer);
    parameters_free(&parameters);
}

static Optimizer *create_sgd(const Parameters *parameters)
{
    return optimizer_create_sgd(parameters, with_momentum);
}

static Optimizer *create_adam(const Parameters *parameters)
{
    return optimizer_create_adam(parameters, adam);
}

// Two steps, the state through a file into a new optimizer, two more: the bits of four steps in one
// go.
static void check_resume(Optimizer *(*create)(const Parameters *))
{
    Parameters straight = three_values(), resumed = three_values();
    Optimizer *whole = create(&straight), *half = create(&resumed);
    for (int number = 0; number < STEPS; number++) step(whole, &straight, number);
    for (int number = 0; number < 2; number++) step(half, &resumed, number);
    char path[300];
    snprintf(path, sizeof path, "%s/state.safetensors", temporary_directory());
    Safetensors *file = safetensors_create();
    optimizer_store(half, "optimizer.", file);
    Error error = {0};
    check(safetensors_write(path, file, &error), "%s", error.message);
    safetensors_free(file);
    optimizer_free(half);
    half = create(&resumed);
    file = safetensors_read(path, &error);
    if (check(file != NULL, "%s", error.message)) {
        check(optimizer_restore(half, "optimizer.", file, path, &error), "%s", error.message);
        safetensors_free(file);
    }
    for (int number = 2; number < STEPS; number++) step(half, &resumed, number);
    check(memcmp(straight.items[0].tensor->data, resumed.items[0].tensor->data, sizeof start) == 0,
          "the resumed run ends in other bits");
    optimizer_free(whole);
    optimizer_free(half);
    parameters_free(&straight);
    parameters_free(&resumed);
}

static void test_a_restored_optimizer_goes_on_in_the_same_bits(void)
{
    check_resume(create_sgd);
    check_resume(create_adam);
    check_resume(create_summed);
}

static void test_a_wrong_state_is_refused_and_changes_nothing(void)
{
    Parameters parameters = three_values();
    Optimizer *sgd = create_sgd(&parameters), *other = create_adam(&parameters);
    step(sgd, &parameters, 0);
    Safetensors *file = safetensors_create();
    optimizer_store(sgd, "optimizer.", file);
    Error error = {0};
    check(!optimizer_restore(other, "optimizer.", file, "F", &error),
          "SGD's state taken as Adam's");
    check(strstr(error.message, "F: ") && strstr(error.message, "layer.weight.first_moment"),
          "the message is: %s", error.message);
    check(other->steps[0] == 0, "a refused state has changed the step count");
    check(!optimizer_restore(sgd, "other.", file, "F", &error), "a state of another prefix taken");
    check(strstr(error.message, "other.steps") != NULL, "the message is: %s", error.message);
    safetensors_free(file);
    optimizer_free(sgd);
    optimizer_free(other);
    parameters_free(&parameters);
}

// ---- Tensors side by side: one kernel call for neighbours that move alike, in the same bits ----

enum { TENSORS = 5, LARGEST = 33, ABSENT = 2 };
static const int64_t sizes[TENSORS] = {7, 16, 1, LARGEST, 3};
static int calls;

static void counted_sgd(const SgdStep *how, int64_t count, const float *gradient, float *velocity,
                        float *parameter)
{
    calls++;
    cpu_kernels()->sgd(how, count, gradient, velocity, parameter);
}

static void counted_adam(const AdamStep *how, int64_t count, const float *gradient,
                         float *first_moment, float *second_moment, float *parameter)
{
    calls++;
    cpu_kernels()->adam(how, count, gradient, first_moment, second_moment, parameter);
}

// Tensors first..last of the five, a running statistic after each.
static Parameters tensors(int first, int last)
{
    Parameters parameters = {0};
    for (int i = first; i <= last; i++) {
        char name[16];
        snprintf(name, sizeof name, "layer%d", i);
        parameters_add(&parameters, name, "weight", (Parameter){.trainable = true, .start = 1},
                       SHAPE(sizes[i]));
        parameters_add(&parameters, name, "running_mean", (Parameter){.start = 7}, SHAPE(5));
    }
    return parameters;
}

// The step with this number, of tensors from `first` on; one of them may have no gradient.
static int calls_of_step(Optimizer *optimizer, int first, int number, int absent)
{
    for (int i = 0; i < optimizer->count; i++) {
        Tensor *tensor = optimizer->parameters[i];
        for (int k = 0; k < tensor->count; k++)
            tensor->grad[k] = .25f * (float)((number * 5 + (first + i) * 3 + k) % 9 - 4);
        tensor->grad_written = first + i != absent;
    }
    calls = 0;
    optimizer_step(optimizer);
    return calls;
}

static void check_same_as_alone(Optimizer *(*create)(const Parameters *))
{
    static const int expected[STEPS] = {1, 2, 3, 3}; // without its gradient it stays a step behind
    Kernels counted = *cpu_kernels();
    counted.sgd = counted_sgd;
    counted.adam = counted_adam;
    Parameters all = tensors(0, TENSORS - 1);
    Optimizer *together = create(&all);
    together->kernels = &counted;
    for (int number = 0; number < STEPS; number++) {
        int made = calls_of_step(together, 0, number, number == 1 ? ABSENT : -1);
        check(made == expected[number], "step %d: %d kernel calls, expected %d", number, made,
              expected[number]);
    }
    for (int i = 0; i < TENSORS; i++) {
        Parameters one = tensors(i, i);
        Optimizer *alone = create(&one);
        for (int number = 0; number < STEPS; number++)
            calls_of_step(alone, i, number, number == 1 ? ABSENT : -1);
        check(memcmp(one.items[0].tensor->data, together->parameters[i]->data,
                     (size_t)sizes[i] * sizeof(float)) == 0,
              "tensor %d has other bits than alone", i);
        optimizer_free(alone);
        parameters_free(&one);
    }
    optimizer_free(together);
    parameters_free(&all);
}

static void test_neighbours_move_in_one_call_and_the_same_bits(void)
{
    check_same_as_alone(create_sgd);
    check_same_as_alone(create_adam);
}

static void test_tensors_that_move_otherwise_or_not_at_all_divide_the_call(void)
{
    Kernels counted = *cpu_kernels();
    counted.sgd = counted_sgd;
    Parameters all = tensors(0, TENSORS - 1), tail = tensors(0, TENSORS - 1);
    all.items[2].undecayed = true; // layer1
    all.items[6].rate = .5f;       // layer3
    Optimizer *divided = create_sgd(&all);
    divided->kernels = &counted;
    int made = calls_of_step(divided, 0, 0, -1);
    check(made == TENSORS, "%d kernel calls, expected %d", made, TENSORS);
    parameters_keep(&tail, 4); // layer0 and layer1
    Optimizer *shorter = create_sgd(&tail);
    shorter->kernels = &counted;
    made = calls_of_step(shorter, 2, 0, -1);
    check(made == 1 && shorter->count == TENSORS - 2, "%d kernel calls for %d tensors", made,
          shorter->count);
    check(tail.items[0].tensor->data[0] == 1 && tail.items[1].tensor->data[0] == 7,
          "a tensor that is kept, or a statistic, changed");
    optimizer_free(divided);
    optimizer_free(shorter);
    parameters_free(&all);
    parameters_free(&tail);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"sgd_without_momentum", test_sgd_without_momentum},
        {"sgd_with_momentum_and_weight_decay", test_sgd_with_momentum_and_weight_decay},
        {"a_tensor_has_its_own_rate_and_no_decay", test_a_tensor_has_its_own_rate_and_no_decay},
        {"sgd_with_nesterov_momentum", test_sgd_with_nesterov_momentum},
        {"adam_with_pytorchs_defaults", test_adam_with_pytorchs_defaults},
        {"adam_with_weight_decay", test_adam_with_weight_decay},
        {"adam_with_summed_gradients", test_adam_with_summed_gradients},
        {"a_tensor_without_gradient_sits_the_step_out",
         test_a_tensor_without_gradient_sits_the_step_out},
        {"the_learning_rate_may_change_between_steps",
         test_the_learning_rate_may_change_between_steps},
        {"a_restored_optimizer_goes_on_in_the_same_bits",
         test_a_restored_optimizer_goes_on_in_the_same_bits},
        {"a_wrong_state_is_refused_and_changes_nothing",
         test_a_wrong_state_is_refused_and_changes_nothing},
        {"neighbours_move_in_one_call_and_the_same_bits",
         test_neighbours_move_in_one_call_and_the_same_bits},
        {"tensors_that_move_otherwise_or_not_at_all_divide_the_call",
         test_tensors_that_move_otherwise_or_not_at_all_divide_the_call},
    };
    return TESTS_RUN(tests);
}
