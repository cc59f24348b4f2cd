// The training loop: batches, figures, curves; and that a training taken up at any checkpoint, or
// killed and started again, ends in the same bits.
#include "experiments/training.h"

#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include "core/error.h"
#include "data/digits.h"
#include "experiments/classifier_training.h"
#include "experiments/evaluation.h"
#include "tests/test.h"

enum { IMAGES = 70, BATCH = 16, EPOCHS = 5, PIXELS = 28 * 28, STEPS = 5 }; // the last batch has 6

// A state that depends on every image, label and key, and on their order.
typedef struct Toy {
    float memory[PIXELS];
    int steps, epochs[EPOCHS], first_count, last_count;
    const char *keep; // where to copy the checkpoint that lies there at each evaluation; or NULL
    const char *checkpoint;
    bool diverges;
} Toy;

static void toy_step(void *state, const Step *s, double *figures)
{
    Toy *toy = state;
    int64_t count = s->images->shape[0];
    for (int64_t i = 0; i < count; i++)
        for (int p = 0; p < PIXELS; p++)
            toy->memory[p] = 0.9f * toy->memory[p] + s->images->data[i * PIXELS + p] +
                             0.1f * (float)s->labels->ints[i] + random_uniform(s->key, (uint64_t)p);
    check(s->number == s->epoch * STEPS + toy->steps % STEPS && s->total == EPOCHS * STEPS,
          "step %d of %d", (int)s->number, (int)s->total);
    toy->steps++;
    toy->epochs[s->epoch]++;
    if (s->number % STEPS == 0) toy->first_count = (int)count;
    toy->last_count = (int)count;
    figures[0] = (double)count; // its mean over the epoch weighs each image alike
    if (s->epoch > 0) figures[1] = 1;
    if (toy->diverges && s->epoch == 1 && s->number % STEPS == 2) figures[0] = (double)NAN;
}

static void toy_store(const void *state, Safetensors *file)
{
    const Toy *toy = state;
    safetensors_add(file, "memory", STORED_F32, 1, (int64_t[]){PIXELS}, toy->memory);
}

static bool toy_restore(void *state, const Safetensors *file, const char *path, Error *error)
{
    const StoredTensor *memory = safetensors_find(file, "memory");
    if (!memory || memory->count != PIXELS) return fail(error, "%s: no memory", path);
    memcpy(((Toy *)state)->memory, memory->data, sizeof((Toy *)state)->memory);
    return true;
}

static void copy_file(const char *from, const char *to)
{
    Bytes bytes;
    Error error = {0};
    check(file_read(from, 1 << 26, &bytes, &error) &&
              file_write(to, bytes.data, bytes.size, &error),
          "%s", error.message);
    bytes_free(&bytes);
}

static void toy_evaluate(void *state, int epochs_done, Curves *curves)
{
    Toy *toy = state;
    curves_add(curves, "value", "%", epochs_done, (double)toy->memory[0]);
    if (!toy->keep || !file_exists(toy->checkpoint)) return;
    Text path = {0};
    text_append(&path, "%s.%d", toy->keep, epochs_done - 1);
    copy_file(toy->checkpoint, path.text);
    text_free(&path);
}

static Dataset dataset, other;
static const char *const figure_names[] = {"count", "late", NULL};

static void load_digits(int64_t count)
{
    dataset_free(&dataset);
    dataset_free(&other);
    Error error = {0};
    const DataSource *source = data_source_find("digits", &error);
    check(dataset_load(source, &(DataRequest){.train_count = count, .test_count = 50}, &dataset,
                       &other, &error),
          "%s", error.message);
}

