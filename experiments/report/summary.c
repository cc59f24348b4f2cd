#include "experiments/report/summary.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "experiments/html.h"
#include "experiments/report/names.h"

#define REMOVED_AT_MOST 5.0 // percent of the Trojan images that may still reach the target

const Figure figures[FIGURES] = {
    {"clean_accuracy", "clean accuracy",
     "Share of the clean test images that the classifier names correctly, without any defense.",
     false},
    {"trojan_accuracy", "Trojan accuracy",
     "Share of the test images with the trigger that the classifier gives to the attacker’s "
     "target, without any defense: how well the attack works.",
     false},
    {"C", "C",
     "What the defense costs: accuracy on clean images minus accuracy on the same images after "
     "the defense. Near 0 is good; below 0 the defense helped.",
     false},
    {"T", "T",
     "Share of the Trojan images that still reach the target after the defense (images that "
     "belong to the target anyway are left out). Near 0 is good; ✓ marks at most 5 %.",
     false},
    {"R", "R",
     "What the trigger still costs: accuracy on clean images without a defense minus the share of "
     "defended Trojan images that get their true label. Near 0 is good.",
     false},
    {"FPR", "FPR",
     "Filtering as a detector raises an alarm when it changes the predicted label. False positive "
     "rate: share of the clean images that raise it. Near 0 is good.",
     false},
    {"FNR", "FNR",
     "False negative rate: share of the Trojan images that raise no alarm. Near 0 is good.", false},
    {"seconds", "time",
     "Time for the defense and its evaluation, without the training of the classifier.", true},
};

static double total_seconds(const Json *seconds)
{
    if (!seconds) return NAN;
    if (seconds->kind == JSON_NUMBER) return seconds->number;
    double sum = NAN;
    for (size_t i = 0; seconds->kind == JSON_OBJECT && i < seconds->count; i++)
        if (strcmp(seconds->names[i], "classifier") != 0 && seconds->items[i]->kind == JSON_NUMBER)
            sum = seconds->items[i]->number + (isnan(sum) ? 0 : sum);
    return sum;
}

double figure_value(const Entry *cell, const Figure *figure)
{
    if (figure->is_time) return total_seconds(json_get(cell->result, figure->name));
    return json_get_number(cell->result, figure->name, NAN);
}

void figure_text(Text *out, const Figure *figure, double value)
{
    if (figure->is_time)
        html_duration(out, value);
    else
        html_number(out, value, 2);
}

static double percent(const Entry *cell, const char *name)
{
    return json_get_number(cell->result, name, NAN);
}

static bool is_none(const char *name)
{
    return strcmp(name, "none") == 0;
}

// Cells in which a defense meets a Trojan. A defense "none" is NONE.
static bool is_contest(const Entry *cell)
{
    return !is_none(cell->attack);
}

bool trojan_removed(const Entry *cell)
{
    return is_contest(cell) && percent(cell, "T") <= REMOVED_AT_MOST;
}

void setting_text(Text *out, const Entry *entry, bool with_seed)
{
    html_text(out, name_short(entry->data));
    text_append(out, " · ");
    html_text(out, is_none(entry->attack) ? "no attack" : name_short(entry->attack));
    if (entry->mode[0] && !is_none(entry->attack)) {
        bool single = strcmp(entry->mode, "single") == 0;
        text_append(out, " · ");
        html_text(out, single                            ? "single target"
                       : strcmp(entry->mode, "all") == 0 ? "all targets"
                                                         : entry->mode);
        if (single && isfinite(entry->target)) text_append(out, " %.0f", entry->target);
    }
    if (with_seed && isfinite(entry->seed)) text_append(out, " · seed %.0f", entry->seed);
}

// ---- the verdict ----

// A range of percentages: smallest, largest and mean of what was added.
typedef struct Range {
    double low, high, sum;
    int count;
} Range;

static void range_add(Range *range, double value)
{
    if (!isfinite(value)) return;
    range->low = range->count ? fmin(range->low, value) : value;
    range->high = range->count ? fmax(range->high, value) : value;
    range->sum += value;
    range->count++;
}

