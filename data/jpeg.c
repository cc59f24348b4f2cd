// A JPEG file is a row of markers (0xFF and a code), most with a length and data: tables, the frame
// header (size, components, process), and scans, behind whose headers stand entropy-coded data.
#include "data/jpeg.h"

#include <stdlib.h>
#include <string.h>
#include "data/jpeg_parts.h"

enum Marker {
    SOF0 = 0xC0, // frame headers: baseline, extended, progressive, ...
    SOF2 = 0xC2,
    DHT = 0xC4,
    JPG = 0xC8,
    DAC = 0xCC,
    SOF15 = 0xCF,
    RST0 = 0xD0,
    SOI = 0xD8,
    EOI = 0xD9,
    SOS = 0xDA,
    DQT = 0xDB,
    DRI = 0xDD,
    APP0 = 0xE0,
    APP14 = 0xEE,
};

// The data of one marker.
typedef struct Part {
    const uint8_t *data;
    size_t size;
} Part;

static unsigned big_endian_16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static bool broken(Jpeg *jpeg, const char *what)
{
    return fail(jpeg->error, "%s: %s", jpeg->path, what);
}

// ---- Tables

static bool read_quantisation(Jpeg *jpeg, Part part)
{
    while (part.size > 0) {
        int index = part.data[0] & 15, wide = part.data[0] >> 4;
        size_t size = 1 + (wide ? 128u : 64u);
        if (index >= JPEG_TABLES || wide > 1 || part.size < size)
            return broken(jpeg, "a quantisation table is damaged");
        for (int k = 0; k < JPEG_BLOCK; k++)
            jpeg->quantisation[index][jpeg_natural_order[k]] =
                (uint16_t)(wide ? big_endian_16(part.data + 1 + 2 * k) : part.data[1 + k]);
        jpeg->quantised[index] = true;
        part.data += size;
        part.size -= size;
    }
    return true;
}

static bool read_huffman(Jpeg *jpeg, Part part)
{
    while (part.size > 0) {
        int index = part.data[0] & 15, kind = part.data[0] >> 4, symbols = 0;
        if (index >= JPEG_TABLES || kind > 1 || part.size < 17)
            return broken(jpeg, "a Huffman table is damaged");
        for (int length = 1; length <= 16; length++) symbols += part.data[length];
        size_t size = 17 + (size_t)symbols;
        JpegHuffman *table = kind == 0 ? &jpeg->dc[index] : &jpeg->ac[index];
        if (part.size < size || !jpeg_huffman_build(table, part.data, part.data + 17, symbols))
            return broken(jpeg, "a Huffman table is damaged");
        part.data += size;
        part.size -= size;
    }
    return true;
}

static bool read_restart_interval(Jpeg *jpeg, Part part)
{
    if (part.size != 2) return broken(jpeg, "the restart interval is damaged");
    jpeg->restart_interval = big_endian_16(part.data);
    return true;
}

static void read_application(Jpeg *jpeg, int marker, Part part)
{
    if (marker == APP0 && part.size >= 5 && memcmp(part.data, "JFIF", 5) == 0) jpeg->jfif = true;
    if (marker == APP14 && part.size >= 12 && memcmp(part.data, "Adobe", 5) == 0) {
        jpeg->adobe = true;
        jpeg->adobe_transform = part.data[11];
    }
}

// ---- The frame

// NULL for the processes that are decoded here.
static const char *unsupported(int marker)
{
    static const char *const names[16] = {
        [3] = "lossless",
        [5] = "hierarchical (differential)",
        [6] = "hierarchical (differential)",
        [7] = "lossless hierarchical",
        [9] = "arithmetic-coded",
        [10] = "progressive arithmetic-coded",
        [11] = "lossless arithmetic-coded",
        [13] = "hierarchical arithmetic-coded",
        [14] = "hierarchical arithmetic-coded",
        [15] = "lossless hierarchical arithmetic-coded",
    };
    return names[marker - SOF0];
}

static int divide_up(int a, int b)
{
    return (a + b - 1) / b;
}