// Trains the toy; the caller frees the curves' text.
static bool train_toy(Toy *toy, const char *checkpoint, const char *hash, Text *curves_text,
                      Error *error)
{
    if (!dataset.count) load_digits(IMAGES);
    toy->checkpoint = checkpoint;
    TrainingPlan plan = {.label = "toy",
                         .dataset = &dataset,
                         .sample_count = IMAGES,
                         .epochs = EPOCHS,
                         .batch_size = BATCH,
                         .augmentation = {2, 10, false},
                         .seed = 3,
                         .purpose = random_purpose("toy"),
                         .checkpoint = checkpoint,
                         .config_hash = hash,
                         .checkpoint_interval = 0,
                         .quiet = true};
    Trainee trainee = {.state = toy,
                       .step = toy_step,
                       .figures = figure_names,
                       .store = toy_store,
                       .restore = toy_restore,
                       .evaluate = toy_evaluate,
                       .evaluate_every = toy->keep ? 1 : 2};
    Curves curves;
    double seconds;
    if (!train(&plan, &trainee, &curves, &seconds, error)) return false;
    json_print(curves.json, curves_text);
    curves_free(&curves);
    return true;
}

static char *fresh_path(const char *name)
{
    return path_join(temporary_directory(), name);
}

static const Json *series_of(const Json *curves, int i, const char *name, size_t points)
{
    const Json *series = json_get(curves, "series")->items[i];
    check(strcmp(json_get_string(series, "name", ""), name) == 0, "series %d is %s", i, name);
    const Json *list = json_get(series, "points");
    check(list->count == points, "%s has %d points", name, (int)list->count);
    return list;
}

static void epochs_steps_and_curves_are_as_planned(void)
{
    Toy toy = {0};
    Text text = {0};
    Error error = {0};
    char *path = fresh_path("plan.safetensors");
    check(train_toy(&toy, path, "hash", &text, &error), "%s", error.message);
    for (int e = 0; e < EPOCHS; e++) check(toy.epochs[e] == STEPS, "epoch %d", e);
    check(toy.first_count == BATCH && toy.last_count == IMAGES % BATCH, "batches of 16 and 6");
    Json *curves = json_parse(text.text, text.length, "curves", &error);
    check(curves_check(curves, "curves", &error), "%s", error.message);
    const Json *count = series_of(curves, 0, "count", EPOCHS);
    double mean = (4.0 * BATCH * BATCH + 6 * 6) / IMAGES;
    check(fabs(count->items[2]->items[1]->number - mean) < 1e-12, "mean by images");
    check(count->items[2]->items[0]->number == 3, "x is the number of finished epochs");
    const Json *late = series_of(curves, 1, "late", EPOCHS);
    check(late->items[0]->items[1]->kind == JSON_NULL, "a figure that is not computed is a gap");
    check(fabs(late->items[1]->items[1]->number - 1) < 1e-12, "and a value later");
    const Json *value = series_of(curves, 2, "value", 3); // after 2, 4 and the last
    check(value->items[2]->items[0]->number == EPOCHS, "the last epoch is evaluated");
    check(file_exists(path), "the checkpoint stays for the caller");
    json_free(curves);
    text_free(&text);
    free(path);
}

static void a_training_taken_up_at_any_checkpoint_ends_in_the_same_bits(void)
{
    char *path = fresh_path("whole.safetensors"), *keep = fresh_path("kept");
    Toy whole = {.keep = keep};
    Text curves = {0};
    Error error = {0};
    check(train_toy(&whole, path, "hash", &curves, &error), "%s", error.message);
    for (int done = 1; done < EPOCHS; done++) {
        Text kept = {0}, again = {0};
        text_append(&kept, "%s.%d", keep, done);
        char *here = fresh_path("resumed.safetensors");
        copy_file(kept.text, here);
        Toy resumed = {.keep = fresh_path("unused")};
        check(train_toy(&resumed, here, "hash", &again, &error), "%s", error.message);
        check(resumed.steps == (EPOCHS - done) * STEPS, "%d steps after %d epochs", resumed.steps,
              done);
        check(memcmp(resumed.memory, whole.memory, sizeof whole.memory) == 0, "bits after %d",
              done);
        check(strcmp(curves.text, again.text) == 0, "curves after %d:\n%s", done, again.text);
        text_free(&kept);
        text_free(&again);
        free((char *)(uintptr_t)resumed.keep);
        free(here);
    }
    Toy finished = {.keep = keep};
    Text again = {0};
    check(train_toy(&finished, path, "hash", &again, &error), "%s", error.message);
    check(finished.steps == 0 && memcmp(finished.memory, whole.memory, sizeof whole.memory) == 0,
          "a finished checkpoint needs no step");
    check(strcmp(curves.text, again.text) == 0, "its curves are whole");
    text_free(&again);
    text_free(&curves);
    free(path);
    free(keep);
}

