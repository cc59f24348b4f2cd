// The table of all cells: a group of rows for each setting and seed, one row for each defense, and
// where a setting was repeated with several seeds, rows with mean and standard deviation.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "experiments/html.h"
#include "experiments/report/names.h"
#include "experiments/report/summary.h"

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_setting(const Entry *a, const Entry *b)
{
    return strcmp(a->data, b->data) == 0 && strcmp(a->attack, b->attack) == 0 &&
           strcmp(a->model, b->model) == 0 && strcmp(a->mode, b->mode) == 0 &&
           strcmp(a->scale, b->scale) == 0 && same_number(a->target, b->target);
}

static void group_row(Text *out, const Entry *cell, bool with_seed, const char *addition)
{
    text_append(out, "<tbody><tr class=\"group\"><th colspan=\"%d\" scope=\"rowgroup\"><span>",
                FIGURES + 1);
    setting_text(out, cell, with_seed);
    text_append(out, "%s <span class=\"quiet\">", addition);
    html_text(out, cell->model);
    if (cell->scale[0]) {
        text_append(out, cell->model[0] ? ", " : "");
        html_text(out, cell->scale);
        text_append(out, " scale");
    }
    text_append(out, "</span></span></th></tr>\n");
}

static bool same_value(const Json *a, const Json *b)
{
    Text texts[2] = {{0}};
    if (!a || !b) return a == b;
    json_print(a, &texts[0]);
    json_print(b, &texts[1]);
    bool same = strcmp(texts[0].text, texts[1].text) == 0;
    text_free(&texts[0]);
    text_free(&texts[1]);
    return same;
}

// Appends "name value" for each value that one of the others has not, members of objects one by
// one: those of "X_settings" as "X.name value", but a defense's own without X.
static void add_differences(Text *out, const char *place, const char *name, const Json *value,
                            const Json *const *others, int count)
{
    bool differs = false;
    for (int k = 0; k < count; k++) differs |= !same_value(value, others[k]);
    if (!differs) return;
    if (value->kind != JSON_OBJECT) {
        text_append(out, "%s%s%s ", out->length ? ", " : "", place, name);
        json_print(value, out);
        return;
    }
    const Json **inner = allocate((unsigned long long)count * sizeof *inner);
    Text prefix = {0};
    const char *stem_end = strstr(name, "_settings");
    if (stem_end && strcmp(name, "defense_settings") != 0)
        text_append(&prefix, "%.*s.", (int)(stem_end - name), name);
    for (size_t i = 0; i < value->count; i++) {
        for (int k = 0; k < count; k++)
            inner[k] = others[k] ? json_get(others[k], value->names[i]) : NULL;
        add_differences(out, prefix.text ? prefix.text : "", value->names[i], value->items[i],
                        inner, count);
    }
    text_free(&prefix);
    free(inner);
}

// Where the group has other rows of this defense, what is peculiar to the cell stands below it: the
// settings that they do not share, or its own name.
static void defense_heading(Text *out, const Results *results, int index, int first, int end)
{
    const Entry *cell = &results->cells[index];
    const Json **others = allocate((unsigned long long)(end - first) * sizeof *others);
    Text peculiar = {0};
    int count = 0;
    for (int i = first; i < end; i++)
        if (i != index && strcmp(results->cells[i].defense, cell->defense) == 0)
            others[count++] = json_get(results->cells[i].result, "config");
    const Json *config = json_get(cell->result, "config");
    if (count > 0 && config) add_differences(&peculiar, "", "", config, others, count);
    text_append(out, "<tr><th scope=\"row\"><a href=\"#cell-%d\">", index + 1);
    html_text(out, name_short(cell->defense));
    text_append(out, "</a>");
    if (count > 0) {
        text_append(out, "<small>");
        html_text(out, peculiar.length ? peculiar.text : cell->name);
        text_append(out, "</small>");
    }
    text_append(out, "</th>");
    text_free(&peculiar);
    free(others);
}

static void cell_row(Text *out, const Results *results, int index, int first, int end)
{
    const Entry *cell = &results->cells[index];
    defense_heading(out, results, index, first, end);
    for (int i = 0; i < FIGURES; i++) {
        bool good = strcmp(figures[i].name, "T") == 0 && trojan_removed(cell);
        text_append(out, good ? "<td class=\"good\"><span class=\"mark\">✓</span> " : "<td>");
        figure_text(out, &figures[i], figure_value(cell, &figures[i]));
        text_append(out, "</td>");
    }
    text_append(out, "</tr>\n");
}

