#include "experiments/augmentation.h"

static void complete(Json *settings, const char *name, double of_data)
{
    const Json *value = json_get(settings, name);
    if (value && value->kind == JSON_NUMBER && isnan(value->number))
        json_set(settings, name, json_number(of_data));
}

void augmentation_complete(Json *settings, const Augmentation *of_data)
{
    complete(settings, "crop_padding", of_data->crop_padding);
    complete(settings, "rotation", (double)of_data->rotation_degrees);
    complete(settings, "flip", of_data->flip);
}

Augmentation augmentation_of(const Json *settings)
{
    return (Augmentation){.crop_padding = (int)setting(settings, "crop_padding"),
                          .rotation_degrees = (float)setting(settings, "rotation"),
                          .flip = setting(settings, "flip") != 0};
}
