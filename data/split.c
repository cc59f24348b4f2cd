// Of the n_c samples of class c, trunc(0.7 n_c) in double arithmetic go to D_val; this reproduces
// the paper's printed sizes and the grids of its percentages (for 0.7 * 90, just below 63, it gives
// 62). Which samples they are the paper leaves open: here each class is shuffled with a fixed key.
#include "data/split.h"

#include <stdlib.h>
#include <string.h>
#include "core/random.h"

// Marks trunc(0.7 n) of the n samples of this class as D_val. members: room for all indices of the
// class.
static void choose_of_class(const Dataset *dataset, int label, uint32_t *members, uint32_t *order,
                            bool *in_validation)
{
    uint32_t count = 0;
    for (int64_t i = 0; i < dataset->count; i++)
        if (dataset->labels[i] == label) members[count++] = (uint32_t)i;
    RandomKey key = {
        .seed = 0, .purpose = random_purpose("defense split"), .step = (uint32_t)label};
    random_permutation(key, count, order);
    uint32_t share = (uint32_t)(0.7 * (double)count);
    for (uint32_t i = 0; i < share; i++) in_validation[members[order[i]]] = true;
}

DefenseSplit defense_split(const Dataset *dataset)
{
    unsigned long long bytes = (unsigned long long)dataset->count * sizeof(uint32_t);
    bool *in_validation = allocate_zeroed((unsigned long long)dataset->count);
    uint32_t *members = allocate(bytes), *order = allocate(bytes);
    for (int label = 0; label < dataset->classes; label++)
        choose_of_class(dataset, label, members, order, in_validation);

    DefenseSplit split = {.validation = members, .test = order}; // their old content is not needed
    for (int64_t i = 0; i < dataset->count; i++) {
        if (in_validation[i])
            split.validation[split.validation_count++] = (uint32_t)i;
        else
            split.test[split.test_count++] = (uint32_t)i;
    }
    free(in_validation);
    return split;
}

void defense_split_free(DefenseSplit *split)
{
    free(split->validation);
    free(split->test);
    *split = (DefenseSplit){0};
}
