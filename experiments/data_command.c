// `sieve data NAME`: what a data set holds, on the screen, as a contact sheet, and as JSON.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/thread.h"
#include "data/picture_file.h"
#include "experiments/commands.h"
#include "experiments/data_summary.h"

static void print_sources(void)
{
    const DataSource *source;
    for (int i = 0; (source = data_source_at(i)) != NULL; i++) {
        char name[32], shape[48] = "as in the files";
        snprintf(name, sizeof name, "%s%s", source->name, source->takes_path ? ":PATH" : "");
        if (source->height && source->classes)
            snprintf(shape, sizeof shape, "%dx%dx%d, %d classes", source->height, source->width,
                     source->channels, source->classes);
        printf("  %-12s %-24s %s\n", name, shape, source->place);
    }
}

static void print_numbers(const Json *list)
{
    for (size_t i = 0; i < list->count; i++) printf(" %.4f", list->items[i]->number);
}

static void print_summary(const DataSource *source, const Json *summary, const char *sheet)
{
    const Json *train = json_get(summary, "train_per_class");
    const Json *test = json_get(summary, "test_per_class");
    printf("%s: images of %dx%d with %d channel%s, %d classes\n\n  %-34s %9s %9s\n", source->name,
           source->height, source->width, source->channels, source->channels == 1 ? "" : "s",
           source->classes, "class", "training", "test");
    for (int i = 0; i < source->classes; i++)
        printf("  %4d  %-28s %9.0f %9.0f\n", i, source->class_names ? source->class_names[i] : "",
               train->items[i]->number, test->items[i]->number);
    printf("  %-34s %9.0f %9.0f\n\nmean of each channel", "together",
           json_get_number(summary, "train_images", 0), json_get_number(summary, "test_images", 0));
    print_numbers(json_get(summary, "mean"));
    printf(", standard deviation");
    print_numbers(json_get(summary, "std"));
    printf(" (training images)\nSHA-256 of labels and images: %s\ncontact sheet: %s\n",
           json_get_string(summary, "sha256", ""), sheet);
}

// Where the sheet goes: -o, or OUT/data/NAME.png, whose directory is made. NULL on failure.
static char *sheet_path(const Options *options, const DataSource *source, Error *error)
{
    if (options->output) return copy_string(options->output);
    char *directory = path_join(options->out, "data");
    Text name = {0};
    text_append(&name, "%s.png", source->name);
    char *path = directory_create(directory, error) ? path_join(directory, name.text) : NULL;
    text_free(&name);
    free(directory);
    return path;
}

static bool show(const Options *options, const DataSource *source, const DataRequest *request,
                 Error *error)
{
    Dataset train, test;
    if (!dataset_load(source, request, &train, &test, error)) return false;
    data_notes_print(&train, &test);
    Json *summary = data_summary(source, &train, &test);
    Picture sheet = data_contact_sheet(&train);
    char *path = sheet_path(options, source, error);
    bool ok = path && picture_write(path, &sheet, error);
    if (ok) json_set(summary, "contact_sheet", json_string(path));
    ok = ok && (!options->json || json_write(options->json, summary, error));
    if (ok && !options->quiet) print_summary(source, summary, path);
    free(path);
    picture_free(&sheet);
    json_free(summary);
    dataset_free(&train);
    dataset_free(&test);
    return ok;
}

int command_data(const Options *options)
{
    Error error = {0};
    if (options->operand_count == 0) {
        print_sources();
        return 0;
    }
    if (options->operand_count > 1)
        return command_failed((fail(&error, "data: one data set is wanted"), &error), 2);
    const char *name = options->operands[0];
    DataRequest request = data_request(options);
    const DataSource *row = data_source_find(name, &error);
    bool fits = row && (!options->image_size || row->takes_path ||
                        fail(&error, "--image-size: the images of %s have one size", name));
    if (!fits) return command_failed(&error, 2);
    if (options->output && !picture_writable(options->output))
        return command_failed(
            (fail(&error, "-o %s: a name that ends in .png or .ppm is wanted", options->output),
             &error),
            2);
    if (!outputs_check(options, &error)) return command_failed(&error, 1);
    if (options->threads > 0) threads_set((int)options->threads);
    DataSource *source = data_source_open(name, &request, &error);
    bool ok = source && show(options, source, &request, &error);
    data_source_close(source);
    return ok ? 0 : command_failed(&error, 1);
}
