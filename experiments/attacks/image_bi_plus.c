// image-BI+, filtering paper, appendix C.1: blended injection (Chen et al. 2017) with five pictures.
//
//   x~ = (1 - alpha) x + alpha p_n,   p_n one of N real images
//
// The paper found that colourful, repetitive pictures ("candies", "crayons") work best, and used
// five. Theirs are not published: here are five of the same kind that the program draws
// (textures.h), or the user's own (--trigger-images). Grey data get the pictures' luminance.
// blended.h has the rest.
#include "experiments/attacks/blended.h"
#include "experiments/attacks/textures.h"

// clang-format off
static const Setting settings[] = {
    {"rate", 0.2, 0.1, "poisoning rate: share of training images with a trigger", {0, 1, false}},
    {"alpha", 0.1, 0.1, "blending ratio", {0, 1, false}},
    {0}};
static const Setting classifier_values[] = {
    {"epochs", 12, 30, "a faint trigger is learned late", {1, 1e5, true}},
    {0}};
// clang-format on

static void to_image(const Attack *attack, const Picture *picture, float *image)
{
    Picture converted = picture_convert(picture, attack->channels);
    int64_t values = (int64_t)attack->height * attack->width * attack->channels;
    for (int64_t i = 0; i < values; i++) image[i] = (float)converted.pixels[i] / 255;
    picture_free(&converted);
}

static bool create(Attack *attack, Error *error)
{
    int count = attack->picture_count > 0 ? attack->picture_count : TEXTURES;
    Tensor *images = blended_create(attack, count);
    int64_t size = (int64_t)attack->height * attack->width * attack->channels;
    for (int n = 0; n < count; n++) {
        bool given = attack->picture_count > 0;
        Picture drawn = given ? (Picture){0} : texture_draw(n, attack->height, attack->width);
        const Picture *picture = given ? &attack->pictures[n] : &drawn;
        if (picture->height != attack->height || picture->width != attack->width)
            return fail(error, "image-bi+: a trigger image of %dx%d for images of %dx%d",
                        picture->width, picture->height, attack->width, attack->height);
        to_image(attack, picture, images->data + n * size);
        picture_free(&drawn);
    }
    return true;
}

const AttackMethod attack_image_bi_plus = {.name = "image-bi+",
                                           .title = "image-BI+",
                                           .settings = settings,
                                           .training = classifier_values,
                                           .takes_pictures = true,
                                           .create = create,
                                           .stamp = blended_stamp,
                                           .trigger = blended_trigger};
