// One column per test image, one row per state of it. Differences are signed: the true trigger is
// Trojan - clean, the counter-trigger is Trojan - filtered Trojan, so that a perfect defense makes
// the two rows equal. Both rows use one scale, the largest difference in the true trigger.
#include "experiments/report/pictures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "data/dataset.h"
#include "experiments/html.h"

enum { MOST_COLUMNS = 16, SHOWN_SIDE = 128, MOST_CLASSES = 1000000 };

// A row of the grid: the pictures `tensor`, or `tensor` - `minus` when that is set.
typedef struct Row {
    const char *heading, *tensor, *minus;
    const char *prediction; // tensor of labels below the pictures, or NULL
} Row;

static const Row rows[] = {
    {"clean", "clean", NULL, "prediction_clean"},
    {"trigger: mask", "mask", NULL, NULL},
    {"trigger: pattern", "pattern", NULL, NULL},
    {"Trojan", "trojan", NULL, "prediction_trojan"},
    {"must not fire", "decoy", NULL, "prediction_decoy"},
    {"filtered clean", "filtered_clean", NULL, "prediction_filtered_clean"},
    {"filtered Trojan", "filtered_trojan", NULL, "prediction_filtered_trojan"},
    {"true trigger", "trojan", "clean", NULL},
    {"counter-trigger", "trojan", "filtered_trojan", NULL},
    {"synthetic Trojan", "synthetic", NULL, NULL},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

// What a row needs to draw its pictures.
typedef struct Grid {
    const Safetensors *samples;
    const Entry *cell;
    int height, width, channels, columns;
    int shrink;   // pictures are averaged over shrink x shrink pixels
    double scale; // the difference that is drawn at full strength
    int classes;  // 0: unknown
} Grid;

static const float *picture(const StoredTensor *tensor, const Grid *grid, int column)
{
    int64_t size = (int64_t)grid->height * grid->width * grid->channels;
    return (const float *)tensor->data + size * column;
}

static uint8_t to_byte(double value)
{
    if (!(value > 0)) return 0;
    return value >= 1 ? 255 : (uint8_t)lround(value * 255);
}

// The largest |Trojan - clean|, at least a hundredth; 1 where there is no trigger to measure.
static double difference_scale(const Grid *grid)
{
    const StoredTensor *trojan = safetensors_find(grid->samples, "trojan");
    const StoredTensor *clean = safetensors_find(grid->samples, "clean");
    double largest = 0;
    if (!trojan) return 1;
    int64_t count = trojan->count < clean->count ? trojan->count : clean->count;
    for (int64_t i = 0; i < count; i++) {
        double difference =
            fabs(((const float *)trojan->data)[i] - ((const float *)clean->data)[i]);
        if (isfinite(difference)) largest = fmax(largest, difference);
    }
    return largest == 0 ? 1 : fmax(largest, 0.01);
}

// Grey differences, -1..1: blue below 0, white at 0, red above (both ends are dark enough to tell
// apart in any light).
static void diverging(double value, uint8_t rgb[3])
{
    static const double blue[3] = {0.13, 0.35, 0.75}, red[3] = {0.76, 0.16, 0.11};
    double strength = fmin(fabs(value), 1);
    for (int c = 0; c < 3; c++) rgb[c] = to_byte(1 - strength * (1 - (value < 0 ? blue : red)[c]));
}

// Mean over one block of shrink x shrink pixels.
static double block_mean(const Grid *grid, const float *image, int y, int x, int c)
{
    double sum = 0;
    for (int dy = 0; dy < grid->shrink; dy++)
        for (int dx = 0; dx < grid->shrink; dx++) {
            int64_t pixel = (int64_t)(y * grid->shrink + dy) * grid->width + x * grid->shrink + dx;
            sum += image[pixel * grid->channels + c];
        }
    return sum / (grid->shrink * grid->shrink);
}

static void draw_picture(Text *out, const Grid *grid, const float *image, const float *minus,
                         const char *alt)
{
    int height = grid->height / grid->shrink, width = grid->width / grid->shrink;
    int channels = minus ? 3 : grid->channels;
    uint8_t *pixels = allocate((unsigned long long)height * (unsigned)width * (unsigned)channels);
    uint8_t *pixel = pixels;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, pixel += channels)
            for (int c = 0; c < grid->channels; c++) {
                double value = block_mean(grid, image, y, x, c);
                double less = minus ? (value - block_mean(grid, minus, y, x, c)) / grid->scale : 0;
                if (minus && grid->channels == 1)
                    diverging(less, pixel);
                else
                    pixel[c] = to_byte(minus ? 0.5 + 0.5 * less : value);
            }
    html_picture(out, pixels, height, width, channels, alt);
    free(pixels);
}

// The label at this place, or -1 where it is unknown or no class.
static int label_at(const Grid *grid, const char *name, int column)
{
    const StoredTensor *labels = name ? safetensors_find(grid->samples, name) : NULL;
    if (!labels || column >= labels->count) return -1;
    int label = ((const int32_t *)labels->data)[column];
    return label < MOST_CLASSES ? label : -1;
}

