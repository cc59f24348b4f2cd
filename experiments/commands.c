#include "experiments/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/json.h"
#include "core/ops.h"
#include "core/thread.h"
#include "cuda/check.h"
#include "data/picture_file.h"
#include "experiments/cell.h"
#include "experiments/figure.h"
#include "experiments/paper_table.h"
#include "experiments/report/report.h"
#include "experiments/request.h"
#include "experiments/result_table.h"

int command_failed(const Error *error, int status)
{
    fprintf(stderr, "sieve: %s\n", error->message);
    return status;
}

static void use_threads(const Options *options)
{
    if (options->threads > 0) threads_set((int)options->threads);
}

bool outputs_check(const Options *options, Error *error)
{
    const char *paths[] = {options->json, options->output};
    for (int i = 0; i < 2; i++) {
        if (!paths[i]) continue;
        if (directory_exists(paths[i]))
            return fail(error, "%s: is a directory, a file is wanted", paths[i]);
        char *parent = copy_string(paths[i]), *slash = strrchr(parent, '/');
        if (slash) slash[slash == parent] = '\0';
        bool ok = !slash || directory_exists(parent) ||
                  fail(error, "%s: the directory %s does not exist", paths[i], parent);
        free(parent);
        if (!ok) return false;
    }
    return true;
}

static bool write_records(const char *path, const Json *records, Error *error)
{
    return !path || json_write(path, records->count == 1 ? records->items[0] : records, error);
}

// Every defense of the comma-separated list in front of one classifier. The records are the
// caller's; NULL on failure.
static Json *run_cells(const Options *options, const char *defenses, Error *error)
{
    Subject subject;
    if (!subject_create(options, &subject, error)) return NULL;
    Json *records = json_array();
    char *names = copy_string(defenses), *rest = NULL;
    bool ok = true;
    for (char *name = strtok_r(names, ",", &rest); ok && name; name = strtok_r(NULL, ",", &rest)) {
        Json *record = cell_run(&subject, name, error);
        ok = record != NULL;
        if (ok) json_push(records, record);
    }
    free(names);
    subject_free(&subject);
    if (ok) return records;
    json_free(records);
    return NULL;
}

static int run(const Options *options, const char *defenses)
{
    Error error = {0};
    Json *records = run_cells(options, defenses, &error);
    if (!records) return command_failed(&error, 1);
    char *report = path_join(options->out, "report.html");
    bool ok =
        write_records(options->json, records, &error) && report_write(options->out, report, &error);
    if (ok) {
        result_table_print(records);
        printf("\nreport: %s\n", report);
    }
    json_free(records);
    free(report);
    return ok ? 0 : command_failed(&error, 1);
}

int command_run(const Options *options)
{
    Error error = {0};
    if (!options->defense)
        return command_failed(
            (fail(&error, "run: --defense NAMES is wanted (ip,if,vif,aif,none)"), &error), 2);
    int status = request_check(options, &error);
    if (status) return command_failed(&error, status);
    if (!request_device(options, &error) || !outputs_check(options, &error))
        return command_failed(&error, 1);
    use_threads(options);
    return run(options, options->defense);
}

int command_demo(const Options *options)
{
    Error error = {0};
    if (!request_device(options, &error) || !outputs_check(options, &error))
        return command_failed(&error, 1);
    use_threads(options);
    if (!options->quiet)
        printf(
            "A classifier of drawn digits learns a Trojan (BadNet+): any image with one of 20 "
            "small\n"
            "patches becomes a 0. Then two filters are trained on clean images only, and put in\n"
            "front of it: VIF (variational input filtering) and AIF (adversarial input "
            "filtering).\n\n");
    fflush(stdout);
    return run(options, "vif,aif");
}

// ", cross accuracy 96.05 %" where the attack has images that must not fire.
static void print_decoy_accuracy(const Subject *subject)
{
    const char *decoy = subject->attack.method->decoy_name;
    if (!decoy) return;
    Text name = {0};
    text_append(&name, "%s_accuracy", decoy);
    printf(", %s accuracy %.2f %%", decoy, json_get_number(subject->result, name.text, 0));
    text_free(&name);
}

int command_train(const Options *options)
{
    Error error = {0};
    int status = request_check(options, &error);
    if (status) return command_failed(&error, status);
    if (!request_device(options, &error) || !outputs_check(options, &error))
        return command_failed(&error, 1);
    use_threads(options);
    Subject subject;
    if (!subject_create(options, &subject, &error)) return command_failed(&error, 1);
    bool ok = (!options->output ||
               parameters_save(&subject.classifier->parameters, options->output, &error)) &&
              (!options->json || json_write(options->json, subject.result, &error));
    if (ok) {
        printf("%s under %s: clean accuracy %.2f %%", subject.classifier->name, options->attack,
               json_get_number(subject.result, "clean_accuracy", 0));
        if (json_get(subject.result, "trojan_accuracy"))
            printf(", Trojan accuracy %.2f %%",
                   json_get_number(subject.result, "trojan_accuracy", 0));
        if (json_get(subject.result, "found"))
            printf(", success of the triggers found %.2f %%",
                   json_get_number(subject.result, "ASR", 0));
        print_decoy_accuracy(&subject);
        if (options->output)
            printf("\nweights: %s\n", options->output);
        else
            printf("\nweights: %s/model.safetensors\n", subject.directory);
    }
    subject_free(&subject);
    return ok ? 0 : command_failed(&error, 1);
}

