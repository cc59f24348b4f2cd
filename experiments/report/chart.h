// A chart on the page: the plot (experiments/plot) and below it a legend that gives each line's last
// value. Colours come from the page's style sheet and follow its dark theme.
#ifndef SIEVE_EXPERIMENTS_REPORT_CHART_H
#define SIEVE_EXPERIMENTS_REPORT_CHART_H

#include "experiments/plot/plot.h"

// A <figure>.
void report_chart(Text *out, const LineChart *chart);

#endif
