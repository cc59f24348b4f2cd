// The published figures, as printed: one line here is one line there. Where the paper's table number
// is given, it counts the tables of the arXiv version (2202.12154).
#include "experiments/published_tables.h"

#include <math.h>
#include <string.h>

// clang-format off
// Table 1: the classifiers on the whole test set, single target.
static const Column table1_columns[] = {
    {"none", "clean_accuracy", NULL},
    {"badnet+", "clean_accuracy", NULL}, {"badnet+", "trojan_accuracy", NULL},
    {"noise-bi+", "clean_accuracy", NULL}, {"noise-bi+", "trojan_accuracy", NULL},
    {"image-bi+", "clean_accuracy", NULL}, {"image-bi+", "trojan_accuracy", NULL},
    {"input-aware", "clean_accuracy", NULL}, {"input-aware", "trojan_accuracy", NULL}, {"input-aware", "cross_accuracy", NULL},
    {"wanet", "clean_accuracy", NULL}, {"wanet", "trojan_accuracy", NULL}, {"wanet", "noise_accuracy", NULL}};
static const Row table1_rows[] = {
    {"mnist", "", {99.56, 99.61, 99.96, 99.46, 100.0, 99.50, 100.0, 99.47, 99.41, 96.05, 99.48, 98.73, 99.38}, ANY},
    {"cifar10", "", {94.82, 94.88, 100.0, 94.69, 100.0, 95.15, 99.96, 94.58, 99.43, 88.68, 94.32, 99.59, 92.58}, ANY},
    {"gtsrb", "", {99.72, 99.34, 100.0, 99.30, 100.0, 99.18, 100.0, 98.90, 99.54, 95.19, 99.12, 99.54, 99.03}, ANY},
    {"celeba", "", {79.12, 79.41, 100.0, 78.75, 100.0, 78.81, 99.99, 78.18, 99.93, 77.16, 78.48, 99.94, 77.24}, ANY}};

// Table 13: the classifiers on D_test, all targets.
static const Column table13_columns[] = {
    {"badnet+", "clean_accuracy", NULL}, {"badnet+", "trojan_accuracy", NULL},
    {"noise-bi+", "clean_accuracy", NULL}, {"noise-bi+", "trojan_accuracy", NULL},
    {"image-bi+", "clean_accuracy", NULL}, {"image-bi+", "trojan_accuracy", NULL},
    {"input-aware", "clean_accuracy", NULL}, {"input-aware", "trojan_accuracy", NULL}};
static const Row table13_rows[] = {
    {"mnist", "", {99.37, 98.54, 99.57, 99.38, 99.53, 99.25, 99.23, 97.64}, ANY},
    {"cifar10", "", {94.63, 94.30, 94.32, 93.77, 94.70, 94.06, 94.53, 94.10}, ANY},
    {"gtsrb", "", {99.63, 99.08, 99.58, 99.06, 99.37, 99.08, 99.16, 99.29}, ANY}};

// Table 2: defenses, single target. nad/adam is another NAD than the program's, which is NONE's: Adam of 1e-4 on D_val, measured on
// D_test, where that has SGD on a share of the training set and the whole test set.
static const Column table2_columns[] = {
    {"none", "C", NULL},
    {"badnet+", "C", NULL}, {"badnet+", "T", NULL}, {"badnet+", "R", NULL},
    {"noise-bi+", "C", NULL}, {"noise-bi+", "T", NULL}, {"noise-bi+", "R", NULL},
    {"image-bi+", "C", NULL}, {"image-bi+", "T", NULL}, {"image-bi+", "R", NULL},
    {"input-aware", "C", NULL}, {"input-aware", "T", NULL}, {"input-aware", "R", NULL},
    {"wanet", "C", NULL}, {"wanet", "T", NULL}, {"wanet", "R", NULL}};
