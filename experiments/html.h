// Pieces of an HTML page: escaped text, figures, and pictures embedded as PNG in data: addresses,
// so that a page needs no file beside it. Everything that came out of a file goes through
// html_text; nothing else may write it.
#ifndef SIEVE_EXPERIMENTS_HTML_H
#define SIEVE_EXPERIMENTS_HTML_H

#include <stdint.h>
#include "core/file.h"

// The text with & < > " ' as character references, safe inside an element and inside a quoted
// attribute. Control characters other than tab and line feed, which HTML forbids, become the
// replacement character.
void html_text(Text *out, const char *text);

// A figure with so many decimals and a true minus sign; NaN and infinity (unknown) become an en
// dash.
void html_number(Text *out, double value, int decimals);

// A duration in words of the right size: "0.4 s", "12 s", "3 min 05 s", "2 h 07 min"; NaN becomes
// an en dash.
void html_duration(Text *out, double seconds);

// Base64 (RFC 4648, with padding).
void html_base64(Text *out, const uint8_t *bytes, size_t size);

// <img> showing height x width x channels bytes (1 grey or 3 RGB), as a PNG in a data: address. alt
// is plain text.
void html_picture(Text *out, const uint8_t *pixels, int height, int width, int channels,
                  const char *alt);

#endif