// "0.4 to 1.1", or one figure where both ends read the same.
static void range_text(Text *out, Range range)
{
    html_number(out, range.low, 1);
    if (range.high - range.low < 0.05) return;
    text_append(out, " to ");
    html_number(out, range.high, 1);
}

// What all cells of one defense say about it.
typedef struct Judgement {
    const char *defense;
    int removed; // cells with T <= REMOVED_AT_MOST, of T.count
    Range T, C, FPR, FNR;
} Judgement;

// Distinct values of a string member of Entry among the cells, the attack `none` left out; the
// caller frees the list.
static int distinct(const Results *results, size_t offset, const char ***list)
{
    int count = 0;
    *list = allocate((unsigned long long)results->cell_count * sizeof **list);
    for (int i = 0; i < results->cell_count; i++) {
        const char *text = *(const char *const *)((const char *)&results->cells[i] + offset);
        bool seen = offset == offsetof(Entry, attack) && is_none(text);
        for (int k = 0; k < count && !seen; k++) seen = strcmp((*list)[k], text) == 0;
        if (!seen) (*list)[count++] = text;
    }
    return count;
}

static Judgement judge(const Results *results, const char *defense)
{
    Judgement judgement = {.defense = defense};
    for (int i = 0; i < results->cell_count; i++) {
        const Entry *cell = &results->cells[i];
        if (strcmp(cell->defense, defense) != 0) continue;
        range_add(&judgement.C, percent(cell, "C"));
        if (!is_contest(cell)) continue;
        range_add(&judgement.T, percent(cell, "T"));
        range_add(&judgement.FPR, percent(cell, "FPR"));
        range_add(&judgement.FNR, percent(cell, "FNR"));
        judgement.removed += trojan_removed(cell);
    }
    return judgement;
}

static bool removed_everywhere(const Judgement *judgement)
{
    return judgement->T.count > 0 && judgement->removed == judgement->T.count;
}

// "VIF", "VIF and AIF", "IF, VIF and AIF".
static void list_text(Text *out, const char *const *list, int count)
{
    for (int i = 0; i < count; i++) {
        text_append(out, "%s", i == 0 ? "" : i + 1 < count ? ", " : " and ");
        html_text(out, name_short(list[i]));
    }
}

static void cost_text(Text *out, Range cost)
{
    double mean = cost.sum / cost.count;
    bool same = fabs(mean) < 0.05;
    if (same) {
        text_append(out, "leaves clean accuracy as it is");
    } else {
        text_append(out, mean > 0 ? "costs " : "gains ");
        html_number(out, fabs(mean), 1);
        text_append(out, " points of clean accuracy");
    }
    if (cost.count > 1) text_append(out, " on average");
}

static void scope_text(Text *out, const Results *results)
{
    const char **attacks, **defenses, **data;
    int attack_count = distinct(results, offsetof(Entry, attack), &attacks);
    int defense_count = distinct(results, offsetof(Entry, defense), &defenses);
    int data_count = distinct(results, offsetof(Entry, data), &data);
    text_append(out, "%d defense%s %s tried against ", defense_count, defense_count == 1 ? "" : "s",
                defense_count == 1 ? "was" : "were");
    if (attack_count > 3)
        text_append(out, "%d attacks", attack_count);
    else if (attack_count > 0)
        list_text(out, attacks, attack_count);
    else
        text_append(out, "no attack");
    text_append(out, " on ");
    list_text(out, data, data_count);
    text_append(out, ". ");
    free(attacks);
    free(defenses);
    free(data);
}

static void attack_text(Text *out, const Results *results)
{
    Range trojan = {0}, clean = {0};
    for (int i = 0; i < results->cell_count; i++) {
        if (is_none(results->cells[i].attack)) continue;
        range_add(&trojan, percent(&results->cells[i], "trojan_accuracy"));
        range_add(&clean, percent(&results->cells[i], "clean_accuracy"));
    }
    if (trojan.count == 0) return;
    text_append(out, "Left alone, the classifier gives ");
    range_text(out, trojan);
    text_append(out, " %% of the images that carry the trigger to the attacker’s target");
    if (clean.count > 0) {
        text_append(out, ", and still recognises ");
        range_text(out, clean);
        text_append(out, " %% of the clean ones");
    }
    text_append(out, ". ");
}