static const Row table2_rows[] = {
    {"mnist", "februus", {5.96, 39.08, 96.24, 86.32, 2.30, 100.0, 89.58, 8.19, 100.0, 89.58, 9.90, 92.40, 83.32, 25.43, 80.46, 88.75}, ANY},
    {"mnist", "nad/adam", {0.45, 0.82, 35.72, 36.41, 0.75, 84.83, 76.22, 0.78, 88.34, 79.18, 0.80, 4.46, 5.29, 0.42, 0.44, 0.98}, ANY},
    {"mnist", "if", {0.10, 0.27, 2.47, 4.99, 0.10, 0.16, 13.52, 0.13, 1.29, 12.02, 0.21, 0.96, 2.08, 0.23, 0.34, 0.61}, ANY},
    {"mnist", "vif", {0.13, 0.17, 2.36, 3.63, 0.12, 0.04, 0.63, 0.03, 0.11, 0.40, 0.20, 1.25, 1.83, 0.10, 0.48, 0.53}, ANY},
    {"mnist", "aif", {0.10, 0.17, 3.80, 4.86, 0.13, 0.15, 0.11, 0.10, 0.11, 0.10, 0.03, 1.14, 1.66, 0.13, 0.15, 0.20}, ANY},
    {"cifar10", "februus", {32.67, 49.17, 12.63, 19.57, 26.73, 43.59, 78.90, 39.70, 92.67, 81.00, 53.43, 49.52, 66.50, 55.80, 98.70, 83.30}, ANY},
    {"cifar10", "nad/adam", {3.16, 3.81, 35.71, 41.68, 2.52, 1.81, 28.89, 3.87, 1.63, 18.92, 2.98, 1.81, 4.75, 2.95, 0.93, 5.42}, ANY},
    {"cifar10", "if", {3.34, 4.15, 2.30, 7.79, 3.32, 1.01, 4.43, 4.76, 37.48, 34.30, 4.47, 16.35, 18.96, 3.21, 4.82, 6.80}, ANY},
    {"cifar10", "vif", {7.81, 7.70, 2.52, 11.27, 6.43, 1.22, 7.10, 7.53, 10.52, 16.50, 7.67, 3.07, 12.38, 7.97, 3.96, 10.67}, ANY},
    {"cifar10", "aif", {4.67, 5.60, 2.37, 9.03, 4.87, 1.14, 6.02, 5.23, 1.96, 7.10, 5.28, 5.30, 11.87, 4.30, 1.22, 5.67}, ANY},
    {"gtsrb", "februus", {42.01, 35.30, 21.02, 44.11, 43.40, 75.75, 95.90, 32.18, 97.83, 97.37, 21.27, 70.02, 72.71, 33.18, 70.10, 71.69}, ANY},
    {"gtsrb", "nad/adam", {-0.13, -0.35, 0.00, 8.20, -0.32, 0.00, 4.06, -0.42, 0.05, 8.33, -0.28, 0.05, 0.56, -0.40, 0.00, 0.11}, ANY},
    {"gtsrb", "if", {0.12, 0.13, 0.00, 2.55, 0.13, 0.03, 1.52, 0.37, 52.27, 51.95, 0.03, 0.66, 3.60, 0.08, 9.83, 9.62}, ANY},
    {"gtsrb", "vif", {0.18, 0.45, 0.00, 3.55, 0.18, 0.00, 1.12, 0.37, 12.12, 16.56, 0.11, 0.03, 1.87, 0.55, 3.67, 3.89}, ANY},
    {"gtsrb", "aif", {0.05, -0.16, 0.00, 1.87, 0.05, 0.00, 0.81, 0.13, 7.47, 9.54, -0.03, 0.05, 1.37, -0.05, 0.50, 0.42}, ANY},
    {"celeba", "februus", {12.71, 18.80, 42.96, 21.33, 11.76, 93.27, 49.05, 13.30, 98.59, 49.84, 5.60, 99.98, 49.71, 9.16, 97.30, 48.53}, ANY},
    {"celeba", "nad/adam", {3.06, 3.19, 12.14, 9.98, 3.56, 25.31, 23.07, 3.51, 16.97, 9.46, 3.14, 13.85, 11.24, 2.51, 11.48, 3.21}, ANY},
    {"celeba", "if", {2.23, 4.21, 8.62, 4.75, 2.57, 13.83, 6.00, 2.25, 59.39, 27.94, 2.86, 11.95, 6.07, 2.43, 15.21, 4.75}, ANY},
    {"celeba", "vif", {3.74, 4.63, 9.28, 4.90, 3.20, 11.51, 4.08, 3.54, 14.32, 5.62, 3.89, 11.55, 6.27, 3.96, 8.30, 4.19}, ANY},
    {"celeba", "aif", {4.95, 6.46, 7.85, 6.49, 4.18, 12.56, 6.52, 4.37, 18.40, 9.23, 3.71, 10.43, 7.65, 4.02, 12.82, 5.74}, ANY}};