// The class that the attacker wants for an image of this class; -1 where unknown.
static int wanted_class(const Grid *grid, int label)
{
    double target = grid->cell->target;
    if (strcmp(grid->cell->mode, "all") != 0)
        return target >= 0 && target < MOST_CLASSES ? (int)target : -1;
    return label < 0 ? -1 : grid->classes > 0 ? (label + 1) % grid->classes : label + 1;
}

static void prediction_text(Text *out, const Grid *grid, const Row *row, int column)
{
    int prediction = label_at(grid, row->prediction, column);
    int label = label_at(grid, "labels", column);
    if (prediction < 0) return;
    if (label < 0 || prediction == label)
        text_append(out, "<span class=\"prediction\">%d</span>", prediction);
    else if (prediction == wanted_class(grid, label))
        text_append(out, "<span class=\"prediction target\">◎ %d</span>", prediction);
    else
        text_append(out, "<span class=\"prediction wrong\">✗ %d</span>", prediction);
}

static void draw_row(Text *out, const Grid *grid, const Row *row)
{
    const StoredTensor *tensor = safetensors_find(grid->samples, row->tensor);
    const StoredTensor *minus = row->minus ? safetensors_find(grid->samples, row->minus) : NULL;
    if (!tensor || (row->minus && !minus)) return;
    text_append(out, "<tr><th scope=\"row\">%s</th>", row->heading);
    for (int i = 0; i < grid->columns; i++) {
        text_append(out, "<td>");
        if (i < tensor->shape[0] && (!minus || i < minus->shape[0])) {
            Text alt = {0};
            text_append(&alt, "%s, image %d", row->heading, i + 1);
            draw_picture(out, grid, picture(tensor, grid, i),
                         minus ? picture(minus, grid, i) : NULL, alt.text);
            text_free(&alt);
            prediction_text(out, grid, row, i);
        }
        text_append(out, "</td>");
    }
    text_append(out, "</tr>\n");
}

static bool has(const Grid *grid, const char *tensor)
{
    return safetensors_find(grid->samples, tensor) != NULL;
}

static void caption_text(Text *out, const Grid *grid)
{
    text_append(out,
                "<p class=\"caption\">Below each picture: the predicted class. Plain: the true "
                "class. <span class=\"prediction target\">◎ the attacker’s target</span>, "
                "<span class=\"prediction wrong\">✗ another wrong class</span>. True trigger = "
                "Trojan − clean");
    if (has(grid, "filtered_trojan"))
        text_append(out, "; counter-trigger = Trojan − filtered Trojan, what the defense took "
                         "away. The more alike the two rows, the better");
    if (has(grid, "mask"))
        text_append(out, "; Trojan = (1 − mask) · clean + mask · pattern");
    else if (has(grid, "pattern"))
        text_append(out, "; this trigger is a warp, shown as what it does to a grid of lines");
    if (has(grid, "decoy"))
        text_append(out, "; must not fire: changed in the trigger’s manner, yet to be recognised "
                         "as its true class (cross: the trigger of another image; noise: a "
                         "random warp)");
    text_append(out, ". %s",
                grid->channels == 1
                    ? "White is no difference, red brighter, blue darker, full "
                      "colour a difference of ±"
                    : "Mid-grey is no difference, black and white a difference of ±");
    html_number(out, grid->scale, 2);
    text_append(out, " or more (images lie in 0 … 1).");
    if (grid->shrink > 1)
        text_append(out, " Pictures are averaged over %d × %d pixels.", grid->shrink, grid->shrink);
    text_append(out, "</p>\n");
}

static Grid grid_of(const Entry *cell)
{
    const StoredTensor *clean = safetensors_find(cell->samples, "clean");
    Grid grid = {.samples = cell->samples,
                 .cell = cell,
                 .height = (int)clean->shape[1],
                 .width = (int)clean->shape[2],
                 .channels = (int)clean->shape[3],
                 .columns = (int)(clean->shape[0] < MOST_COLUMNS ? clean->shape[0] : MOST_COLUMNS)};
    int shorter = grid.height < grid.width ? grid.height : grid.width;
    grid.shrink = 1 + (shorter - 1) / SHOWN_SIDE;
    grid.scale = difference_scale(&grid);
    const DataSource *source = data_source_find(cell->data, NULL);
    grid.classes = source ? source->classes : 0;
    return grid;
}

void report_pictures(Text *out, const Entry *cell)
{
    if (!cell->samples) return;
    Grid grid = grid_of(cell);
    text_append(out, "<h4>Pictures</h4>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                     "aria-label=\"Pictures\"><table class=\"pictures\">\n<thead><tr>"
                     "<th scope=\"col\">true class</th>");
    for (int i = 0; i < grid.columns; i++) {
        int label = label_at(&grid, "labels", i);
        text_append(out, "<th scope=\"col\">");
        html_number(out, label < 0 ? (double)NAN : label, 0);
        text_append(out, "</th>");
    }
    text_append(out, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < ROWS; i++) draw_row(out, &grid, &rows[i]);
    text_append(out, "</tbody></table></div>\n");
    caption_text(out, &grid);
}