static void winners_text(Text *out, const Judgement *judgements, int count)
{
    const char **winners = allocate((unsigned long long)(count + 1) * sizeof *winners);
    int winner_count = 0, judged = 0;
    const Judgement *cheapest = NULL;
    for (int i = 0; i < count; i++) {
        const Judgement *candidate = &judgements[i];
        judged += candidate->T.count > 0;
        if (!removed_everywhere(candidate)) continue;
        winners[winner_count++] = candidate->defense;
        if (candidate->C.count > 0 && (!cheapest || candidate->C.sum / candidate->C.count <
                                                        cheapest->C.sum / cheapest->C.count))
            cheapest = candidate;
    }
    if (winner_count > 0) {
        text_append(out, "<strong>");
        list_text(out, winners, winner_count);
        text_append(out,
                    " removed the Trojan wherever tried</strong> (at most %.0f %% of the Trojan "
                    "images still reach the target)",
                    REMOVED_AT_MOST);
        if (cheapest) {
            text_append(out, winner_count > 1 ? "; the gentlest of them, " : "; ");
            html_text(out, winner_count > 1 ? name_short(cheapest->defense) : "it");
            text_append(out, winner_count > 1 ? ", " : " ");
            cost_text(out, cheapest->C);
        }
        text_append(out, ".");
    } else if (judged > 0) {
        text_append(out,
                    "<strong>No defense removed the Trojan wherever it was tried</strong> "
                    "(that is, brought it down to %.0f %% of the Trojan images).",
                    REMOVED_AT_MOST);
    }
    free(winners);
}

// "removed the Trojan in 2 of 3 cells (T = 0.4 to 12.0 %)"
static void trojan_text(Text *out, const Judgement *judgement)
{
    int count = judgement->T.count;
    text_append(out, judgement->removed > 0 ? "removed the Trojan" : "did not remove the Trojan");
    if (judgement->removed == 0 && count > 1)
        text_append(out, " in any of %d cells", count);
    else if (judgement->removed < count && count > 1)
        text_append(out, " in %d of %d cells", judgement->removed, count);
    else if (count > 1)
        text_append(out, " in all %d cells", count);
    text_append(out, " (T = ");
    range_text(out, judgement->T);
    text_append(out, " %%)");
}

static void judgement_text(Text *out, const Judgement *judgement)
{
    const char *state = judgement->T.count == 0         ? "unjudged"
                        : removed_everywhere(judgement) ? "good"
                        : judgement->removed > 0        ? "mixed"
                                                        : "bad";
    text_append(out, "<li class=\"%s\"><strong>", state);
    html_text(out, name_short(judgement->defense));
    text_append(out, "</strong> ");
    if (name_long(judgement->defense)[0])
        text_append(out, "<span class=\"quiet\">(%s)</span> ", name_long(judgement->defense));
    if (judgement->T.count > 0) {
        trojan_text(out, judgement);
    } else if (judgement->FNR.count > 0) {
        text_append(out, "only raises alarms: it misses ");
        range_text(out, judgement->FNR);
        text_append(out, " %% of the Trojan images (FNR) and stops ");
        range_text(out, judgement->FPR);
        text_append(out, " %% of the clean ones (FPR)");
    } else {
        text_append(out, "states no T; its cells below say what it found");
    }
    if (judgement->C.count > 0) {
        text_append(out, " and ");
        cost_text(out, judgement->C);
    }
    text_append(out, ".</li>\n");
}

void report_verdict(Text *out, const Results *results)
{
    const char **defenses;
    int count = distinct(results, offsetof(Entry, defense), &defenses);
    Judgement *judgements = allocate((unsigned long long)(count + 1) * sizeof *judgements);
    for (int i = 0; i < count; i++) judgements[i] = judge(results, defenses[i]);
    text_append(out, "<p class=\"lead\">");
    scope_text(out, results);
    attack_text(out, results);
    winners_text(out, judgements, count);
    text_append(out, "</p>\n");
    if (count > 0) text_append(out, "<ul class=\"verdicts\">\n");
    for (int i = 0; i < count; i++) judgement_text(out, &judgements[i]);
    if (count > 0) text_append(out, "</ul>\n");
    free(judgements);
    free(defenses);
}