// Sizes of the component, which follow from the picture's and the sampling factors.
static void measure(const Jpeg *jpeg, JpegComponent *component)
{
    component->width = divide_up(jpeg->width * component->horizontal, jpeg->factor_x);
    component->height = divide_up(jpeg->height * component->vertical, jpeg->factor_y);
    component->blocks_x = divide_up(component->width, 8);
    component->blocks_y = divide_up(component->height, 8);
    component->stored_x = jpeg->units_x * component->horizontal;
    component->stored_y = jpeg->units_y * component->vertical;
    component->stride = (size_t)component->stored_x * 8;
}

static bool read_components(Jpeg *jpeg, const uint8_t *data)
{
    for (int i = 0; i < jpeg->component_count; i++, data += 3) {
        JpegComponent *component = &jpeg->components[i];
        component->id = data[0];
        component->horizontal = data[1] >> 4;
        component->vertical = data[1] & 15;
        component->quantisation = data[2];
        if (component->horizontal < 1 || component->horizontal > 4 || component->vertical < 1 ||
            component->vertical > 4 || component->quantisation >= JPEG_TABLES)
            return broken(jpeg, "a component of the frame header is damaged");
        for (int k = 0; k < i; k++)
            if (jpeg->components[k].id == component->id)
                return broken(jpeg, "two components have the same name");
        if (component->horizontal > jpeg->factor_x) jpeg->factor_x = component->horizontal;
        if (component->vertical > jpeg->factor_y) jpeg->factor_y = component->vertical;
    }
    return true;
}

// Room for all samples, and coefficients where they come in several scans. Each block takes a bit
// of the file at least, so that a short file cannot ask for much.
static bool make_room(Jpeg *jpeg)
{
    uint64_t blocks = 0;
    for (int i = 0; i < jpeg->component_count; i++)
        blocks += (uint64_t)jpeg->components[i].blocks_x * (uint64_t)jpeg->components[i].blocks_y;
    if (blocks / 8 > (uint64_t)(jpeg->end - jpeg->next))
        return fail(jpeg->error, "%s: is too short for %dx%d pixels", jpeg->path, jpeg->width,
                    jpeg->height);
    jpeg->visits_left = (UINT64_C(1) << 22) + 16 * blocks;
    for (int i = 0; i < jpeg->component_count; i++) {
        JpegComponent *component = &jpeg->components[i];
        size_t samples = component->stride * (size_t)component->stored_y * 8;
        component->samples = allocate(samples + JPEG_SLACK);
        memset(component->samples, 128, samples);
        if (jpeg->progressive) component->coefficients = allocate_zeroed(samples * sizeof(int16_t));
    }
    jpeg->segment = allocate((uint64_t)(jpeg->end - jpeg->next) + 1);
    return true;
}

static bool read_frame(Jpeg *jpeg, int marker, Part part)
{
    if (unsupported(marker))
        return fail(jpeg->error, "%s: is %s JPEG, which is not supported", jpeg->path,
                    unsupported(marker));
    if (jpeg->framed) return broken(jpeg, "has two frame headers");
    if (part.size < 6) return broken(jpeg, "the frame header is damaged");
    int count = part.data[5];
    if (part.data[0] != 8)
        return fail(jpeg->error, "%s: has %d bits a sample; only 8 are supported", jpeg->path,
                    part.data[0]);
    if (part.size != 6 + 3 * (size_t)count) return broken(jpeg, "the frame header is damaged");
    if (count != 1 && count != 3 && count != 4)
        return fail(jpeg->error, "%s: has %d components; 1, 3 or 4 are supported", jpeg->path,
                    count);
    jpeg->height = (int)big_endian_16(part.data + 1);
    jpeg->width = (int)big_endian_16(part.data + 3);
    if (!picture_size_check((uint64_t)jpeg->width, (uint64_t)jpeg->height, jpeg->path, jpeg->error))
        return false;
    jpeg->component_count = count;
    jpeg->progressive = marker == SOF2;
    jpeg->framed = true;
    if (!read_components(jpeg, part.data + 6)) return false;
    jpeg->units_x = divide_up(jpeg->width, 8 * jpeg->factor_x);
    jpeg->units_y = divide_up(jpeg->height, 8 * jpeg->factor_y);
    for (int i = 0; i < count; i++) measure(jpeg, &jpeg->components[i]);
    return make_room(jpeg);
}