// Table 3: filtering-then-contrasting, single target.
static const Column table3_columns[] = {
    {"none", "FPR", NULL},
    {"badnet+", "FPR", NULL}, {"badnet+", "FNR", NULL},
    {"noise-bi+", "FPR", NULL}, {"noise-bi+", "FNR", NULL},
    {"image-bi+", "FPR", NULL}, {"image-bi+", "FNR", NULL},
    {"input-aware", "FPR", NULL}, {"input-aware", "FNR", NULL},
    {"wanet", "FPR", NULL}, {"wanet", "FNR", NULL}};
static const Row table3_rows[] = {
    {"mnist", "if", {0.40, 0.50, 2.21, 0.37, 0.22, 0.37, 1.51, 0.53, 1.71, 0.60, 1.33}, ANY},
    {"mnist", "vif", {0.27, 0.30, 2.84, 0.23, 0.07, 0.40, 0.15, 0.47, 1.99, 0.30, 1.51}, ANY},
    {"mnist", "aif", {0.23, 0.32, 4.17, 0.17, 0.15, 0.17, 0.11, 0.33, 1.87, 0.13, 1.18}, ANY},
    {"cifar10", "if", {6.83, 7.47, 1.70, 6.57, 0.93, 7.83, 36.56, 7.25, 16.89, 7.17, 5.15}, ANY},
    {"cifar10", "vif", {12.30, 11.00, 2.63, 10.67, 1.26, 11.03, 10.89, 10.63, 3.67, 11.40, 4.26}, ANY},
    {"cifar10", "aif", {8.63, 8.87, 1.96, 8.73, 0.89, 8.77, 2.15, 8.27, 5.93, 7.93, 1.56}, ANY},
    {"gtsrb", "if", {0.38, 0.45, 0.00, 0.24, 0.03, 0.66, 52.91, 0.29, 1.00, 0.66, 10.41}, ANY},
    {"gtsrb", "vif", {0.45, 0.74, 0.03, 0.47, 0.00, 0.87, 12.63, 0.53, 0.37, 1.31, 4.25}, ANY},
    {"gtsrb", "aif", {0.50, 0.37, 0.03, 0.39, 0.00, 0.63, 7.87, 0.47, 0.40, 0.60, 1.08}, ANY},
    {"celeba", "if", {14.24, 15.78, 8.36, 14.94, 14.25, 13.99, 59.43, 12.84, 11.95, 13.08, 15.27}, ANY},
    {"celeba", "vif", {17.74, 18.90, 9.09, 18.50, 11.67, 18.09, 14.30, 16.37, 11.54, 17.22, 8.34}, ANY},
    {"celeba", "aif", {20.24, 20.95, 7.71, 19.08, 12.82, 19.29, 18.65, 16.54, 10.43, 16.55, 12.87}, ANY}};

// Table 18: defenses, all targets.
static const Column table18_columns[] = {
    {"badnet+", "C", NULL}, {"badnet+", "T", NULL}, {"badnet+", "R", NULL},
    {"noise-bi+", "C", NULL}, {"noise-bi+", "T", NULL}, {"noise-bi+", "R", NULL},
    {"image-bi+", "C", NULL}, {"image-bi+", "T", NULL}, {"image-bi+", "R", NULL},
    {"input-aware", "C", NULL}, {"input-aware", "T", NULL}, {"input-aware", "R", NULL}};
