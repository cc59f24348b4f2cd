// core/random.c: Philox against the known answers of its authors' Random123, the normal numbers
// against libm and, bit for bit, against a digest that every compiler and processor has to
// reproduce.
#include "core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/sha256.h"
#include "tests/test.h"

static void philox_gives_the_known_answers(void)
{
    // kat_vectors of Random123: counter, key, answer of philox4x32 with 10 rounds.
    static const uint32_t vectors[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
         0x94fdcceb, 0x5001e420, 0x24126ea1}};
    for (int i = 0; i < 3; i++) {
        const uint32_t *v = vectors[i];
        RandomKey key = {.seed = (uint64_t)v[5] << 32 | v[4], .purpose = v[3], .step = v[2]};
        uint32_t words[4];
        random_block(key, (uint64_t)v[1] << 32 | v[0], words);
        check(memcmp(words, v + 6, sizeof words) == 0, "vector %d: %08x %08x %08x %08x", i,
              words[0], words[1], words[2], words[3]);
    }
}

static void purposes_are_fnv1a(void)
{
    check(random_purpose("") == 0x811c9dc5, "%08x", random_purpose(""));
    check(random_purpose("a") == 0xe40c292c, "%08x", random_purpose("a"));
    check(random_purpose("foobar") == 0xbf9cf968, "%08x", random_purpose("foobar"));
}

static void numbers_come_from_their_words(void)
{
    RandomKey key = {.seed = 7, .purpose = random_purpose("words"), .step = 3};
    for (uint64_t index = 0; index < 1000; index++) {
        uint32_t words[4];
        random_block(key, index / 4, words);
        uint32_t word = words[index % 4];
        check(random_word(key, index) == word, "word %d", (int)index);
        float uniform = random_uniform(key, index);
        check(uniform == (float)(word >> 8) / 16777216.0f && uniform < 1, "uniform %d: %g",
              (int)index, uniform);
        check(random_below(key, index, 10) == (uint64_t)word * 10 / 4294967296u, "below %d",
              (int)index);
        check(random_below(key, index, 1) == 0, "below 1");
    }
}

static void every_part_of_the_key_matters(void)
{
    RandomKey key = {1, 2, 3}, seed = {2, 2, 3}, high = {1ull << 32 | 1, 2, 3}, purpose = {1, 3, 3},
              step = {1, 2, 4};
    uint32_t word = random_word(key, 5);
    check(word != random_word(seed, 5), "seed");
    check(word != random_word(high, 5), "high half of the seed");
    check(word != random_word(purpose, 5), "purpose");
    check(word != random_word(step, 5), "step");
    check(word != random_word(key, 5 + (4ull << 32)), "high half of the index");
}

static void normals_are_box_muller_of_libm(void)
{
    RandomKey key = {.seed = 11, .purpose = random_purpose("normal")};
    double worst = 0;
    for (uint64_t index = 0; index < 200000; index++) {
        uint32_t words[4];
        random_block(key, index / 4, words);
        double u = (words[index & 2] + 1.0) / 4294967296.0,
               v = words[(index & 2) + 1] / 4294967296.0;
        double angle = 6.283185307179586 * v;
        double expected = sqrt(-2 * log(u)) * (index & 1 ? sin(angle) : cos(angle));
        double error = fabs(random_normal(key, index) - expected) / fmax(1, fabs(expected));
        if (error > worst) worst = error;
    }
    check(worst < 2e-7, "largest error %g", worst);
}