// ---- Scans

static JpegComponent *find_component(Jpeg *jpeg, int id)
{
    for (int i = 0; i < jpeg->component_count; i++)
        if (jpeg->components[i].id == id) return &jpeg->components[i];
    return NULL;
}

static bool scan_component(Jpeg *jpeg, JpegScan *scan, int i, const uint8_t *data)
{
    JpegComponent *component = find_component(jpeg, data[0]);
    int dc = data[1] >> 4, ac = data[1] & 15;
    if (!component || dc >= JPEG_TABLES || ac >= JPEG_TABLES)
        return broken(jpeg, "a scan header is damaged");
    for (int k = 0; k < i; k++)
        if (scan->components[k] == component)
            return broken(jpeg, "a scan has the same component twice");
    scan->components[i] = component;
    scan->dc[i] = &jpeg->dc[dc];
    scan->ac[i] = &jpeg->ac[ac];
    return true;
}

// Which coefficients and bits a progressive scan may have: G.1.1.1.1.
static bool band_in_order(const JpegScan *scan)
{
    if (scan->low > 13 || (scan->high != 0 && scan->high != scan->low + 1)) return false;
    if (scan->first == 0) return scan->last == 0;
    return scan->count == 1 && scan->first <= scan->last && scan->last < JPEG_BLOCK;
}

// The tables that the scan needs are there; the quantisation is kept as it is now.
static bool tables_in_order(Jpeg *jpeg, const JpegScan *scan)
{
    bool with_dc = !jpeg->progressive || (scan->first == 0 && scan->high == 0);
    bool with_ac = !jpeg->progressive || scan->first > 0;
    for (int i = 0; i < scan->count; i++) {
        JpegComponent *component = scan->components[i];
        if ((with_dc && !scan->dc[i]->defined) || (with_ac && !scan->ac[i]->defined))
            return broken(jpeg, "a scan uses a Huffman table that is not defined");
        if (component->scanned) continue;
        if (!jpeg->quantised[component->quantisation])
            return broken(jpeg, "a scan uses a quantisation table that is not defined");
        memcpy(component->divisors, jpeg->quantisation[component->quantisation],
               sizeof component->divisors);
        component->scanned = true;
    }
    return true;
}

static bool read_scan(Jpeg *jpeg, Part part)
{
    JpegScan scan = {0};
    if (!jpeg->framed) return broken(jpeg, "a scan comes before the frame header");
    scan.count = part.size > 0 ? part.data[0] : 0;
    if (scan.count < 1 || scan.count > jpeg->component_count ||
        part.size != 4 + 2 * (size_t)scan.count)
        return broken(jpeg, "a scan header is damaged");
    for (int i = 0; i < scan.count; i++)
        if (!scan_component(jpeg, &scan, i, part.data + 1 + 2 * i)) return false;
    const uint8_t *band = part.data + 1 + 2 * scan.count;
    scan.first = band[0];
    scan.last = band[1];
    scan.high = band[2] >> 4;
    scan.low = band[2] & 15;
    if (jpeg->progressive && !band_in_order(&scan))
        return broken(jpeg, "a progressive scan has impossible coefficients");
    return tables_in_order(jpeg, &scan) && jpeg_decode_scan(jpeg, &scan);
}

// ---- The file

// The next marker's code, 0 at the end of the file; bytes before it are passed over.
static int next_marker(Jpeg *jpeg)
{
    while (jpeg->end - jpeg->next >= 2) {
        jpeg->next = memchr(jpeg->next, 0xFF, (size_t)(jpeg->end - jpeg->next));
        if (!jpeg->next) break;
        while (jpeg->next < jpeg->end && *jpeg->next == 0xFF) jpeg->next++;
        if (jpeg->next == jpeg->end) return 0;
        int code = *jpeg->next++;
        if (code > 1 && !(code >= RST0 && code < SOI)) return code; // neither stuffed nor bare
    }
    jpeg->next = jpeg->end;
    return 0;
}

