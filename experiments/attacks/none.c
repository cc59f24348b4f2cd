// No attack: the benign classifier that every table starts with.
#include "experiments/attack.h"

const AttackMethod attack_none = {.name = "none", .title = "Benign"};
