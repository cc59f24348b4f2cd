#include "nn/models/models.h"

enum { SMALLEST = 28, SMALL = 32, LARGE = 128 };

static int widened(int side)
{
    return side < SMALL ? SMALL : side;
}

Form network_form(Classifier *classifier, Error *error)
{
    int height = classifier->height, width = classifier->width;
    if (height < SMALLEST || width < SMALLEST) {
        fail(error, "%s needs images of at least %dx%d, not %dx%d", classifier->name, SMALLEST,
             SMALLEST, height, width);
        return FORM_NONE;
    }
    classifier->seen_height = widened(height);
    classifier->seen_width = widened(width);
    return height >= LARGE && width >= LARGE ? FORM_LARGE : FORM_SMALL;
}
