#include "experiments/result_table.h"

#include <stdio.h>

static void print_figure(const Json *record, const char *name)
{
    const Json *value = json_get(record, name);
    if (value)
        printf(" %8.2f", value->number);
    else
        printf(" %8s", "-");
}

void result_table_print(const Json *records)
{
    const Json *first = records->items[0];
    printf("%s, %s, attack %s (%s), seed %.0f: clean accuracy %.2f %%",
           json_get_string(first, "data", ""), json_get_string(first, "model", ""),
           json_get_string(first, "attack", ""), json_get_string(first, "mode", ""),
           json_get_number(first, "seed", 0), json_get_number(first, "clean_accuracy", 0));
    if (json_get(first, "trojan_accuracy"))
        printf(", Trojan accuracy %.2f %%", json_get_number(first, "trojan_accuracy", 0));
    printf("\n\n  %-8s %8s %8s %8s %8s %8s %9s\n", "defense", "C", "T", "R", "FPR", "FNR",
           "seconds");
    for (size_t i = 0; i < records->count; i++) {
        const Json *record = records->items[i];
        static const char *const names[] = {"C", "T", "R", "FPR", "FNR"};
        printf("  %-8s", json_get_string(record, "defense", ""));
        for (int column = 0; column < 5; column++) print_figure(record, names[column]);
        const Json *seconds = json_get(record, "seconds"); // "analysis": of training-time defenses
        printf(" %9.1f\n",
               json_get_number(seconds, "defense", 0) + json_get_number(seconds, "analysis", 0));
    }
    for (size_t i = 0; i < records->count; i++) {
        const Json *record = records->items[i];
        if (json_get(record, "found"))
            printf("  %s: success of the triggers found %.2f %%, without it %.2f %%\n",
                   json_get_string(record, "defense", ""), json_get_number(record, "ASR", 0),
                   json_get_number(record, "undefended_ASR", 0));
    }
    printf("\n  percent; C: clean accuracy lost, T: Trojan images still taken for the target, R: "
           "accuracy\n"
           "  not recovered on Trojan images; FPR, FNR: of filtering-then-contrasting as a "
           "detector\n");
}
