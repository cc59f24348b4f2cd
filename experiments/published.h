// What the papers print: the published figures of their tables, which `sieve table` puts beside the
// measured ones. Nothing else reads them, so that none can pass for a measured one.
#ifndef SIEVE_EXPERIMENTS_PUBLISHED_H
#define SIEVE_EXPERIMENTS_PUBLISHED_H

#include <stdbool.h>

typedef struct PublishedTable PublishedTable;

enum { PUBLISHED_FIGURES = 6, PUBLISHED_TABLES = 5 };

// One `sieve table`: what it is called, which figures it shows, and the paper's tables it is made of.
typedef struct PublishedSet {
    const char *name, *title;
    const char *figures[PUBLISHED_FIGURES]; // names as in result.json, then NULL
    const PublishedTable
        *tables[PUBLISHED_TABLES]; // their rows and attacks are the lines; NULL ends
    const PublishedTable *further[PUBLISHED_TABLES]; // more figures for the same lines
} PublishedSet;

// The names of a line; defense "" stands for the classifier alone.
typedef struct PublishedLine {
    const char *data, *attack, *mode, *defense;
    const char *model;   // "": whichever
    const char *setting; // of the attack or the defense, which has this value; "": whichever
    double value;
    int target; // of single-target mode
    const char *options, *more; // further words of the command line that measures it; "": none
} PublishedLine;

// The i-th of all sets, from 0; NULL behind the last.
const PublishedSet *published_set(int i);

// Line n (from 0) of the set; false after the last.
bool published_line(const PublishedSet *set, int n, PublishedLine *line);

// NaN where the paper gives none.
double published_value(const PublishedSet *set, const PublishedLine *line, const char *figure);

#endif
