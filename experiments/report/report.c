// The page from top to bottom. Its parts stand in summary.c and table.c (verdict, table), cell.c,
// pictures.c and chart.c (one section a cell), style.c (looks); read.c reads and checks the files.
#include "experiments/report/report.h"

#include "core/file.h"
#include "experiments/html.h"
#include "experiments/report/cell.h"
#include "experiments/report/read.h"
#include "experiments/report/style.h"
#include "experiments/report/summary.h"

// The policy forbids scripts and everything that is not in the file itself, should an escape ever
// be forgotten.
static void page_begin(Text *out)
{
    text_append(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "img-src data:; style-src 'unsafe-inline'\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"color-scheme\" content=\"light dark\">\n"
                     "<title>sieve report</title>\n<style>\n");
    report_style(out);
    text_append(out, "</style>\n</head>\n<body>\n<main>\n");
}

static void page_head(Text *out, const Results *results, const char *directory)
{
    int count = results->cell_count > 0 ? results->cell_count : results->classifier_count;
    const char *what = results->cell_count > 0 ? "cell" : "classifier";
    text_append(out, "<header>\n<p class=\"setting\">sieve report · %d %s%s from <code>", count,
                what, count == 1 ? "" : "s");
    html_text(out, directory);
    text_append(out, "</code></p>\n<h1>Is the Trojan gone?</h1>\n");
    if (results->cell_count > 0)
        report_verdict(out, results);
    else
        text_append(out, "<p class=\"lead\">No defense was tried: here are the classifiers with "
                         "their Trojans.</p>\n");
    text_append(out, "</header>\n");
}

static void cell_sections(Text *out, const Results *results)
{
    text_append(out, "<section>\n<h2>All cells</h2>\n");
    report_table(out, results);
    report_definitions(out);
    text_append(out, "</section>\n<section>\n<h2>Cell by cell</h2>\n");
    for (int i = 0; i < results->cell_count; i++)
        report_cell(out, results, &results->cells[i], i + 1);
    text_append(out, "</section>\n");
}

static void page_body(Text *out, const Results *results)
{
    if (results->cell_count > 0) cell_sections(out, results);
    if (results->classifier_count == 0) return;
    text_append(out, "<section>\n<h2>Classifiers</h2>\n");
    for (int i = 0; i < results->classifier_count; i++)
        report_classifier(out, &results->classifiers[i], i + 1);
    text_append(out, "</section>\n");
}

bool report_write(const char *directory, const char *path, Error *error)
{
    Results results;
    bool done = results_read(directory, false, &results, error) &&
                (results.cell_count + results.classifier_count > 0 ||
                 fail(error,
                      "%s: no finished cell and no classifier (looked for cells/*/result.json and "
                      "classifiers/*/result.json)",
                      directory));
    if (done) {
        Text page = {0};
        page_begin(&page);
        page_head(&page, &results, directory);
        page_body(&page, &results);
        text_append(&page, "<footer>This page is one file: no script, no network, every picture "
                           "inside.</footer>\n</main>\n</body>\n</html>\n");
        done = file_write(path, page.text, page.length, error);
        text_free(&page);
    }
    results_free(&results);
    return done;
}