int command_poison(const Options *options)
{
    Error error = {0};
    const char *folder = options->poisoned;
    if (!folder)
        return command_failed((fail(&error, "poison: --poisoned DIR is wanted"), &error), 2);
    int status = request_check(options, &error);
    if (status) return command_failed(&error, status);
    if (!request_device(options, &error)) return command_failed(&error, 1);
    use_threads(options);
    Options making = *options; // not reading
    making.poisoned = NULL;
    Subject subject;
    if (!subject_load(&making, &subject, &error)) return command_failed(&error, 1);
    Json *attack = subject_attack(&subject);
    bool ok = poisoned_set_write(folder, &subject.train, &subject.truth, attack, &error);
    json_free(attack);
    if (ok)
        printf("%s: %lld training images of %s, %lld of them stamped by %s\n", folder,
               (long long)subject.train.count, subject.source->name,
               (long long)subject.truth.stamped_count, options->attack);
    subject_free(&subject);
    return ok ? 0 : command_failed(&error, 1);
}

int command_report(const Options *options)
{
    Error error = {0};
    if (options->operand_count != 1)
        return command_failed((fail(&error, "report: one result directory is wanted"), &error), 2);
    char *path = options->output ? copy_string(options->output)
                                 : path_join(options->operands[0], "report.html");
    bool ok = report_write(options->operands[0], path, &error);
    if (ok) printf("report: %s\n", path);
    free(path);
    return ok ? 0 : command_failed(&error, 1);
}

int command_table(const Options *options)
{
    Error error = {0};
    Text text = {0};
    bool ok = true;
    if (options->operand_count > 1)
        return command_failed((fail(&error, "table: one name is wanted"), &error), 2);
    if (options->operand_count == 0 && options->commands)
        return command_failed((fail(&error, "table: --commands wants a table's name"), &error), 2);
    if (options->operand_count == 1 && !paper_table_check(options->operands[0], &error))
        return command_failed(&error, 2);
    if (options->operand_count == 0)
        paper_table_list(&text);
    else if (options->commands)
        ok = paper_table_commands(options->operands[0], options->out, &text, &error);
    else
        ok = paper_table(options->operands[0], options->out, &text, &error);
    if (ok) fputs(text.text, stdout);
    text_free(&text);
    return ok ? 0 : command_failed(&error, 1);
}

// Every kernel of the device against the processor's.
static int check_kernels(const Options *options)
{
    enum { ROUNDS = 12 };
    Error error = {0};
    if (strcmp(options->device, "cpu") == 0)
        return command_failed(
            (fail(&error, "ops: --check compares --device cuda with the cpu"), &error), 2);
    const Kernels *kernels = device_kernels(options->device, options->precision, &error);
    if (!kernels) return command_failed(&error, 1);
    if (device_description()) printf("%s\n", device_description());
    int passed = 0;
    int failed = device_check(kernels, options->precision, 1, ROUNDS, stdout, &passed);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}

// Without a name the list.
static int figure_command(FigureKind kind, const char *command, const Options *options)
{
    Error error = {0};
    Text text = {0};
    if (options->operand_count > 1)
        return command_failed((fail(&error, "%s: one name is wanted", command), &error), 2);
    int status =
        options->operand_count == 1 ? figure_check(kind, options->operands[0], options, &error) : 0;
    if (status) return command_failed(&error, status);
    use_threads(options);
    bool ok = true;
    if (options->operand_count == 0)
        figure_list(kind, &text);
    else
        ok = figure_make(kind, options->operands[0], options, &text, &error);
    if (ok) fputs(text.text, stdout);
    text_free(&text);
    return ok ? 0 : command_failed(&error, 1);
}

int command_figure(const Options *options)
{
    return figure_command(FIGURE_OF_PAPER, "figure", options);
}

int command_study(const Options *options)
{
    return figure_command(FIGURE_STUDY, "study", options);
}

int command_ops(const Options *options)
{
    int count;
    if (options->check) return check_kernels(options);
    const OperatorInfo *list = operator_list(&count);
    Error error = {0};
    printf("%d operators, each forward and backward on: cpu (%s)", count, cpu_kernels()->name);
    if (device_kernels("cuda", options->precision, &error))
        printf(", cuda (%s)\n\n", device_description());
    else
        printf("\nnot on cuda: %s\n\n", error.message);
    for (int i = 0; i < count; i++) printf("  %-26s %s\n", list[i].name, list[i].formula);
    return 0;
}

int command_image(const Options *options)
{
    Error error = {0};
    if (options->operand_count != 1)
        return command_failed((fail(&error, "image: one picture is wanted"), &error), 2);
    if (!options->output || !picture_writable(options->output))
        return command_failed(
            (fail(&error, "image: -o FILE is wanted, ending in .png, .ppm or .pgm"), &error), 2);
    Picture picture;
    bool ok =
        outputs_check(options, &error) && picture_read(options->operands[0], &picture, &error);
    if (!ok) return command_failed(&error, 1);
    ok = picture_write(options->output, &picture, &error);
    picture_free(&picture);
    return ok ? 0 : command_failed(&error, 1);
}