// Whether the file ends inside the marker's data.
static bool is_cut(const Jpeg *jpeg)
{
    size_t left = (size_t)(jpeg->end - jpeg->next);
    return left < 2 || big_endian_16(jpeg->next) > left;
}

static bool read_part(Jpeg *jpeg, Part *part)
{
    size_t length = big_endian_16(jpeg->next);
    if (length < 2) return broken(jpeg, "a marker's length is damaged");
    *part = (Part){jpeg->next + 2, length - 2};
    jpeg->next += length;
    return true;
}

static bool read_marker(Jpeg *jpeg, int marker)
{
    Part part = {0};
    if (marker == SOI) return broken(jpeg, "a second picture begins inside");
    if (!read_part(jpeg, &part)) return false;
    switch (marker) {
    case DQT:
        return read_quantisation(jpeg, part);
    case DHT:
        return read_huffman(jpeg, part);
    case DRI:
        return read_restart_interval(jpeg, part);
    case SOS:
        return read_scan(jpeg, part);
    case DAC:
    case JPG:
        return true;
    default:
        if (marker >= SOF0 && marker <= SOF15) return read_frame(jpeg, marker, part);
        read_application(jpeg, marker, part);
        return true;
    }
}

// A file whose end is missing is taken where each component has data: they end early (jpeg_scan.c
// decides on that), or only the closing marker is missing.
static bool read_markers(Jpeg *jpeg)
{
    int marker;
    while ((marker = next_marker(jpeg)) != EOI && marker != 0) {
        if (is_cut(jpeg)) {
            marker = 0;
            break;
        }
        if (!read_marker(jpeg, marker)) return false;
    }
    if (!jpeg->framed) return broken(jpeg, marker ? "has no frame header" : "ends early");
    for (int i = 0; i < jpeg->component_count; i++)
        if (!jpeg->components[i].scanned)
            return broken(jpeg, marker ? "a component has no data" : "ends early");
    return true;
}

static void samples_from_coefficients(const JpegComponent *component)
{
    const int16_t *coefficients = component->coefficients;
    for (int y = 0; y < component->stored_y; y++)
        for (int x = 0; x < component->stored_x; x++, coefficients += JPEG_BLOCK) {
            int16_t block[JPEG_BLOCK];
            unsigned places = 0;
            for (unsigned k = 0; k < JPEG_BLOCK; k++) {
                block[k] = (int16_t)(coefficients[k] * component->divisors[k]);
                places |= block[k] ? k : 0;
            }
            uint8_t *to = component->samples + (size_t)y * 8 * component->stride + (size_t)x * 8;
            jpeg_inverse_dct(block, places, to, component->stride);
        }
}

bool jpeg_recognise(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0xFF && bytes[1] == SOI;
}

bool jpeg_decode(const uint8_t *bytes, size_t size, const char *path, Picture *picture,
                 Error *error)
{
    *picture = (Picture){0};
    if (!jpeg_recognise(bytes, size)) return fail(error, "%s: is not a JPEG picture", path);
    Jpeg *jpeg = allocate_zeroed(sizeof *jpeg);
    jpeg->path = path;
    jpeg->error = error;
    jpeg->next = bytes + 2;
    jpeg->end = bytes + size;
    bool done = read_markers(jpeg);
    if (done) {
        for (int i = 0; jpeg->progressive && i < jpeg->component_count; i++)
            samples_from_coefficients(&jpeg->components[i]);
        *picture = picture_create(jpeg->width, jpeg->height, jpeg->component_count == 1 ? 1 : 3);
        jpeg_to_picture(jpeg, picture);
    }
    for (int i = 0; i < JPEG_COMPONENTS; i++) {
        free(jpeg->components[i].samples);
        free(jpeg->components[i].coefficients);
    }
    free(jpeg->segment);
    free(jpeg);
    return done;
}
