#include "experiments/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "experiments/augmentation.h"
#include "experiments/cell_files.h"
#include "experiments/classifier_training.h"
#include "experiments/data_summary.h"
#include "experiments/evaluation.h"
#include "experiments/machine.h"

enum { QUICK_TRAIN = 10000, QUICK_TEST = 8000 }; // samples of the built-in data at the quick scale

const char *model_name(const Options *options, const DataSource *source)
{
    return options->model ? options->model : source->default_model;
}

// Where the tensors that stay as they are come from, and the digest of a file's.
static void describe_extractor(const Subject *s, Json *config)
{
    Sha256 hash;
    char hex[65];
    const Parameters *parameters = &s->classifier->parameters;
    bool given = s->attack.extractor != NULL;
    json_set(config, "extractor", json_string(given ? "given" : "trained on the training set"));
    if (!given) return;
    sha256_begin(&hash);
    for (int i = 0; i < parameters->count && parameters->items[i].kept; i++) {
        const Tensor *tensor = parameters->items[i].tensor;
        sha256_update(&hash, tensor->data, sizeof(float) * (size_t)tensor->count);
    }
    sha256_end_hex(&hash, hex);
    json_set(config, "extractor_sha256", json_string(hex));
}

// What is in files, whose name alone does not tell it. Of a folder that the user calls a poisoned
// set its samples and what it says of them (a "hash": with other seeds there are other folders).
static void describe_files(const Subject *s, Json *config)
{
    const PoisonTruth *truth = &s->truth;
    char hex[65];
    Sha256 hash;
    if (s->data_sha256[0]) json_set(config, "data_sha256", json_string(s->data_sha256));
    if (!s->options->poisoned) return;
    dataset_digest(&s->train, &s->test, hex);
    sha256_begin(&hash);
    sha256_update(&hash, hex, 64);
    sha256_update(&hash, truth->labels, (size_t)truth->count * sizeof *truth->labels);
    sha256_update(&hash, truth->stamped, (size_t)truth->count);
    sha256_end_hex(&hash, hex);
    json_set(config, "poisoned_set_hash", json_string(hex));
}

// Of the classifier's training.
static Json *training_settings(const Subject *s)
{
    const Options *o = s->options;
    Json *settings = settings_resolve_better(classifier_settings, s->attack.method->training,
                                             "classifier", o->scale, &o->overrides);
    augmentation_complete(settings, s->attack.method->none_paper ? &s->source->none_augmentation
                                                                 : &s->source->augmentation);
    return settings;
}

static Json *classifier_config(const Subject *s, const char *model)
{
    const Options *o = s->options;
    Json *config = json_object();
    json_set(config, "data", json_string(s->source->name));
    describe_files(s, config);
    json_set(config, "train_samples", json_number((double)s->train.count));
    json_set(config, "test_samples", json_number((double)s->test.count));
    json_set(config, "model", json_string(model));
    json_set(config, "attack", json_string(o->attack));
    json_set(config, "mode", json_string(o->mode));
    if (!s->attack.all_targets) json_set(config, "target", json_number((double)o->target));
    json_set(config, "seed", json_number((double)o->seed));
    json_set(config, "scale", json_string(scale_name(o->scale)));
    json_set(config, "attack_settings", json_copy(s->attack.settings));
    if (s->trigger_images.count > 0)
        json_set(config, "trigger_images", trigger_images_hashes(&s->trigger_images));
    if (s->attack.method->takes_extractor) describe_extractor(s, config);
    json_set(config, "classifier_settings", training_settings(s));
    if (strcmp(o->device, "cpu") != 0) { // other last bits
        json_set(config, "device", json_string(o->device));
        json_set(config, "precision", json_string(o->precision_text));
    }
    if (cpu_arithmetic()) json_set(config, "arithmetic", json_string(cpu_arithmetic()));
    return config;
}

void config_hash(const Json *config, char hex[65])
{
    Text text = {0};
    json_print(config, &text);
    sha256_hex(text.text, text.length, hex);
    text_free(&text);
}

// OUT/KIND/data_model_attack_mode[_defense]_sSEED_scale_HASH, made where it is missing; NULL on
// failure.
char *make_directory(const Subject *s, const char *kind, const char *defense, const char *hash,
                     Error *error)
{
    const Options *o = s->options;
    Text path = {0};
    text_append(&path, "%s/%s/%s_%s_%s_%s%s%s_s%lld_%s_%.8s", o->out, kind, s->source->name,
                s->classifier->name, o->attack, o->mode, defense ? "_" : "", defense ? defense : "",
                (long long)o->seed, scale_name(o->scale), hash);
    if (!directory_create(path.text, error)) text_free(&path);
    return path.text;
}

