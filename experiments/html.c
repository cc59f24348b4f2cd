#include "experiments/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "data/png.h"

static const char *reference(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        break;
    }
    bool control = ((unsigned char)c < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
    return control ? "&#xFFFD;" : NULL;
}

void html_text(Text *out, const char *text)
{
    const char *plain = text; // start of the bytes that are copied as they are
    for (; *text; text++) {
        const char *replacement = reference(*text);
        if (!replacement) continue;
        text_append_bytes(out, plain, (size_t)(text - plain));
        text_append_bytes(out, replacement, strlen(replacement));
        plain = text + 1;
    }
    text_append_bytes(out, plain, (size_t)(text - plain));
}

void html_number(Text *out, double value, int decimals)
{
    if (!isfinite(value)) {
        text_append(out, "–");
        return;
    }
    bool rounds_to_zero = fabs(value) < 0.5 * pow(10, -decimals);
    text_append(out, "%s%.*f", value < 0 && !rounds_to_zero ? "−" : "", decimals, fabs(value));
}

void html_duration(Text *out, double seconds)
{
    if (!isfinite(seconds) || seconds < 0 || seconds > 1e12) {
        text_append(out, "–");
    } else if (seconds < 99.5) {
        text_append(out, "%.*f s", seconds < 9.95 ? 1 : 0, seconds);
    } else if (seconds < 3599.5) {
        long long whole = llround(seconds);
        text_append(out, "%lld min %02lld s", whole / 60, whole % 60);
    } else {
        long long minutes = llround(seconds / 60);
        text_append(out, "%lld h %02lld min", minutes / 60, minutes % 60);
    }
}

void html_base64(Text *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t word = (uint32_t)bytes[i] << 16;
        if (left > 1) word |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2) word |= bytes[i + 2];
        char group[4];
        for (int k = 0; k < 4; k++) group[k] = digits[word >> (18 - 6 * k) & 63];
        if (left < 3) group[3] = '=';
        if (left < 2) group[2] = '=';
        text_append_bytes(out, group, 4);
    }
}

void html_picture(Text *out, const uint8_t *pixels, int height, int width, int channels,
                  const char *alt)
{
    Bytes png;
    png_encode(width, height, channels, pixels, &png);
    text_append(out, "<img src=\"data:image/png;base64,");
    html_base64(out, png.data, png.size);
    text_append(out, "\" width=\"%d\" height=\"%d\" alt=\"", width, height);
    html_text(out, alt);
    text_append(out, "\">");
    bytes_free(&png);
}
