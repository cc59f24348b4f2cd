// The report's style sheet: light and dark, telephone to paper.
#ifndef SIEVE_EXPERIMENTS_REPORT_STYLE_H
#define SIEVE_EXPERIMENTS_REPORT_STYLE_H

#include "core/file.h"

void report_style(Text *out);

#endif