// " NAME WORD" as a shell reads it: in quotes where the word has anything that a shell would take
// for its own.
static void append_option(Text *text, const char *name, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=.,:/@%";
    const bool quoted = !*word || word[strspn(word, plain)];
    text_append(text, quoted ? " %s '" : " %s ", name);
    for (; *word; word++) text_append(text, quoted && *word == '\'' ? "'\\''" : "%c", *word);
    if (quoted) text_append(text, "'");
}

// The command that computes a cell again, without what does not change its result (threads,
// places).
static void command_text(const Subject *s, const char *defense, Text *text)
{
    const Options *o = s->options;
    text_append(text, "sieve %s", defense ? "run" : "train");
    append_option(text, "--data", o->data);
    text_append(text, " --model %s --attack %s --mode %s", s->classifier->name, o->attack, o->mode);
    if (!s->attack.all_targets) text_append(text, " --target %lld", (long long)o->target);
    if (o->trigger_images) append_option(text, "--trigger-images", o->trigger_images);
    if (o->extractor) append_option(text, "--extractor", o->extractor);
    if (defense) text_append(text, " --defense %s", defense);
    if (o->image_size) text_append(text, " --image-size %s", o->image_size);
    if (o->poisoned) append_option(text, "--poisoned", o->poisoned);
    if (o->train_images) text_append(text, " --train-images %lld", (long long)o->train_images);
    if (o->test_images) text_append(text, " --test-images %lld", (long long)o->test_images);
    if (defense && o->filter) text_append(text, " --filter %s", o->filter);
    text_append(text, " --seed %lld --scale %s", (long long)o->seed, scale_name(o->scale));
    if (strcmp(o->device, "cpu") != 0)
        text_append(text, " --device %s --precision %s", o->device, o->precision_text);
    for (int i = 0; i < o->overrides.count; i++)
        append_option(text, "--set", o->overrides.texts[i]);
}

// The fields that a classifier's and a cell's result begin with.
Json *record_start(const Subject *s, const char *defense)
{
    Json *record = json_object();
    static const char *const copied[] = {"data", "model", "attack", "mode", "target", NULL};
    for (int i = 0; copied[i]; i++)
        if (json_get(s->config, copied[i]))
            json_set(record, copied[i], json_copy(json_get(s->config, copied[i])));
    if (defense) json_set(record, "defense", json_string(defense));
    json_set(record, "seed", json_copy(json_get(s->config, "seed")));
    json_set(record, "scale", json_copy(json_get(s->config, "scale")));
    return record;
}

void record_finish(const Subject *s, const char *defense, const Json *config, const char *hash,
                   Json *seconds, Json *record)
{
    Text command = {0};
    command_text(s, defense, &command);
    json_set(seconds, "machine", json_string(machine_text()));
    json_set(record, "seconds", seconds);
    json_set(record, "config_hash", json_string(hash));
    json_set(record, "version", json_string(program_version()));
    json_set(record, "command", json_string(command.text));
    json_set(record, "config", json_copy(config));
    text_free(&command);
}
// ---- the classifier ----

static bool load_data(const Options *o, Subject *s, Error *error)
{
    DataRequest request = data_request(o);
    s->source = data_source_open(o->data, &request, error);
    if (!s->source) return false;
    if (s->source->built_in && o->scale == SCALE_QUICK) {
        if (!request.train_count) request.train_count = QUICK_TRAIN;
        if (!request.test_count) request.test_count = QUICK_TEST;
    }
    if (!dataset_load(s->source, &request, &s->train, &s->test, error)) return false;
    data_notes_print(&s->train, &s->test);
    if (!s->source->built_in || o->poisoned) dataset_digest(&s->train, &s->test, s->data_sha256);
    s->split = defense_split(&s->test);
    if (s->split.validation_count == 0 || s->split.test_count == 0)
        return fail(error,
                    "%s: %lld test images are too few to divide between defender and measurement",
                    s->source->name, (long long)s->test.count);
    return true;
}

// What all networks of a run see of a pixel: (x - mean) / deviation.
static void set_normalisation(Subject *s)
{
    Json *settings = training_settings(s);
    double mean[3], deviation[3] = {0};
    if (setting(settings, "standardise") > 0) dataset_moments(&s->train, mean, deviation);
    for (int c = 0; c < s->source->channels; c++) {
        bool own = deviation[c] > 0;
        s->attack.mean[c] = own ? (float)mean[c] : s->source->mean[c];
        s->attack.deviation[c] = own ? (float)deviation[c] : s->source->std[c];
    }
    json_free(settings);
}