static const Row table18_rows[] = {
    {"mnist", "if", {0.00, 75.90, 76.30, -0.03, 99.30, 99.47, 0.13, 6.96, 6.96, 0.00, 95.74, 96.17}, ANY},
    {"mnist", "vif", {-0.07, 49.67, 50.17, -0.07, 4.06, 4.23, 0.07, 0.20, 0.23, -0.23, 63.58, 64.21}, ANY},
    {"mnist", "aif", {0.47, 19.31, 20.27, 0.13, 0.03, 0.10, 0.03, 0.03, 0.13, -0.13, 23.90, 24.53}, ANY},
    {"cifar10", "if", {3.93, 1.57, 8.03, 2.63, 1.17, 3.30, 3.60, 18.90, 22.20, 3.83, 9.97, 14.63}, ANY},
    {"cifar10", "vif", {8.13, 1.87, 12.73, 6.27, 1.33, 6.72, 6.83, 5.67, 11.90, 7.96, 5.95, 16.87}, ANY},
    {"cifar10", "aif", {5.67, 1.23, 9.13, 4.40, 0.97, 5.47, 5.13, 5.10, 9.63, 5.43, 6.73, 14.33}, ANY},
    {"gtsrb", "if", {0.29, 0.11, 1.58, 0.13, 0.21, 1.18, -0.26, 61.57, 62.25, 0.11, 3.97, 4.50}, ANY},
    {"gtsrb", "vif", {0.47, 0.32, 3.36, 0.32, 0.37, 1.26, 0.16, 6.28, 8.23, 0.11, 0.60, 1.58}, ANY},
    {"gtsrb", "aif", {0.11, 0.29, 2.08, -0.05, 0.29, 1.74, 0.11, 1.21, 3.23, -0.16, 2.02, 2.39}, ANY}};

// Table 19: filtering-then-contrasting, all targets.
static const Column table19_columns[] = {
    {"badnet+", "FPR", NULL}, {"badnet+", "FNR", NULL},
    {"noise-bi+", "FPR", NULL}, {"noise-bi+", "FNR", NULL},
    {"image-bi+", "FPR", NULL}, {"image-bi+", "FNR", NULL},
    {"input-aware", "FPR", NULL}, {"input-aware", "FNR", NULL}};
static const Row table19_rows[] = {
    {"mnist", "if", {0.20, 77.83, 0.10, 99.63, 0.23, 7.22, 0.20, 97.44}, ANY},
    {"mnist", "vif", {0.20, 49.97, 0.07, 4.19, 0.07, 0.27, 0.33, 64.85}, ANY},
    {"mnist", "aif", {0.70, 19.24, 0.27, 0.07, 0.30, 0.07, 0.40, 24.83}, ANY},
    {"cifar10", "if", {7.13, 1.00, 6.10, 0.70, 6.70, 18.57, 6.30, 9.97}, ANY},
    {"cifar10", "vif", {12.10, 1.30, 10.14, 1.12, 10.50, 5.40, 11.13, 5.83}, ANY},
    {"cifar10", "aif", {9.07, 0.87, 8.03, 1.10, 8.47, 5.40, 8.90, 6.70}, ANY},
    {"gtsrb", "if", {0.50, 0.08, 0.29, 0.29, 0.42, 62.57, 0.34, 3.97}, ANY},
    {"gtsrb", "vif", {0.68, 0.32, 0.58, 0.47, 0.84, 6.15, 0.58, 0.55}, ANY},
    {"gtsrb", "aif", {0.34, 0.42, 0.26, 0.26, 0.79, 0.92, 0.45, 2.05}, ANY}};

// clang-format on

static const PublishedTable table1 = TABLE("single", table1_columns, table1_rows);
static const PublishedTable table13 = TABLE("all", table13_columns, table13_rows);
static const PublishedTable table2 = TABLE("single", table2_columns, table2_rows);
static const PublishedTable table3 = TABLE("single", table3_columns, table3_rows);
static const PublishedTable table18 = TABLE("all", table18_columns, table18_rows);
static const PublishedTable table19 = TABLE("all", table19_columns, table19_rows);