static void a_checkpoint_of_another_configuration_is_ignored(void)
{
    char *path = fresh_path("other.safetensors");
    Toy first = {0}, second = {0};
    Text text = {0}, again = {0};
    Error error = {0};
    check(train_toy(&first, path, "one", &text, &error), "%s", error.message);
    check(train_toy(&second, path, "two", &again, &error), "%s", error.message);
    check(second.steps == EPOCHS * STEPS, "it starts from the beginning");
    Safetensors *file = safetensors_read(path, &error);
    check(strcmp(json_get_string(file->metadata, "config_hash", ""), "two") == 0,
          "and replaces it");
    safetensors_free(file);
    text_free(&text);
    text_free(&again);
    free(path);
}

// Refused in one sentence that names the file, which stays as it is.
static void refused(const char *path, const char *what)
{
    Toy toy = {0};
    Text text = {0};
    Error error = {0};
    check(!train_toy(&toy, path, "hash", &text, &error), "%s is taken up", what);
    check(strstr(error.message, path) != NULL, "%s: '%s' names the file", what, error.message);
    check(toy.steps == 0, "%s: nothing is computed", what);
    text_free(&text);
}

static void write_checkpoint(const char *path, const char *curves, const char *done, bool memory)
{
    Error error = {0};
    Toy toy = {0};
    Safetensors *file = safetensors_create();
    safetensors_set_metadata(file, "config_hash", "hash");
    safetensors_set_metadata(file, "curves", curves);
    safetensors_set_metadata(file, "epochs_done", done);
    if (memory) toy_store(&toy, file);
    check(safetensors_write(path, file, &error), "%s", error.message);
    safetensors_free(file);
}

static void a_damaged_checkpoint_is_refused(void)
{
    char *path = fresh_path("damaged.safetensors");
    Toy toy = {0};
    Text text = {0};
    Error error = {0};
    check(train_toy(&toy, path, "hash", &text, &error), "%s", error.message);
    Bytes whole;
    check(file_read(path, 1 << 26, &whole, &error), "%s", error.message);
    for (size_t length = 0; length < whole.size; length += 1 + whole.size / 9) {
        file_write(path, whole.data, length, &error);
        refused(path, "a truncated checkpoint");
    }
    file_write(path, "not a checkpoint", 16, &error);
    refused(path, "a text");
    const char *good = "{\"x\": \"epoch\", \"series\": []}";
    write_checkpoint(path, good, "2", false);
    refused(path, "a checkpoint without the state");
    const char *curves[] = {"",
                            "{",
                            "[]",
                            "{\"x\": \"epoch\"}",
                            "{\"series\": 3}",
                            "{\"series\": [{\"name\": \"count\"}]}",
                            "{\"series\": [{\"name\": \"count\", \"points\": [1]}]}"};
    for (int i = 0; i < 7; i++) {
        write_checkpoint(path, curves[i], "2", true);
        refused(path, curves[i]);
    }
    const char *done[] = {"", "0", "-1", "6", "x"};
    for (int i = 0; i < 5; i++) {
        write_checkpoint(path, good, done[i], true);
        refused(path, "a wrong number of epochs");
    }
    write_checkpoint(path, good, "5", true);
    Text again = {0};
    check(train_toy(&toy, path, "hash", &again, &error), "the good one: %s", error.message);
    bytes_free(&whole);
    text_free(&text);
    text_free(&again);
    free(path);
}