static bool create_attack(const Options *o, Subject *s, Error *error)
{
    const AttackMethod *method = attack_method_find(o->attack, error);
    if (!method || (o->trigger_images &&
                    !trigger_images_read(o->trigger_images, s->source->width, s->source->height,
                                         s->source->channels, &s->trigger_images, error)))
        return false;
    const Kernels *kernels = device_kernels(o->device, o->precision, error);
    if (!kernels) return false;
    s->attack = (Attack){
        .method = method,
        .data = s->source->name,
        .height = s->source->height,
        .width = s->source->width,
        .channels = s->source->channels,
        .classes = s->source->classes,
        .all_targets = strcmp(o->mode, "all") == 0,
        .target = (int)o->target,
        .seed = (uint64_t)o->seed,
        .settings = settings_resolve(method->settings, method->name, o->scale, &o->overrides),
        .kernels = kernels,
        .pictures = s->trigger_images.pictures,
        .picture_count = s->trigger_images.count,
        .model = model_name(o, s->source),
        .extractor = o->extractor};
    set_normalisation(s);
    return attack_create(&s->attack, error);
}

static Evaluation classifier_evaluation(const Subject *s)
{
    return (Evaluation){.classifier = s->classifier,
                        .attack = &s->attack,
                        .dataset = &s->test,
                        .count = s->test.count,
                        .seed = (uint64_t)s->options->seed};
}

const Predictions *subject_predictions(const Subject *s)
{
    Evaluation evaluation = classifier_evaluation(s);
    if (s->predictions->count == 0) *s->predictions = predict(&evaluation);
    return s->predictions;
}

static Json *classifier_record(const Subject *s, const char *hash, double seconds)
{
    Metrics m = metrics(subject_predictions(s), &s->attack);
    Json *record = record_start(s, NULL), *times = json_object();
    json_set(record, "clean_accuracy", json_number(m.clean_accuracy));
    if (attack_plants_trojan(&s->attack))
        json_set(record, "trojan_accuracy", json_number(m.trojan_accuracy));
    json_set(record, "BA", json_number(m.clean_accuracy)); // the NONE paper's names
    if (attack_plants_trojan(&s->attack)) json_set(record, "ASR", json_number(m.ASR));
    attack_search(&s->attack, s->classifier, &s->test, s->options->quiet, record);
    if (s->truth.count > 0)
        json_set(record, "poisoned_samples", json_number((double)s->truth.stamped_count));
    if (s->attack.method->decoy) {
        Text name = {0};
        text_append(&name, "%s_accuracy", s->attack.method->decoy_name);
        json_set(record, name.text, json_number(m.decoy_accuracy));
        text_free(&name);
    }
    json_set(times, "classifier", json_number(seconds));
    record_finish(s, NULL, s->config, hash, times, record);
    return record;
}

// attack.safetensors: the networks that make the triggers, where the attack has any.
static bool save_attack(const Subject *s, Error *error)
{
    if (s->attack.network_count == 0) return true;
    char *path = path_join(s->directory, "attack.safetensors");
    Safetensors *file = safetensors_create();
    attack_store(&s->attack, false, file);
    bool ok = safetensors_write(path, file, error);
    safetensors_free(file);
    free(path);
    return ok;
}

static bool load_attack(Subject *s, Error *error)
{
    if (s->attack.network_count == 0) return true;
    char *path = path_join(s->directory, "attack.safetensors");
    Safetensors *file = safetensors_read(path, error);
    bool ok = file && attack_restore(&s->attack, false, file, path, error);
    safetensors_free(file);
    free(path);
    return ok;
}

static bool train_subject(Subject *s, const char *hash, Error *error)
{
    char *checkpoint = path_join(s->directory, "checkpoint.safetensors");
    char *weights = path_join(s->directory, "model.safetensors");
    ClassifierTraining training = {.classifier = s->classifier,
                                   .attack = &s->attack,
                                   .settings = json_get(s->config, "classifier_settings"),
                                   .train = &s->train,
                                   .test = &s->test,
                                   .seed = (uint64_t)s->options->seed,
                                   .checkpoint = checkpoint,
                                   .config_hash = hash,
                                   .checkpoint_interval = CHECKPOINT_INTERVAL,
                                   .quiet = s->options->quiet};
    Curves curves;
    double seconds;
    bool ok = train_classifier(&training, &curves, &seconds, error);
    if (ok) {
        Evaluation evaluation = classifier_evaluation(s);
        s->result = classifier_record(s, hash, seconds);
        ok = parameters_save(&s->classifier->parameters, weights, error) && save_attack(s, error) &&
             cell_write_samples(s->directory, &evaluation, NULL, error) &&
             cell_write_json(s->directory, "curves.json", curves.json, error) &&
             cell_write_json(s->directory, "result.json", s->result, error);
        curves_free(&curves);
        if (ok) cell_tidy(s->directory);
    }
    free(checkpoint);
    free(weights);
    return ok;
}

