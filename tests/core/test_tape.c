// The tape: gradients over graphs with joints, shared and cut gradients, several backward passes,
// and what stays in memory over steps.
#include <malloc.h>
#include <string.h>

#include "core/ops.h"
#include "core/thread.h"
#include "tests/test.h"

static Tensor *filled(Tensor *tensor, const float *values)
{
    memcpy(tensor->data, values, (size_t)tensor->count * sizeof(float));
    return tensor;
}

static void check_array(const char *what, const float *seen, const float *expected, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        check(seen[i] == expected[i], "%s[%d] is %g, not %g", what, (int)i, (double)seen[i],
              (double)expected[i]);
}

#define CHECK_ARRAY(what, seen, ...)                      \
    check_array(what, seen, (const float[]){__VA_ARGS__}, \
                (int64_t)(sizeof((const float[]){__VA_ARGS__}) / sizeof(float)))

// loss = sum of a b with a = 2 x, b = x + 1: both ways from x meet again.
static void a_diamond_adds_both_ways(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = filled(parameter_create(SHAPE(2)), (float[]){3, -1});
    Tensor *zeros = tensor_create(SHAPE(2)), *p = add(x, tape_input(tape, zeros));
    Tensor *loss = sum(multiply(scale(2, p), affine(1, p, 1)), ALL_DIMENSIONS, false);
    backward(loss);
    check(tensor_value(loss) == 24, "loss %g", (double)tensor_value(loss));
    CHECK_ARRAY("dx", x->grad, 14, -2); // d (2x^2 + 2x) = 4x + 2
    check(x->grad_written, "the parameter does not say that it has a gradient");
    tape_free(tape);
    tensor_free(x);
    tensor_free(zeros);
}

// A tensor used twice in one operator, and in several.
static void every_use_counts(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = filled(parameter_create(SHAPE(2)), (float[]){3, -2});
    Tensor *zeros = tensor_create(SHAPE(2)), *p = add(x, tape_input(tape, zeros));
    Tensor *loss = sum(add(multiply(p, p), subtract(add(p, p), p)), ALL_DIMENSIONS, false);
    backward(loss);
    CHECK_ARRAY("dx", x->grad, 7, -3); // d (x^2 + x) = 2x + 1
    tape_free(tape);
    tensor_free(x);
    tensor_free(zeros);
}

// add hands its own gradient on to both inputs without a copy. When one of them gets more, the
// other's must not change, nor that of a third, which an earlier sum has shared as well.
static void shared_gradients_stay_apart(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *a = filled(parameter_create(SHAPE(2)), (float[]){1, 2});
    Tensor *b = filled(parameter_create(SHAPE(2)), (float[]){5, 7});
    Tensor *zeros = tensor_create(SHAPE(2)), *zero = tape_input(tape, zeros);
    Tensor *c = filled(parameter_create(SHAPE(2)), (float[]){0, 0});
    Tensor *p = add(a, zero), *q = add(b, zero), *third = add(c, zero);
    Tensor *used_before = multiply(p, p); // its share of dp comes after that of the addition
    Tensor *r = reshape(add(add(p, q), third), 2, (int64_t[]){1, 2});
    Tensor *loss =
        add(sum(multiply(r, r), ALL_DIMENSIONS, false), sum(used_before, ALL_DIMENSIONS, false));
    backward(loss);
    CHECK_ARRAY("dp", a->grad, 2 * 6 + 2 * 1, 2 * 9 + 2 * 2);
    CHECK_ARRAY("dq", b->grad, 12, 18);
    CHECK_ARRAY("dthird", c->grad, 12, 18);
    tape_free(tape);
    tensor_free(a);
    tensor_free(b);
    tensor_free(c);
    tensor_free(zeros);
}

static void two_shares_of_one_parameter_by_pass_do_not_alias(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *a = filled(parameter_create(SHAPE(2)), (float[]){1, 2});
    Tensor *x = filled(tensor_create(SHAPE(2)), (float[]){4, 8});
    Tensor *y = add(add(tape_input(tape, x), a), a);
    const float *own = a->grad;
    backward_from(y, (float[]){10, 100});
    check(a->grad == own, "the parameter's gradient lies in the tape's memory");
    CHECK_ARRAY("da", a->grad, 20, 200);
    CHECK_ARRAY("dy", y->grad, 10, 100);
    tape_free(tape);
    tensor_free(a);
    tensor_free(x);
}

static void detach_cuts_the_gradient(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = filled(parameter_create(SHAPE(2)), (float[]){3, -1});
    Tensor *zeros = tensor_create(SHAPE(2));
    Tensor *p = add(x, tape_input(tape, zeros)), *constant = detach(square(p));
    check(!constant->needs_grad && constant->data[0] == 9, "detached: %g",
          (double)constant->data[0]);
    backward(sum(multiply(p, constant), ALL_DIMENSIONS, false));
    CHECK_ARRAY("dx", x->grad, 9, 1); // x^2 is a constant here; d x^3 would be 3 x^2
    tape_free(tape);
    tensor_free(x);
    tensor_free(zeros);
}