static void a_checkpoint_that_cannot_be_written_stops_the_training(void)
{
    char *path = fresh_path("no/such/directory/checkpoint.safetensors");
    Toy toy = {0};
    Text text = {0};
    Error error = {0};
    check(!train_toy(&toy, path, "hash", &text, &error), "it goes on");
    check(strstr(error.message, path) != NULL, "'%s' names the file", error.message);
    free(path);
}

// Nor is it done when it is tried again from the checkpoint before.
static void a_training_that_diverged_fails(void)
{
    char *path = fresh_path("diverged.safetensors");
    for (int try = 0; try < 2; try++) {
        Toy toy = {.diverges = true};
        Text text = {0};
        Error error = {0};
        check(!train_toy(&toy, path, "hash", &text, &error), "it counts as trained");
        check(strstr(error.message, "diverged") != NULL && strstr(error.message, "epoch 2;") != NULL,
              "'%s' says so, and when", error.message);
    }
    free(path);
}

// ---- the classifier, killed ----

static const char *program; // this test: it runs itself as the process to be killed

// The attack's own networks; nothing where it has none.
static bool save_attack(const Attack *attack, const char *path, Error *error)
{
    Safetensors *file = safetensors_create();
    attack_store(attack, false, file);
    bool ok = safetensors_write(path, file, error);
    safetensors_free(file);
    return ok;
}

// Trains a classifier under this attack with a checkpoint after each epoch; writes weights and
// curves when done.
static int train_and_write(const char *name, const char *directory)
{
    Error error = {0};
    const AttackMethod *method = attack_method_find(name, &error);
    load_digits(getenv("SIEVE_TEST_SMALL") ? 100 : method->pretrain ? 200 : 600);
    const char *overrides[] = {"classifier.epochs=6", "classifier.batch_size=50"};
    Json *settings = settings_resolve(classifier_settings, "classifier", SCALE_QUICK,
                                      &(Overrides){2, overrides});
    Attack attack = {.method = method,
                     .data = "digits",
                     .height = 28,
                     .width = 28,
                     .channels = 1,
                     .classes = 10,
                     .deviation = {1},
                     .settings =
                         settings_resolve(method->settings, name, SCALE_QUICK, &(Overrides){0})};
    attack_create(&attack, &error);
    char *networks = path_join(directory, "networks"),
         *checkpoint = path_join(directory, "checkpoint"),
         *weights = path_join(directory, "weights");
    char *curves_path = path_join(directory, "curves");
    ClassifierTraining training = {.classifier =
                                       classifier_create("mnist-wanet", 28, 28, 1, 10, &error),
                                   .attack = &attack,
                                   .settings = settings,
                                   .train = &dataset,
                                   .test = &other,
                                   .checkpoint = checkpoint,
                                   .config_hash = "hash",
                                   .quiet = true};
    Curves curves = {0};
    double seconds;
    bool ok = train_classifier(&training, &curves, &seconds, &error) &&
              parameters_save(&training.classifier->parameters, weights, &error) &&
              save_attack(&attack, networks, &error) &&
              json_write(curves_path, curves.json, &error);
    if (!ok) fprintf(stderr, "%s\n", error.message);
    classifier_free(training.classifier);
    attack_free(&attack);
    curves_free(&curves);
    json_free(settings);
    dataset_free(&dataset);
    dataset_free(&other);
    free(checkpoint);
    free(weights);
    free(curves_path);
    free(networks);
    return ok ? 0 : 1;
}