static bool read_subject(Subject *s, const char *hash, Error *error)
{
    char *weights = path_join(s->directory, "model.safetensors");
    s->result = cell_read_result(s->directory, hash, error);
    bool ok = s->result && parameters_load(&s->classifier->parameters, weights, error) &&
              load_attack(s, error);
    free(weights);
    return ok;
}

static bool find_or_train(Subject *s, Error *error)
{
    const DataSource *d = s->source;
    const char *model = model_name(s->options, d);
    s->classifier = classifier_create(model, d->height, d->width, d->channels, d->classes, error);
    if (!s->classifier) return false;
    classifier_set_mean_std(s->classifier, s->attack.mean, s->attack.deviation);
    if (s->attack.method->prepare && !s->attack.method->prepare(&s->attack, s->classifier, error))
        return false;
    s->config = classifier_config(s, model); // reads weights, hence before they move
    classifier_move(s->classifier, s->attack.kernels);
    attack_move(&s->attack, s->attack.kernels);
    char hash[65];
    config_hash(s->config, hash);
    s->directory = make_directory(s, "classifiers", NULL, hash, error);
    if (!s->directory) return false;
    bool ok =
        cell_finished(s->directory) ? read_subject(s, hash, error) : train_subject(s, hash, error);
    parameters_freeze(&s->classifier->parameters, true);
    return ok;
}

// What the defender has of the training set, drawn before the attack gets at it.
static void draw_clean(Subject *s)
{
    RandomKey key = {(uint64_t)s->options->seed, random_purpose("defender's clean samples"), 0};
    s->clean = dataset_draw(&s->train, s->train.count * DEFENDER_PERCENT / 100, key);
}

Json *subject_attack(const Subject *s)
{
    const Options *o = s->options;
    const Json *settings = s->attack.settings;
    Json *made = json_object();
    json_set(made, "data", json_string(s->source->name));
    json_set(made, "attack", json_string(o->attack));
    json_set(made, "mode", json_string(o->mode));
    if (!s->attack.all_targets) json_set(made, "target", json_number((double)o->target));
    json_set(made, "seed", json_number((double)o->seed));
    for (size_t i = 0; i < settings->count; i++) {
        Text name = {0};
        text_append(&name, "%s.%s", o->attack, settings->names[i]);
        json_set(made, name.text, json_copy(settings->items[i]));
        text_free(&name);
    }
    return made;
}

static bool read_poisoned(Subject *s, Error *error)
{
    Json *attack = subject_attack(s);
    bool ok = poisoned_set_read(s->options->poisoned, attack, &s->train, &s->truth, error);
    if (ok && s->attack.method->take_truth) s->attack.method->take_truth(&s->attack, &s->truth);
    json_free(attack);
    return ok;
}

// The training set as the attack leaves it, or as the user says it did.
static bool poison_data(Subject *s, Error *error)
{
    if (s->options->poisoned) return read_poisoned(s, error);
    if (s->attack.method->takes_extractor && !s->attack.extractor && !s->options->quiet)
        fprintf(stderr,
                "sieve: %s: no --extractor: a network is trained on the %lld training images and "
                "taken over\n",
                s->attack.method->name, (long long)s->train.count);
    return attack_poison_set(&s->attack, &s->train, &s->truth, error);
}

bool subject_load(const Options *options, Subject *s, Error *error)
{
    *s = (Subject){.options = options, .predictions = allocate_zeroed(sizeof *s->predictions)};
    bool ok = load_data(options, s, error) && create_attack(options, s, error);
    if (ok) draw_clean(s);
    if (ok && poison_data(s, error)) return true;
    subject_free(s);
    return false;
}

bool subject_create(const Options *options, Subject *s, Error *error)
{
    if (!subject_load(options, s, error)) return false;
    if (find_or_train(s, error)) return true;
    subject_free(s);
    return false;
}

void subject_free(Subject *s)
{
    data_source_close(s->source);
    dataset_free(&s->train);
    dataset_free(&s->clean);
    dataset_free(&s->test);
    poison_truth_free(&s->truth);
    defense_split_free(&s->split);
    if (s->attack.method) attack_free(&s->attack);
    trigger_images_free(&s->trigger_images);
    classifier_free(s->classifier);
    json_free(s->config);
    json_free(s->result);
    free(s->directory);
    if (s->predictions) predictions_free(s->predictions);
    free(s->predictions);
    *s = (Subject){0};
}