static void normals_have_the_moments_of_the_normal_distribution(void)
{
    enum { COUNT = 1000000 };
    RandomKey key = {.seed = 12, .purpose = random_purpose("moments")};
    double sums[5] = {0}, beyond_2 = 0, neighbours = 0, last = 0;
    for (uint64_t index = 0; index < COUNT; index++) {
        double x = random_normal(key, index), power = 1;
        for (int k = 0; k < 5; k++, power *= x) sums[k] += power / COUNT;
        beyond_2 += fabs(x) > 2 ? 1.0 / COUNT : 0;
        neighbours += x * last / COUNT;
        last = x;
    }
    check(fabs(sums[1]) < 0.005, "mean %g", sums[1]);
    check(fabs(sums[2] - 1) < 0.007, "variance %g", sums[2]);
    check(fabs(sums[3]) < 0.02, "third moment %g", sums[3]);
    check(fabs(sums[4] - 3) < 0.05, "fourth moment %g", sums[4]);
    check(fabs(beyond_2 - 0.0455003) < 0.001, "beyond two deviations %g", beyond_2);
    check(fabs(neighbours) < 0.005, "correlation of neighbours %g", neighbours);
}

// The digest was made by the same formulas in numpy, not by this program.
static void normals_are_the_same_bits_everywhere(void)
{
    enum { COUNT = 100000 };
    uint8_t *bytes = allocate(4 * COUNT);
    RandomKey key = {.seed = 13, .purpose = random_purpose("bits"), .step = 1};
    for (uint64_t index = 0; index < COUNT; index++) {
        float value = random_normal(key, index);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        for (int k = 0; k < 4; k++) bytes[4 * index + (uint64_t)k] = (uint8_t)(bits >> 8 * k);
    }
    char hex[65];
    sha256_hex(bytes, 4 * COUNT, hex);
    check(strcmp(hex, "39d28f95e7771de4e254e8cad6d91526ca51342eecf683dce4da01813be7ecae") == 0,
          "digest %s", hex);
    free(bytes);
}

static void permutations_hold_every_number_once(void)
{
    enum { COUNT = 1000 };
    uint32_t order[COUNT], again[COUNT];
    RandomKey key = {.seed = 14, .purpose = random_purpose("order"), .step = 1}, next = key;
    next.step = 2;
    bool seen[COUNT] = {false};
    random_permutation(key, COUNT, order);
    for (int i = 0; i < COUNT; i++) {
        check(order[i] < COUNT && !seen[order[i]], "%u stands twice", order[i]);
        seen[order[i] % COUNT] = true;
    }
    random_permutation(key, COUNT, again);
    check(memcmp(order, again, sizeof order) == 0, "the same key gives another order");
    random_permutation(next, COUNT, again);
    int same = 0;
    for (int i = 0; i < COUNT; i++) same += order[i] == again[i];
    check(same < 10, "%d of 1000 stay with another step", same);
    order[0] = 99;
    random_permutation(key, 0, order);
    check(order[0] == 99, "a permutation of nothing wrote something");
    random_permutation(key, 1, order);
    check(order[0] == 0, "a permutation of one");
}

static void permutations_of_three_are_equally_likely(void)
{
    int counts[27] = {0};
    for (uint32_t step = 0; step < 60000; step++) {
        uint32_t order[3];
        random_permutation((RandomKey){15, random_purpose("three"), step}, 3, order);
        counts[9 * order[0] + 3 * order[1] + order[2]]++;
    }
    static const int orders[6] = {5, 7, 11, 15, 19, 21};
    for (int i = 0; i < 6; i++) {
        // 10000 expected, standard deviation 91
        check(abs(counts[orders[i]] - 10000) < 400, "order %d came %d times", orders[i],
              counts[orders[i]]);
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"philox_gives_the_known_answers", philox_gives_the_known_answers},
        {"purposes_are_fnv1a", purposes_are_fnv1a},
        {"numbers_come_from_their_words", numbers_come_from_their_words},
        {"every_part_of_the_key_matters", every_part_of_the_key_matters},
        {"normals_are_box_muller_of_libm", normals_are_box_muller_of_libm},
        {"normals_have_the_moments_of_the_normal_distribution",
         normals_have_the_moments_of_the_normal_distribution},
        {"normals_are_the_same_bits_everywhere", normals_are_the_same_bits_everywhere},
        {"permutations_hold_every_number_once", permutations_hold_every_number_once},
        {"permutations_of_three_are_equally_likely", permutations_of_three_are_equally_likely},
    };
    return TESTS_RUN(tests);
}
