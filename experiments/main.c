// sieve: the command line. One table of commands; options in options.c.
#include <stdio.h>
#include <string.h>
#include "experiments/commands.h"
#include "experiments/machine.h"

typedef struct Command {
    const char *name, *usage, *summary;
    unsigned set;
    int (*run)(const Options *options);
} Command;

static const Command commands[] = {
    {"demo", "demo [options]",
     "the story on built-in digits: Trojan in, filters, table, report.html", FOR_DEMO,
     command_demo},
    {"run", "run --data D --attack A --defense X[,Y...] [options]",
     "cells: the classifier with its Trojan (trained or reused), the defenses, their figures",
     FOR_RUN, command_run},
    {"train", "train --data D --attack A [-o MODEL] [options]",
     "only the classifier (attack none: benign)", FOR_TRAIN, command_train},
    {"report", "report DIR [-o FILE]", "the results below DIR as one self-contained report.html",
     FOR_REPORT, command_report},
    {"methods", "methods [NAME]",
     "the attacks and defenses, and the settings of each that --set takes", FOR_METHODS,
     command_methods},
    {"data", "data [NAME] [options]",
     "what a data set holds: counts, classes, moments, a contact sheet; without NAME: which there "
     "are",
     FOR_DATA, command_data},
    {"poison", "poison --attack A --poisoned DIR [options]",
     "the training set as an attack poisons it, as a folder of PNGs with a list, to be looked at",
     FOR_POISON, command_poison},
    {"table", "table [NAME] [--out DIR] [--commands]",
     "a paper's table, what was measured beside what was published; without NAME: which there are",
     FOR_TABLE, command_table},
    {"figure", "figure [NAME] [options]",
     "a paper's figure, trained for, measured and drawn; without NAME: which there are", FOR_FIGURE,
     command_figure},
    {"study", "study [NAME] [options]",
     "a measurement of a paper's claim, as numbers and a picture; without NAME: which there are",
     FOR_FIGURE, command_study},
    {"ops", "ops", "the operators, their formulas, and where they run", FOR_OPS, command_ops},
    {"image", "image IN -o OUT.{png,ppm,pgm}",
     "a picture (PNG, JPEG, PNM) decoded and written in another format", FOR_IMAGE, command_image},
};
enum { FOR_OPERANDS = FOR_REPORT | FOR_DATA | FOR_IMAGE | FOR_TABLE | FOR_FIGURE | FOR_METHODS };
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void help(void)
{
    printf("sieve %s: attacks on and defenses of neural networks with Trojans, in plain C\n\n"
           "usage: sieve COMMAND [options]      (sieve COMMAND --help)\n\n",
           program_version());
    for (int i = 0; i < COMMAND_COUNT; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
}

static int run_command(const Command *command, int argc, char **argv)
{
    Options options;
    Error error = {0};
    if (!options_parse(argc, argv, command->set, &options, &error)) {
        fprintf(stderr, "sieve %s: %s (see sieve %s --help)\n", command->name, error.message,
                command->name);
        return 2;
    }
    if (options.help) {
        printf("sieve %s\n%s\n\n", command->usage, command->summary);
        options_help(command->set);
        return 0;
    }
    if (!(command->set & FOR_OPERANDS) && options.operand_count > 0) {
        fprintf(stderr, "sieve %s: '%s' is not an option (see sieve %s --help)\n", command->name,
                options.operands[0], command->name);
        return 2;
    }
    return command->run(&options);
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i].name) == 0)
            return run_command(&commands[i], argc - 2, argv + 2);
    if (strcmp(name, "--version") == 0) {
        printf("sieve %s\n", program_version());
        return 0;
    }
    if (argc > 1 && strcmp(name, "--help") != 0 && strcmp(name, "help") != 0) {
        fprintf(stderr, "sieve: unknown command '%s' (see sieve --help)\n", name);
        return 2;
    }
    help();
    return argc > 1 ? 0 : 2;
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    perror("sieve: standard output");
    return status ? status : 1;
}