static void a_variable_has_the_parameters_gradient(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *p = parameter_create(SHAPE(2));
    p->data[0] = 3;
    p->data[1] = -5;
    for (int step = 0; step < 2; step++) {
        Tensor *x = tape_variable(tape, p), *y = tape_variable(tape, p);
        check_array("values", x->data, (float[]){3, -5}, 2);
        backward(sum(add(square(x), y), ALL_DIMENSIONS, false)); // d / dp = 2 p + 1
        check_array("gradient", p->grad, (float[]){7, -9}, 2);
        tape_reset(tape);
    }
    tape_free(tape);
    tensor_free(p);
}

static void nothing_is_recorded_when_recording_is_off(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = filled(parameter_create(SHAPE(2)), (float[]){3, -1});
    Tensor *zeros = tensor_create(SHAPE(2)), *zero = tape_input(tape, zeros);
    tape_record(tape, false);
    Tensor *constant = square(add(x, zero));
    tape_record(tape, true);
    check(!constant->needs_grad && constant->data[1] == 1, "square: %g", (double)constant->data[1]);
    backward(sum(multiply(add(x, zero), constant), ALL_DIMENSIONS, false));
    CHECK_ARRAY("dx", x->grad, 9, 1);
    tape_free(tape);
    tensor_free(x);
    tensor_free(zeros);
}

static void inputs_without_need_get_no_gradient(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *w = filled(parameter_create(SHAPE(2)), (float[]){3, -1});
    Tensor *unused = parameter_create(SHAPE(2)),
           *x = filled(tensor_create(SHAPE(2)), (float[]){4, 5});
    Tensor *input = tape_input(tape, x);
    backward(sum(multiply(input, w), ALL_DIMENSIONS, false));
    check(!input->grad && !input->grad_written, "a constant input has a gradient");
    check(!unused->grad_written, "a parameter that the loss does not reach has a gradient");
    CHECK_ARRAY("dw", w->grad, 4, 5);
    w->needs_grad = false; // frozen: nothing of it is recorded
    check(!multiply(input, w)->needs_grad, "a product of constants needs a gradient");
    tape_free(tape);
    tensor_free(w);
    tensor_free(unused);
    tensor_free(x);
}

// Two losses of one step: gradients of parameters add up, those in between start anew.
static void two_backward_passes_of_a_step_add_up_in_parameters(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *w = filled(parameter_create(SHAPE(2)), (float[]){3, -1});
    Tensor *x = filled(tensor_create(SHAPE(2)), (float[]){4, 5});
    Tensor *p = multiply(tape_input(tape, x), w), *q = square(p);
    backward(sum(q, ALL_DIMENSIONS, false)); // dw = 2 x^2 w
    CHECK_ARRAY("dw", w->grad, 96, -50);
    backward(sum(p, ALL_DIMENSIONS, false)); // dw = x
    CHECK_ARRAY("dw", w->grad, 96 + 4, -50 + 5);
    backward(sum(q, ALL_DIMENSIONS, false));
    CHECK_ARRAY("dw", w->grad, 2 * 96 + 4, 2 * -50 + 5);
    tape_free(tape);
    tensor_free(w);
    tensor_free(x);
}

// The first pass makes p and q share the gradient of their sum; in the second each has its own.
static void a_second_pass_parts_what_the_first_has_shared(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *a = filled(parameter_create(SHAPE(2)), (float[]){2, 3});
    Tensor *b = filled(parameter_create(SHAPE(2)), (float[]){5, 7});
    Tensor *zeros = tensor_create(SHAPE(2)), *zero = tape_input(tape, zeros);
    Tensor *p = add(a, zero), *q = add(b, zero);
    backward(sum(add(p, q), ALL_DIMENSIONS, false));
    backward(sum(multiply(p, q), ALL_DIMENSIONS, false));
    CHECK_ARRAY("da", a->grad, 1 + 5, 1 + 7);
    CHECK_ARRAY("db", b->grad, 1 + 2, 1 + 3);
    tape_free(tape);
    tensor_free(a);
    tensor_free(b);
    tensor_free(zeros);
}

static void a_reset_starts_gradients_anew(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *w = filled(parameter_create(SHAPE(2)), (float[]){3, -1});
    Tensor *x = filled(tensor_create(SHAPE(2)), (float[]){4, 5});
    for (int step = 0; step < 3; step++) {
        backward(sum(multiply(tape_input(tape, x), w), ALL_DIMENSIONS, false));
        check(w->grad_written, "no gradient in step %d", step);
        CHECK_ARRAY("dw", w->grad, 4, 5);
        tape_reset(tape);
        check(!w->grad_written, "the gradient of step %d counts after the reset", step);
        CHECK_ARRAY("dw after the reset", w->grad, 4, 5);
    }
    tape_free(tape);
    tensor_free(w);
    tensor_free(x);
}