static const PublishedSet filtering_sets[] = {
    {"filtering/attacks",
     "The attacked classifiers (Do et al., Tables 1 and 13), percent: accuracy on clean images, "
     "share\n"
     "of the Trojan images taken for the target, and accuracy on images that must not trigger\n"
     "(input-aware: cross, WaNet: noise). Measured on the whole test set, as Table 1; Table 13, "
     "all\n"
     "targets, is on D_test.",
     {"clean_accuracy", "trojan_accuracy", "cross_accuracy", "noise_accuracy"},
     {&table1, &table13},
     {NULL}},
    {"filtering/main",
     "The defenses against single-target attacks (Do et al., Tables 2 and 3), percent. C: clean\n"
     "accuracy lost, T: Trojan images still taken for the target, R: accuracy not recovered on "
     "Trojan\n"
     "images; FPR, FNR: of filtering-then-contrasting. februus and nad/adam (NAD with Adam on "
     "D_val)\n"
     "are not in this program, whose nad is NONE's.",
     {"C", "T", "R", "FPR", "FNR"},
     {&table2},
     {&table3}},
    {"filtering/all-target",
     "The defenses against all-target attacks (Do et al., Tables 18 and 19), percent; C, T, R, FPR "
     "and\n"
     "FNR as in filtering/main.",
     {"C", "T", "R", "FPR", "FNR"},
     {&table18},
     {&table19}}};

const PublishedSet *published_set(int i)
{
    if (i < COUNT(filtering_sets)) return &filtering_sets[i];
    i -= COUNT(filtering_sets);
    return i < none_set_count ? &none_sets[i] : NULL;
}

// What stands in row r and column c, as a line of the table.
static PublishedLine line_at(const PublishedTable *table, int r, int c)
{
    const Row *row = &table->row[r];
    const Column *column = &table->column[c];
    return (PublishedLine){.data = row->data,
                           .attack = column->attack,
                           .mode = table->mode,
                           .defense = column->defense ? column->defense : row->defense,
                           .model = row->only.model ? row->only.model : "",
                           .setting = row->only.setting ? row->only.setting : "",
                           .value = row->only.value,
                           .target = row->only.target,
                           .options = table->options ? table->options : "",
                           .more = row->only.options ? row->only.options : ""};
}

static bool same_line(const PublishedLine *a, const PublishedLine *b)
{
    return strcmp(a->data, b->data) == 0 && strcmp(a->attack, b->attack) == 0 &&
           strcmp(a->mode, b->mode) == 0 && strcmp(a->defense, b->defense) == 0 &&
           strcmp(a->model, b->model) == 0 && strcmp(a->setting, b->setting) == 0 &&
           a->value == b->value;
}

// The table's value for this line; NaN where it has none.
static double value_in(const PublishedTable *table, const PublishedLine *line, const char *figure)
{
    for (int r = 0; r < table->rows; r++)
        for (int c = 0; c < table->columns; c++) {
            PublishedLine here = line_at(table, r, c);
            if (strcmp(table->column[c].figure, figure) == 0 && same_line(&here, line))
                return table->row[r].values[c];
        }
    return NAN;
}

double published_value(const PublishedSet *set, const PublishedLine *line, const char *figure)
{
    double value = NAN;
    for (int i = 0; i < PUBLISHED_TABLES && isnan(value) && set->tables[i]; i++)
        value = value_in(set->tables[i], line, figure);
    for (int i = 0; i < PUBLISHED_TABLES && isnan(value) && set->further[i]; i++)
        value = value_in(set->further[i], line, figure);
    return value;
}

bool published_line(const PublishedSet *set, int n, PublishedLine *line)
{
    for (int t = 0; t < PUBLISHED_TABLES && set->tables[t]; t++) {
        const PublishedTable *table = set->tables[t];
        for (int r = 0; r < table->rows; r++)
            for (int c = 0; c < table->columns; c++) {
                PublishedLine here = line_at(table, r, c);
                PublishedLine before = line_at(table, r, c > 0 ? c - 1 : c);
                if ((c > 0 && same_line(&here, &before)) || n-- > 0) continue;
                *line = here;
                return true;
            }
    }
    return false;
}