static pid_t start(const char *attack, const char *directory)
{
    pid_t process = -1;
    char *arguments[] = {(char *)(uintptr_t)program, "--train", (char *)(uintptr_t)attack,
                         (char *)(uintptr_t)directory, NULL};
    extern char **environ;
    check(posix_spawn(&process, program, NULL, NULL, arguments, environ) == 0, "starts");
    return process;
}

static int ended(pid_t process)
{
    int status = -1;
    waitpid(process, &status, 0);
    return status;
}

static int epochs_in(const char *checkpoint)
{
    if (!file_exists(checkpoint)) return 0;
    Safetensors *file = safetensors_read(checkpoint, NULL); // whole at any moment
    check(file != NULL, "a checkpoint is never half a file");
    int done = file ? atoi(json_get_string(file->metadata, "epochs_done", "0")) : 0;
    safetensors_free(file);
    return done;
}

static void same_file(const char *a, const char *b, const char *name)
{
    Error error = {0};
    Bytes one = {0}, two = {0};
    char *first = path_join(a, name), *second = path_join(b, name);
    if (check(file_read(first, 1 << 26, &one, &error) && file_read(second, 1 << 26, &two, &error),
              "%s", error.message))
        check(one.size == two.size && memcmp(one.data, two.data, one.size) == 0, "%s is the same",
              name);
    bytes_free(&one);
    bytes_free(&two);
    free(first);
    free(second);
}

static void kill_and_compare(const char *attack)
{
    Error error = {0};
    char *parent = fresh_path(attack);
    char *whole = path_join(parent, "undisturbed"), *broken = path_join(parent, "killed");
    directory_create(whole, &error);
    directory_create(broken, &error);
    check(ended(start(attack, whole)) == 0, "the undisturbed training");
    char *checkpoint = path_join(broken, "checkpoint");
    for (int epoch = 1; epoch < 6; epoch += 2) { // killed after 1, 3 and 5 epochs at the earliest
        pid_t process = start(attack, broken);
        int status = 0;
        while (epochs_in(checkpoint) < epoch && waitpid(process, &status, WNOHANG) == 0)
            nanosleep(&(struct timespec){0, 2000000}, NULL);
        kill(process, SIGKILL);
        ended(process);
    }
    check(epochs_in(checkpoint) >= 5, "it went on each time");
    check(ended(start(attack, broken)) == 0, "the last start");
    same_file(whole, broken, "weights");
    same_file(whole, broken, "networks");
    same_file(whole, broken, "curves");
    free(checkpoint);
    free(parent);
    free(whole);
    free(broken);
}

static void a_killed_training_goes_on_to_the_same_bits(void)
{
    kill_and_compare("badnet+");
}

// Killed while its mask generator learns, and while the pattern generator does.
static void so_does_one_of_an_attack_with_networks(void)
{
    kill_and_compare("input-aware");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"epochs_steps_and_curves_are_as_planned", epochs_steps_and_curves_are_as_planned},
        {"a_training_taken_up_at_any_checkpoint_ends_in_the_same_bits",
         a_training_taken_up_at_any_checkpoint_ends_in_the_same_bits},
        {"a_checkpoint_of_another_configuration_is_ignored",
         a_checkpoint_of_another_configuration_is_ignored},
        {"a_damaged_checkpoint_is_refused", a_damaged_checkpoint_is_refused},
        {"a_checkpoint_that_cannot_be_written_stops_the_training",
         a_checkpoint_that_cannot_be_written_stops_the_training},
        {"a_training_that_diverged_fails", a_training_that_diverged_fails},
        {"a_killed_training_goes_on_to_the_same_bits", a_killed_training_goes_on_to_the_same_bits},
        {"so_does_one_of_an_attack_with_networks", so_does_one_of_an_attack_with_networks}};
    program = argv[0];
    if (argc == 4 && strcmp(argv[1], "--train") == 0) return train_and_write(argv[2], argv[3]);
    int status = TESTS_RUN(tests);
    dataset_free(&dataset);
    dataset_free(&other);
    return status;
}