// Sample standard deviation (n - 1) behind the mean; times are given by their mean alone.
static void mean_text(Text *out, const Figure *figure, const Entry *const *cells, int count)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < count; i++) sum += figure_value(cells[i], figure);
    double mean = sum / count;
    for (int i = 0; i < count; i++) {
        double difference = figure_value(cells[i], figure) - mean;
        squares += difference * difference;
    }
    text_append(out, "<td>");
    figure_text(out, figure, mean);
    if (!figure->is_time && isfinite(mean)) {
        text_append(out, " <span class=\"quiet\">± ");
        html_number(out, sqrt(squares / (count - 1)), 2);
        text_append(out, "</span>");
    }
    text_append(out, "</td>");
}

static void mean_row(Text *out, const Entry *const *cells, int count)
{
    text_append(out, "<tr><th scope=\"row\">");
    html_text(out, name_short(cells[0]->defense));
    text_append(out, "<small>%d seeds</small></th>", count);
    for (int i = 0; i < FIGURES; i++) mean_text(out, &figures[i], cells, count);
    text_append(out, "</tr>\n");
}

// Rows for the experiments of cells first..end-1 (one setting) that were run with two or more
// seeds.
static void mean_rows(Text *out, const Results *results, int first, int end)
{
    unsigned long long count = (unsigned long long)(end - first);
    char **experiments = allocate(count * sizeof *experiments);
    const Entry **same = allocate(count * sizeof *same);
    for (int i = first; i < end; i++) experiments[i - first] = entry_experiment(&results->cells[i]);
    bool opened = false;
    for (int i = 0; i < end - first; i++) {
        int same_count = 0;
        for (int k = i; experiments[i] && k < end - first; k++) {
            if (!experiments[k] || strcmp(experiments[k], experiments[i]) != 0) continue;
            same[same_count++] = &results->cells[first + k];
            if (k == i) continue;
            free(experiments[k]); // counted here, so it opens no row of its own
            experiments[k] = NULL;
        }
        if (same_count < 2) continue;
        if (!opened) group_row(out, same[0], false, " · mean ± standard deviation");
        opened = true;
        mean_row(out, same, same_count);
    }
    if (opened) text_append(out, "</tbody>\n");
    for (int i = 0; i < end - first; i++) free(experiments[i]);
    free(experiments);
    free(same);
}

static void head_row(Text *out)
{
    text_append(out, "<thead><tr><th scope=\"col\">defense</th>");
    for (int i = 0; i < FIGURES; i++)
        text_append(out, "<th scope=\"col\"><abbr title=\"%s\">%s</abbr>%s</th>",
                    figures[i].meaning, figures[i].heading,
                    figures[i].is_time ? "" : "<small>%</small>");
    text_append(out, "</tr></thead>\n");
}

void report_table(Text *out, const Results *results)
{
    text_append(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                     "aria-label=\"All cells\"><table class=\"figures\">\n");
    head_row(out);
    int count = results->cell_count;
    for (int setting = 0, end; setting < count; setting = end) {
        const Entry *first = &results->cells[setting];
        for (end = setting; end < count && same_setting(first, &results->cells[end]);) end++;
        for (int seed = setting, next; seed < end; seed = next) {
            double value = results->cells[seed].seed;
            for (next = seed; next < end && same_number(results->cells[next].seed, value);) next++;
            group_row(out, &results->cells[seed], true, "");
            for (int i = seed; i < next; i++) cell_row(out, results, i, seed, next);
            text_append(out, "</tbody>\n");
        }
        mean_rows(out, results, setting, end);
    }
    text_append(out, "</table></div>\n");
}

void report_definitions(Text *out)
{
    text_append(out, "<dl class=\"definitions\">\n");
    for (int i = 0; i < FIGURES; i++)
        text_append(out, "<div><dt>%s</dt><dd>%s</dd></div>\n", figures[i].heading,
                    figures[i].meaning);
    text_append(out,
                "</dl>\n<p class=\"quiet\">All but the time in percent or percentage points; a "
                "dash means that the figure does not apply or was not measured. Mean ± "
                "standard deviation (n − 1) is over the seeds.</p>\n");
}