// Bytes that malloc has given out, large blocks included; 0 where the C library does not tell.
static size_t taken(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

static void training_step(Tape *tape, Tensor *images, Tensor *weight, Tensor *scores)
{
    Tensor *x = tape_input(tape, images);
    Tensor *y = relu(conv2d(x, weight, NULL, (Conv2d){.padding = 1}));
    Tensor *z = linear(flatten_channels_first(max_pool2d(y, (Pool2d){.kernel = 2})), scores, NULL);
    backward(mean(square(z), ALL_DIMENSIONS, false));
    tape_reset(tape);
}

static void later_steps_take_nothing_from_malloc(void)
{
    threads_set(1);
    Tape *tape = tape_create(cpu_kernels());
    Tensor *images = tensor_create(SHAPE(16, 14, 14, 3)),
           *weight = parameter_create(SHAPE(3, 3, 3, 8));
    Tensor *scores = parameter_create(SHAPE(8 * 7 * 7, 10));
    for (int step = 0; step < 3; step++) training_step(tape, images, weight, scores);
    size_t before = taken();
    for (int step = 0; step < 20; step++) training_step(tape, images, weight, scores);
    if (before == 0) skip("this C library does not tell what malloc has given out");
    check(taken() == before, "%zu bytes before, %zu after 20 steps", before, taken());
    tape_free(tape);
    tensor_free(images);
    tensor_free(weight);
    tensor_free(scores);
}

static void tensors_side_by_side_keep_their_values_and_leave_one_by_one(void)
{
    float values[3][20], gradients[3][20];
    Tensor *p[3] = {parameter_create(SHAPE(20)), parameter_create(SHAPE(16)),
                    parameter_create(SHAPE(1))};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < p[i]->count; k++) {
            p[i]->data[k] = values[i][k] = (float)(100 * i + k);
            p[i]->grad[k] = gradients[i][k] = -values[i][k];
        }
    check(!tensors_side_by_side(p[0], p[1]), "neighbours from the start");
    tensors_move(3, p, NULL);
    check(tensors_side_by_side(p[0], p[1]) && tensors_side_by_side(p[1], p[2]), "not neighbours");
    check(p[1]->data == p[0]->data + 32 && p[1]->grad == p[0]->grad + 32, "not aligned");
    for (int k = 20; k < 32; k++)
        check(p[0]->data[k] == 0 && p[0]->grad[k] == 0, "no zero at place %d", k);
    const float *place = p[0]->data;
    tensors_move(3, p, NULL);
    check(p[0]->data == place, "neighbours moved once more");
    tensors_move(2, (Tensor *[]){p[1], p[0]}, NULL);
    check(tensors_side_by_side(p[1], p[0]) && !tensors_side_by_side(p[1], p[2]), "not neighbours");
    for (int i = 0; i < 3; i++) check_array("values", p[i]->data, values[i], p[i]->count);
    for (int i = 0; i < 3; i++) {
        check_array("gradient", p[i]->grad, gradients[i], p[i]->count);
        tensor_free(p[i]);
    }
}

int main(int argc, char **argv)
{
    const Test tests[] = {
        {"a_diamond_adds_both_ways", a_diamond_adds_both_ways},
        {"every_use_counts", every_use_counts},
        {"shared_gradients_stay_apart", shared_gradients_stay_apart},
        {"two_shares_of_one_parameter_by_pass_do_not_alias",
         two_shares_of_one_parameter_by_pass_do_not_alias},
        {"detach_cuts_the_gradient", detach_cuts_the_gradient},
        {"a_variable_has_the_parameters_gradient", a_variable_has_the_parameters_gradient},
        {"nothing_is_recorded_when_recording_is_off", nothing_is_recorded_when_recording_is_off},
        {"inputs_without_need_get_no_gradient", inputs_without_need_get_no_gradient},
        {"two_backward_passes_of_a_step_add_up_in_parameters",
         two_backward_passes_of_a_step_add_up_in_parameters},
        {"a_second_pass_parts_what_the_first_has_shared",
         a_second_pass_parts_what_the_first_has_shared},
        {"a_reset_starts_gradients_anew", a_reset_starts_gradients_anew},
        {"later_steps_take_nothing_from_malloc", later_steps_take_nothing_from_malloc},
        {"tensors_side_by_side_keep_their_values_and_leave_one_by_one",
         tensors_side_by_side_keep_their_values_and_leave_one_by_one},
    };
    return TESTS_RUN(tests);
}
