# sieve: build with a C11 compiler, GNU make, libc, libm and pthreads. BUILDING.md explains the targets.
CC ?= cc
BUILD ?= build
PREFIX ?= /usr/local
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wconversion
# Results are the same bits everywhere: no contraction behind our back, fused multiply-add is named in the code.
FLAGS = -std=c11 -O3 -g -ffp-contract=off -fno-math-errno -fno-trapping-math $(WARNINGS) -D_GNU_SOURCE -I. -pthread -MMD -MP
CFLAGS ?=
LDLIBS = -lm -pthread
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unversioned)

# The kernels of core/cpu/kernels/ are compiled once per instruction set and chosen when the program starts.
MACHINE := $(shell $(CC) -dumpmachine | cut -d- -f1)
ifeq ($(MACHINE),x86_64)
ISAS = reference baseline avx2 avx512
else ifeq ($(MACHINE),aarch64)
ISAS = reference neon
else
ISAS = reference
endif
FLAGS_avx2 = -mavx2 -mfma
FLAGS_avx512 = -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512

KERNEL_SOURCES = $(wildcard core/cpu/kernels/*.c)
SOURCES = $(wildcard core/*.c core/cpu/*.c core/ops/*.c nn/*.c nn/models/*.c optim/*.c data/*.c cuda/*.c \
            experiments/*.c experiments/*/*.c)
PROGRAM = experiments/main.c
OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(PROGRAM),$(SOURCES))) \
          $(foreach isa,$(ISAS),$(patsubst %.c,$(BUILD)/%.$(isa).o,$(KERNEL_SOURCES)))
LIBRARY = $(BUILD)/libsieve.a
TEST_SOURCES = $(wildcard tests/core/test_*.c tests/nn/test_*.c tests/optim/test_*.c tests/data/test_*.c tests/experiments/test_*.c)
TESTS = $(patsubst %.c,$(BUILD)/%,$(TEST_SOURCES))

all: $(BUILD)/sieve $(BUILD)/op_check $(BUILD)/model_check

$(BUILD)/sieve: $(BUILD)/experiments/main.o $(LIBRARY)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/op_check $(BUILD)/model_check: $(BUILD)/%: $(BUILD)/tests/%.o $(BUILD)/tests/golden.o $(LIBRARY)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(TESTS) $(BUILD)/tests/bench/bench: $(BUILD)/%: $(BUILD)/%.o $(BUILD)/tests/test.o $(LIBRARY)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(CFLAGS) -c -o $@ $<

define isa_rule
$(BUILD)/%.$(1).o: %.c
	@mkdir -p $$(@D)
	$(CC) $(FLAGS) $(FLAGS_$(1)) -DSIEVE_ISA=$(1) -DSIEVE_ISA_$(1) $(CFLAGS) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d)
.PHONY: all clean
