// The published figures of the NONE paper (arXiv 2202.06382 v1), as printed: one line here is one line
// there. DP-SGD in Table 1 is taken for DP-SGD-2 of Table 2, which it resembles (facts 4.1).
#include "experiments/published_tables.h"

// NiN's own (facts 2.1).
#define NIN_RATE "--set classifier.learning_rate=0.1 --set classifier.momentum=0.95"

// clang-format off
// Table 1: defenses against injected Trojans.
static const Column badnets6_columns[] = {
    {"badnets", "BA", ""}, {"badnets", "ASR", ""},
    {"badnets", "BA", "dp-sgd"}, {"badnets", "ASR", "dp-sgd"},
    {"badnets", "BA", "nad"}, {"badnets", "ASR", "nad"},
    {"badnets", "BA", "activation-clustering"}, {"badnets", "ASR", "activation-clustering"},
    {"badnets", "BA", "abl"}, {"badnets", "ASR", "abl"},
    {"badnets", "BA", "none"}, {"badnets", "ASR", "none"}};
static const Row none1_single_rows[] = {
    {"mnist", NULL, {99.65, 99.96, 92.94, 0.48, 99.26, 0.06, 98.47, 0.51, 98.25, 99.70, 99.58, 0.06}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"mnist", NULL, {99.35, 100.00, 97.20, 1.61, 98.85, 2.12, 97.44, 10.93, 98.48, 0.64, 99.11, 0.14}, {"vgg11", NULL, 0, 0, NULL}},
    {"mnist", NULL, {99.61, 99.98, 97.31, 0.13, 98.83, 0.12, 98.04, 0.25, 99.34, 0.04, 99.57, 0.37}, {"resnet18", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {90.52, 100.00, 36.41, 93.01, 80.99, 52.97, 83.77, 100.00, 90.13, 100.00, 90.11, 2.32}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"cifar10", NULL, {90.46, 100.00, 55.61, 99.32, 88.70, 98.71, 88.14, 99.84, 89.96, 100.00, 89.70, 4.91}, {"vgg16", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {94.10, 100.00, 52.29, 99.99, 88.74, 1.28, 89.57, 57.43, 92.40, 1.66, 93.62, 1.07}, {"resnet18", NULL, 0, 0, NULL}},
    {"gtsrb", NULL, {95.95, 99.72, 31.54, 74.78, 96.53, 26.15, 95.36, 99.52, 96.14, 99.54, 95.51, 0.87}, {"nin", NULL, 0, 1, NIN_RATE}},
    {"gtsrb", NULL, {95.43, 99.93, 54.60, 86.83, 95.94, 86.10, 91.28, 5.28, 94.06, 95.79, 94.66, 0.96}, {"resnet18", NULL, 0, 1, NULL}},
    {"imagenet10", NULL, {82.17, 99.64, 21.22, 65.21, 76.99, 92.61, 74.32, 92.41, 81.35, 99.92, 80.31, 0.14}, {"nin", NULL, 0, 1, NIN_RATE}},
    {"imagenet10", NULL, {88.97, 100.00, 18.06, 44.62, 84.03, 10.93, 81.58, 100.00, 79.16, 100.00, 87.11, 0.14}, {"vgg16", NULL, 0, 1, NULL}},
    {"imagenet10", NULL, {89.83, 99.07, 40.31, 29.58, 86.29, 25.89, 82.39, 98.44, 83.72, 6.83, 86.34, 0.08}, {"resnet18", NULL, 0, 1, NULL}}};
static const Row none1_all_rows[] = {
    {"mnist", NULL, {99.64, 98.86, 93.02, 1.10, 99.24, 0.09, 99.60, 0.03, 98.40, 89.32, 99.42, 0.03}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"mnist", NULL, {99.05, 98.99, 97.17, 0.41, 99.06, 32.06, 97.59, 0.10, 99.21, 98.51, 98.63, 0.11}, {"vgg11", NULL, 0, 0, NULL}},
    {"mnist", NULL, {99.57, 99.49, 96.81, 0.38, 99.19, 0.19, 99.35, 0.03, 99.01, 98.81, 99.09, 0.20}, {"resnet18", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {90.50, 78.56, 38.42, 6.43, 82.70, 13.65, 84.74, 56.57, 89.66, 77.69, 89.51, 1.27}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"cifar10", NULL, {90.73, 96.86, 55.12, 5.23, 88.65, 39.99, 88.18, 82.87, 90.13, 86.91, 89.64, 1.22}, {"vgg16", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {94.37, 92.00, 52.19, 12.17, 88.21, 1.50, 92.68, 5.29, 83.83, 83.48, 93.95, 1.04}, {"resnet18", NULL, 0, 0, NULL}},
    {"gtsrb", NULL, {96.06, 93.74, 24.70, 7.39, 96.46, 9.90, 94.02, 6.17, 96.14, 99.54, 95.99, 0.96}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"gtsrb", NULL, {95.71, 94.57, 53.90, 6.71, 96.33, 81.43, 94.96, 69.22, 94.32, 80.21, 95.49, 1.65}, {"resnet18", NULL, 0, 0, NULL}},
    {"imagenet10", NULL, {82.65, 66.37, 23.44, 10.06, 76.31, 23.31, 78.85, 14.39, 80.20, 56.82, 79.39, 6.98}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"imagenet10", NULL, {89.04, 76.20, 17.94, 10.80, 80.21, 22.17, 81.22, 59.62, 78.34, 53.68, 84.51, 8.31}, {"vgg16", NULL, 0, 0, NULL}},
    {"imagenet10", NULL, {88.87, 59.75, 44.59, 7.95, 85.76, 15.82, 79.44, 23.41, 81.30, 50.52, 84.74, 6.55}, {"resnet18", NULL, 0, 0, NULL}}};
static const Column consistent6_columns[] = {
    {"label-consistent", "BA", ""}, {"label-consistent", "ASR", ""},
    {"label-consistent", "BA", "dp-sgd"}, {"label-consistent", "ASR", "dp-sgd"},
    {"label-consistent", "BA", "nad"}, {"label-consistent", "ASR", "nad"},
    {"label-consistent", "BA", "activation-clustering"}, {"label-consistent", "ASR", "activation-clustering"},
    {"label-consistent", "BA", "abl"}, {"label-consistent", "ASR", "abl"},
    {"label-consistent", "BA", "none"}, {"label-consistent", "ASR", "none"}};
static const Row none1_consistent_rows[] = {
    {"cifar10", NULL, {91.32, 98.98, 38.83, 5.21, 82.35, 65.63, 83.92, 95.96, 89.95, 95.28, 90.11, 2.19}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"cifar10", NULL, {90.97, 98.41, 53.76, 9.24, 88.88, 92.71, 88.46, 7.57, 90.38, 94.94, 90.07, 4.26}, {"vgg16", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {94.73, 83.42, 54.00, 11.00, 90.74, 60.74, 88.00, 65.86, 87.34, 2.17, 94.01, 2.14}, {"resnet18", NULL, 0, 0, NULL}}};
static const Column hidden6_columns[] = {
    {"hidden-trigger", "BA", ""}, {"hidden-trigger", "ASR", ""},
    {"hidden-trigger", "BA", "dp-sgd"}, {"hidden-trigger", "ASR", "dp-sgd"},
    {"hidden-trigger", "BA", "nad"}, {"hidden-trigger", "ASR", "nad"},
    {"hidden-trigger", "BA", "activation-clustering"}, {"hidden-trigger", "ASR", "activation-clustering"},
    {"hidden-trigger", "BA", "abl"}, {"hidden-trigger", "ASR", "abl"},
    {"hidden-trigger", "BA", "none"}, {"hidden-trigger", "ASR", "none"}};
static const Row none1_hidden_rows[] = {
    {"imagenet-pair", NULL, {93.00, 82.00, 80.00, 62.00, 91.00, 74.00, 90.00, 22.00, 90.00, 54.00, 91.00, 4.00}, {"alexnet", NULL, 0, 0, NULL}}};

// Table 2: natural Trojans. The two settings of DP-SGD are told apart by their clip, NONE's ten rounds by
// that.
static const Column natural2_columns[] = {{"natural", "BA", ""}, {"natural", "ASR", ""}};
static const Column natural_dp_sgd2_columns[] = {{"natural", "BA", "dp-sgd"}, {"natural", "ASR", "dp-sgd"}};
static const Column natural_none2_columns[] = {{"natural", "BA", "none"}, {"natural", "ASR", "none"}};
static const Row none2_rows[] = {
    {"cifar10", NULL, {91.02, 87.62}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"cifar10", NULL, {88.91, 74.00}, {"vgg11", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {90.78, 71.88}, {"vgg16", NULL, 0, 0, NULL}},
    {"trojai", NULL, {99.88, 72.09}, {"vgg11-bn", NULL, 0, 0, NULL}},
    {"trojai", NULL, {99.91, 54.33}, {"resnet18", NULL, 0, 0, NULL}}};
static const Row none2_dp_sgd_1_rows[] = {
    {"cifar10", NULL, {60.22, 98.85}, {"nin", "clip", 4, 0, NIN_RATE}},
    {"cifar10", NULL, {77.38, 66.58}, {"vgg11", "clip", 4, 0, NULL}},
    {"cifar10", NULL, {78.25, 61.11}, {"vgg16", "clip", 4, 0, NULL}},
    {"trojai", NULL, {84.51, 88.75}, {"vgg11-bn", "clip", 4, 0, NULL}},
    {"trojai", NULL, {78.88, 61.77}, {"resnet18", "clip", 4, 0, NULL}}};
static const Row none2_dp_sgd_2_rows[] = {
    {"cifar10", NULL, {39.19, 87.22}, {"nin", "clip", 1, 0, NIN_RATE}},
    {"cifar10", NULL, {59.26, 62.30}, {"vgg11", "clip", 1, 0, NULL}},
    {"cifar10", NULL, {53.40, 63.58}, {"vgg16", "clip", 1, 0, NULL}},
    {"trojai", NULL, {6.06, 88.55}, {"vgg11-bn", "clip", 1, 0, NULL}},
    {"trojai", NULL, {52.81, 58.94}, {"resnet18", "clip", 1, 0, NULL}}};
static const Row none2_none_rows[] = {
    {"cifar10", NULL, {86.94, 34.21}, {"nin", "rounds", 10, 0, NIN_RATE}},
    {"cifar10", NULL, {75.36, 34.03}, {"vgg11", "rounds", 10, 0, NULL}},
    {"cifar10", NULL, {81.83, 37.49}, {"vgg16", "rounds", 10, 0, NULL}},
    {"trojai", NULL, {99.04, 56.68}, {"vgg11-bn", "rounds", 10, 0, NULL}},
    {"trojai", NULL, {98.13, 34.98}, {"resnet18", "rounds", 10, 0, NULL}}};

// Table 3: without an attack.
static const Column benign2_columns[] = {{"none", "BA", ""}, {"none", "BA", "none"}};
static const Row none3_rows[] = {
    {"cifar10", NULL, {91.02, 89.40}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"cifar10", NULL, {90.78, 89.62}, {"vgg16", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {94.83, 93.92}, {"resnet18", NULL, 0, 0, NULL}},
    {"gtsrb", NULL, {95.68, 95.36}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"gtsrb", NULL, {94.67, 94.08}, {"vgg16", NULL, 0, 0, NULL}},
    {"gtsrb", NULL, {96.89, 96.87}, {"resnet18", NULL, 0, 0, NULL}},
    {"imagenet10", NULL, {83.34, 79.18}, {"nin", NULL, 0, 0, NIN_RATE}},
    {"imagenet10", NULL, {88.84, 83.41}, {"vgg16", NULL, 0, 0, NULL}},
    {"imagenet10", NULL, {89.81, 85.25}, {"resnet18", NULL, 0, 0, NULL}}};

// Tables 4 to 7: sizes and kinds of triggers, poisoning rates, activation functions.
static const Column badnets2_columns[] = {
    {"badnets", "BA", ""}, {"badnets", "ASR", ""},
    {"badnets", "BA", "none"}, {"badnets", "ASR", "none"}};
static const Row none4_rows[] = {
    {"cifar10", NULL, {94.10, 100.00, 93.62, 1.07}, {"resnet18", "size", 3, 0, NULL}},
    {"cifar10", NULL, {94.27, 100.00, 93.51, 1.34}, {"resnet18", "size", 5, 0, NULL}},
    {"cifar10", NULL, {94.10, 99.98, 93.70, 1.53}, {"resnet18", "size", 7, 0, NULL}},
    {"cifar10", NULL, {94.34, 100.00, 93.19, 5.18}, {"resnet18", "size", 9, 0, NULL}},
    {"cifar10", NULL, {94.44, 100.00, 92.18, 32.27}, {"resnet18", "size", 15, 0, NULL}},
    {"cifar10", NULL, {94.58, 100.00, 92.55, 99.82}, {"resnet18", "size", 20, 0, NULL}}};
static const Row none5_rows[] = {
    {"cifar10", NULL, {90.52, 100.00, 90.11, 2.32}, {"nin", "trigger", 3, 0, NIN_RATE}},
    {"cifar10", NULL, {90.46, 100.00, 89.70, 4.91}, {"vgg16", "trigger", 3, 0, NULL}},
    {"cifar10", NULL, {94.10, 100.00, 93.62, 1.07}, {"resnet18", "trigger", 3, 0, NULL}},
    {"cifar10", NULL, {90.92, 100.00, 89.93, 2.61}, {"nin", "trigger", 2, 0, NIN_RATE}},
    {"cifar10", NULL, {90.12, 100.00, 89.48, 4.03}, {"vgg16", "trigger", 2, 0, NULL}},
    {"cifar10", NULL, {94.24, 99.99, 93.93, 1.37}, {"resnet18", "trigger", 2, 0, NULL}},
    {"cifar10", NULL, {90.88, 99.99, 87.74, 3.27}, {"nin", "trigger", 4, 0, NIN_RATE}},
    {"cifar10", NULL, {90.64, 99.99, 89.14, 5.36}, {"vgg16", "trigger", 4, 0, NULL}},
    {"cifar10", NULL, {94.28, 100.00, 92.27, 5.99}, {"resnet18", "trigger", 4, 0, NULL}}};
static const Row none6_rows[] = {
    {"cifar10", NULL, {94.46, 100.00, 93.50, 2.52}, {"resnet18", "rate", 0.005, 0, NULL}},
    {"cifar10", NULL, {94.10, 100.00, 93.62, 1.07}, {"resnet18", "rate", 0.05, 0, NULL}},
    {"cifar10", NULL, {93.82, 100.00, 93.13, 1.04}, {"resnet18", "rate", 0.1, 0, NULL}},
    {"cifar10", NULL, {92.70, 100.00, 92.14, 1.39}, {"resnet18", "rate", 0.2, 0, NULL}}};
static const Row none7_rows[] = {
    {"cifar10", NULL, {94.10, 100.00, 93.62, 1.07}, {"resnet18", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {94.32, 100.00, 93.48, 1.24}, {"resnet18-leaky-relu", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {92.99, 99.93, 91.11, 1.46}, {"resnet18-elu", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {91.68, 99.76, 90.18, 5.11}, {"resnet18-tanhshrink", NULL, 0, 0, NULL}},
    {"cifar10", NULL, {92.81, 100.00, 89.91, 2.07}, {"resnet18-softplus", NULL, 0, 0, NULL}}};

// Tables 9 and 10: r2, lambda_h and lambda_l.
static const Column none1_columns[] = {{"badnets", "BA", "none"}, {"badnets", "ASR", "none"}};
static const Row none9_single_rows[] = {
    {"cifar10", NULL, {93.11, 1.03}, {"resnet18", "select", 0, 0, NULL}},
    {"cifar10", NULL, {93.10, 1.07}, {"resnet18", "select", 0.005, 0, NULL}},
    {"cifar10", NULL, {93.13, 1.07}, {"resnet18", "select", 0.01, 0, NULL}},
    {"cifar10", NULL, {93.11, 1.06}, {"resnet18", "select", 0.1, 0, NULL}},
    {"cifar10", NULL, {93.14, 1.04}, {"resnet18", "select", 0.3, 0, NULL}},
    {"cifar10", NULL, {93.08, 1.04}, {"resnet18", "select", 0.5, 0, NULL}},
    {"cifar10", NULL, {93.05, 1.07}, {"resnet18", "select", 1, 0, NULL}}};
static const Row none9_all_rows[] = {
    {"cifar10", NULL, {93.31, 0.96}, {"resnet18", "select", 0, 0, NULL}},
    {"cifar10", NULL, {93.32, 0.96}, {"resnet18", "select", 0.005, 0, NULL}},
    {"cifar10", NULL, {93.37, 0.95}, {"resnet18", "select", 0.01, 0, NULL}},
    {"cifar10", NULL, {93.29, 1.04}, {"resnet18", "select", 0.1, 0, NULL}},
    {"cifar10", NULL, {93.26, 41.07}, {"resnet18", "select", 0.3, 0, NULL}},
    {"cifar10", NULL, {93.18, 60.12}, {"resnet18", "select", 0.5, 0, NULL}},
    {"cifar10", NULL, {93.14, 71.78}, {"resnet18", "select", 1, 0, NULL}}};
static const Row none10_high_rows[] = {
    {"cifar10", NULL, {93.22, 1.07}, {"resnet18", "lambda_high", 0.3, 0, NULL}},
    {"cifar10", NULL, {93.05, 1.14}, {"resnet18", "lambda_high", 0.5, 0, NULL}},
    {"cifar10", NULL, {93.13, 1.11}, {"resnet18", "lambda_high", 0.7, 0, NULL}},
    {"cifar10", NULL, {93.12, 1.11}, {"resnet18", "lambda_high", 0.9, 0, NULL}}};
static const Row none10_low_rows[] = {
    {"cifar10", NULL, {93.18, 1.13}, {"resnet18", "lambda_low", 0.1, 0, NULL}},
    {"cifar10", NULL, {93.08, 0.99}, {"resnet18", "lambda_low", 0.3, 0, NULL}},
    {"cifar10", NULL, {93.18, 1.11}, {"resnet18", "lambda_low", 0.5, 0, NULL}},
    {"cifar10", NULL, {93.11, 1.03}, {"resnet18", "lambda_low", 0.7, 0, NULL}}};

// Table 11: federated learning. Table 12: the adaptive attack.
static const Column dba2_columns[] = {
    {"dba", "BA", ""}, {"dba", "ASR", ""},
    {"dba", "BA", "none"}, {"dba", "ASR", "none"}};
static const Row none11_rows[] = {
    {"mnist", NULL, {99.22, 99.15, 98.60, 0.13}, {"mnist-dba", NULL, 0, 2, NULL}},
    {"cifar10", NULL, {80.31, 43.23, 78.67, 4.44}, {"resnet18-dba", NULL, 0, 2, "--set classifier.epochs=100"}}};
static const Column adaptive2_columns[] = {
    {"adaptive", "BA", ""}, {"adaptive", "ASR", ""},
    {"adaptive", "BA", "none"}, {"adaptive", "ASR", "none"}};
static const Row none12_rows[] = {
    {"cifar10", NULL, {90.06, 100.00, 88.48, 67.89}, {"vgg16", "alpha", 1e-4, 0, NULL}},
    {"cifar10", NULL, {89.53, 99.97, 87.92, 76.78}, {"vgg16", "alpha", 1e-3, 0, NULL}},
    {"cifar10", NULL, {89.03, 99.91, 86.50, 86.20}, {"vgg16", "alpha", 1e-2, 0, NULL}},
    {"cifar10", NULL, {88.72, 99.98, 85.71, 94.92}, {"vgg16", "alpha", 1e-1, 0, NULL}}};
// clang-format on

static const PublishedTable table1_single = TABLE("single", badnets6_columns, none1_single_rows);
static const PublishedTable table1_all = TABLE("all", badnets6_columns, none1_all_rows);
static const PublishedTable table1_consistent =
    TABLE("single", consistent6_columns, none1_consistent_rows);
static const PublishedTable table1_hidden = TABLE("single", hidden6_columns, none1_hidden_rows);
static const PublishedTable table2 = TABLE("single", natural2_columns, none2_rows);
static const PublishedTable table2_dp_sgd_1 =
    TABLE_WITH("single", natural_dp_sgd2_columns, none2_dp_sgd_1_rows, "--set dp-sgd.noise=0.1");
static const PublishedTable table2_dp_sgd_2 =
    TABLE("single", natural_dp_sgd2_columns, none2_dp_sgd_2_rows);
static const PublishedTable table2_none =
    TABLE_WITH("single", natural_none2_columns, none2_none_rows,
               "--set none.epochs=40 --set none.reset=0.2 --set none.remove=0");
static const PublishedTable table3 =
    TABLE_WITH("single", benign2_columns, none3_rows,
               "--set classifier.weight_decay=0.0001 --set classifier.standardise=1 --set "
               "classifier.rotation=0 --set classifier.crop_padding=4");
static const PublishedTable table4 = TABLE("single", badnets2_columns, none4_rows);
static const PublishedTable table5 = TABLE("single", badnets2_columns, none5_rows);
static const PublishedTable table6 = TABLE("single", badnets2_columns, none6_rows);
static const PublishedTable table7 = TABLE("single", badnets2_columns, none7_rows);
static const PublishedTable table9_single =
    TABLE_WITH("single", none1_columns, none9_single_rows, "--set none.learning_rate=0.001");
static const PublishedTable table9_all =
    TABLE_WITH("all", none1_columns, none9_all_rows, "--set none.learning_rate=0.001");
static const PublishedTable table10_high =
    TABLE_WITH("single", none1_columns, none10_high_rows, "--set none.learning_rate=0.001");
static const PublishedTable table10_low =
    TABLE_WITH("single", none1_columns, none10_low_rows, "--set none.learning_rate=0.001");
static const PublishedTable table11 =
    TABLE_WITH("single", dba2_columns, none11_rows,
               "--set none.epochs=10 --set none.learning_rate=0.001");
static const PublishedTable table12 = TABLE("single", adaptive2_columns, none12_rows);

const PublishedSet none_sets[] = {
    {"none/1",
     "Injected Trojans (Wang et al., Table 1), percent: BA, accuracy on clean images, and ASR, "
     "share of\nthe triggered images taken for the target, of the classifier alone and of what "
     "each defense makes.",
     {"BA", "ASR"},
     {&table1_single, &table1_all, &table1_consistent, &table1_hidden},
     {NULL}},
    {"none/2",
     "Natural Trojans (Wang et al., Table 2), percent: BA as in none/1; ASR, success of the triggers "
     "found\nin the trained classifier. Measured with --attack natural; DP-SGD-1 --set dp-sgd.clip=4 "
     "--set\ndp-sgd.noise=0.1, DP-SGD-2 as it stands; NONE with --set none.rounds=10 --set "
     "none.epochs=40\n--set none.reset=0.2 --set none.remove=0.",
     {"BA", "ASR"},
     {&table2, &table2_dp_sgd_1, &table2_dp_sgd_2, &table2_none},
     {NULL}},
    {"none/3",
     "Without an attack (Wang et al., Table 3), percent: accuracy without and with NONE.",
     {"BA"},
     {&table3},
     {NULL}},
    {"none/4",
     "Trigger sizes (Wang et al., Table 4), percent; measured with --set badnets.size=N.",
     {"BA", "ASR"},
     {&table4},
     {NULL}},
    {"none/5",
     "Trigger patterns (Wang et al., Table 5), percent; measured with --set badnets.trigger=N: 2 "
     "static,\n3 dynamic, 4 watermark.",
     {"BA", "ASR"},
     {&table5},
     {NULL}},
    {"none/6",
     "Poisoning rates (Wang et al., Table 6), percent; measured with --set badnets.rate=R.",
     {"BA", "ASR"},
     {&table6},
     {NULL}},
    {"none/7",
     "Activation functions (Wang et al., Table 7), percent; BA and ASR as in none/1.",
     {"BA", "ASR"},
     {&table7},
     {NULL}},
    {"none/9",
     "Selection thresholds r2 (Wang et al., Table 9), percent; measured with --set "
     "none.select=R\n(0: one neuron).",
     {"BA", "ASR"},
     {&table9_single, &table9_all},
     {NULL}},
    {"none/10",
     "Confidence thresholds (Wang et al., Table 10), percent; measured with --set "
     "none.lambda_high=P,\n--set none.lambda_low=P.",
     {"BA", "ASR"},
     {&table10_high, &table10_low},
     {NULL}},
    {"none/11",
     "Federated learning (Wang et al., Table 11), percent; measured with --attack dba --target 2 "
     "--model\nmnist-dba or resnet18-dba, --set none.epochs=10 --set none.learning_rate=0.001.",
     {"BA", "ASR"},
     {&table11},
     {NULL}},
    {"none/12",
     "The adaptive attack (Wang et al., Table 12), percent; measured with --set adaptive.alpha=A.",
     {"BA", "ASR"},
     {&table12},
     {NULL}}};
const int none_set_count = COUNT(none_sets);
