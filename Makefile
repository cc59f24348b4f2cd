# sieve: build with a C11 compiler, GNU make, libc, libm and pthreads. BUILDING.md explains the targets.
CC ?= cc
BUILD ?= build
PREFIX ?= /usr/local
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wconversion
# Results are the same bits everywhere: no contraction behind our back, fused multiply-add is named in the code.
FLAGS = -std=c11 -O2 -ffp-contract=off -fno-math-errno -fno-trapping-math $(WARNINGS) -D_GNU_SOURCE -I. -pthread -MMD -MP
CFLAGS ?=
LDLIBS = -lm -pthread $(if $(filter Linux,$(shell uname -s)),-ldl)
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
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
FLAGS_avx2 = -O3 -mavx2 -mfma
FLAGS_avx512 = -O3 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512
FLAGS_neon = -O3

KERNEL_SOURCES = $(wildcard core/cpu/kernels/*.c)
SOURCES = $(wildcard core/*.c core/cpu/*.c core/ops/*.c nn/*.c nn/models/*.c optim/*.c data/*.c cuda/*.c \
            experiments/*.c experiments/*/*.c)
PROGRAM = experiments/main.c
OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(PROGRAM),$(SOURCES))) \
          $(foreach isa,$(ISAS),$(patsubst %.c,$(BUILD)/%.$(isa).o,$(KERNEL_SOURCES)))
LIBRARY = $(BUILD)/libsieve.a

# The GPU's kernels, for the emulator: the compiler calls a function of cuda/emulate_memory.c before each access.
CUDA_KERNELS = $(wildcard cuda/kernels/*.cu)
OBJECTS += $(patsubst %.cu,$(BUILD)/%.emulated.o,$(CUDA_KERNELS))
CHECKED = $(filter-out -fsanitize% -fno-sanitize%,$(CFLAGS)) $(if $(findstring -fsanitize=thread,$(CFLAGS)),,-fsanitize=thread)
# The longest first: two run side by side.
TEST_SOURCES = $(wildcard tests/cuda/test_device_training.c) $(filter-out tests/cuda/test_device_training.c, \
    $(wildcard tests/cuda/test_*.c tests/experiments/test_*.c tests/core/test_*.c tests/nn/test_*.c tests/optim/test_*.c tests/data/test_*.c))
TESTS = $(patsubst %.c,$(BUILD)/%,$(TEST_SOURCES))

all: $(BUILD)/sieve $(BUILD)/op_check $(BUILD)/model_check

$(BUILD)/sieve: $(BUILD)/experiments/main.o $(LIBRARY)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/op_check: $(BUILD)/tests/op_calls.o
$(BUILD)/op_check $(BUILD)/model_check: $(BUILD)/%: $(BUILD)/tests/%.o $(BUILD)/tests/golden.o $(LIBRARY)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) -o $@ $(filter %.o,$^) $(LIBRARY) $(LDLIBS)

$(BUILD)/tests/core/test_operators $(BUILD)/tests/core/test_image_operators: $(BUILD)/tests/core/trial.o $(BUILD)/tests/core/reference.o

$(BUILD)/tests/experiments/test_attack $(BUILD)/tests/experiments/test_attack_blended $(BUILD)/tests/experiments/test_attack_wanet \
$(BUILD)/tests/experiments/test_adaptive $(BUILD)/tests/experiments/test_dba $(BUILD)/tests/experiments/test_hidden_trigger $(BUILD)/tests/experiments/test_pgd $(BUILD)/tests/experiments/test_attack_input_aware $(BUILD)/tests/experiments/test_poisoned_set: $(BUILD)/tests/experiments/attack_trial.o
$(BUILD)/tests/experiments/test_defense $(BUILD)/tests/experiments/test_filter_equations: $(BUILD)/tests/experiments/filter_trial.o
$(BUILD)/tests/cuda/test_training_step: $(BUILD)/tests/golden.o
$(BUILD)/tests/cuda/test_emulator: $(BUILD)/tests/cuda/faulty.emulated.o

# A driver that does nothing, for the driver's test.
$(BUILD)/tests/cuda/test_driver: | $(BUILD)/sieve $(BUILD)/tests/cuda/fake/libcuda.so.1
$(BUILD)/tests/cuda/fake/libcuda.so.1: tests/cuda/fake_driver.c
	@echo "  CC $< (shared)"
	@mkdir -p $(@D)
	@$(CC) $(FLAGS) -shared -fPIC -o $@ $<

# Tests that run the program itself.
$(BUILD)/tests/experiments/test_command_line $(BUILD)/tests/experiments/test_run $(BUILD)/tests/experiments/test_results_kept $(BUILD)/tests/experiments/test_training_cell $(BUILD)/tests/experiments/test_dp_sgd $(BUILD)/tests/experiments/test_baseline_runs $(BUILD)/tests/experiments/test_dba $(BUILD)/tests/experiments/test_hidden_trigger $(BUILD)/tests/experiments/test_image $(BUILD)/tests/experiments/test_value_figures $(BUILD)/tests/experiments/test_natural $(BUILD)/tests/cuda/test_device_training: $(BUILD)/tests/experiments/program.o | $(BUILD)/sieve

$(patsubst %,$(BUILD)/tests/data/test_%,gtsrb celeba folder trojai): $(BUILD)/tests/data/picture_files.o

$(TESTS) $(BUILD)/tests/bench/bench: $(BUILD)/%: $(BUILD)/%.o $(BUILD)/tests/test.o $(LIBRARY)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) -o $@ $(filter %.o,$^) $(LIBRARY) $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	@echo "  AR $@"
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/%.o: %.c
	@echo "  CC $<"
	@mkdir -p $(@D)
	@$(CC) $(FLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/%.emulated.o: %.cu
	@echo "  CC $< (emulated)"
	@mkdir -p $(@D)
	@$(CC) -x c $(FLAGS) $(CHECKED) -c -o $@ $<

$(BUILD)/cuda/emulate%.o: FLAGS += -O3

# The PTX text is part of this object (.incbin), which no list of headers tells.
$(BUILD)/cuda/ptx.o: $(wildcard cuda/kernels/*.ptx)

define isa_rule
$(BUILD)/%.$(1).o: %.c
	@echo "  CC $$< ($(1))"
	@mkdir -p $$(@D)
	@$(CC) $(FLAGS) $(FLAGS_$(1)) -DSIEVE_ISA=$(1) -DSIEVE_ISA_$(1) $(CFLAGS) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

# Inner loops over vectors, unrolled.
$(BUILD)/data/jpeg_idct.o $(BUILD)/data/jpeg_colour.o: FLAGS += -O3

# The program's version is git's name of the commit; machine.c is compiled again when that changes.
$(BUILD)/experiments/machine.o: FLAGS += -DSIEVE_VERSION='"$(VERSION)"'
$(BUILD)/experiments/machine.o: $(BUILD)/version
$(BUILD)/version: always
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

# The story on the built-in data: build, plant a Trojan, filter it out, print the table and the report's path.
demo:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/sieve
	@$(BUILD)/sieve demo --out results/demo

# Every test; closing line "N passed, N failed". SIEVE_SHARED (default ../shared) holds golden cases and real data.
test:
	@$(MAKE) --no-print-directory -j$(JOBS) all $(TESTS)
	@BUILD=$(BUILD) tests/run.sh $(TESTS)

# The tests under the sanitizers and a part of them under valgrind: slow.
check:
	@tests/check.sh

# Times beside PyTorch's, where a python3 with torch is found (BENCH_TORCH=...), one after the other on this machine.
bench:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/tests/bench/bench
	@BUILD=$(BUILD) tests/bench/compare.sh

# The same on a GPU, in each precision, beside PyTorch's; cuda/on-device.sh does this and all other checks there.
bench-cuda:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/tests/bench/bench
	@BUILD=$(BUILD) tests/bench/compare-cuda.sh

# The GPU's kernels, emulated: all golden cases in every precision and with the threads in another order, and a training step of
# preact-resnet18. Minutes.
test-emulated:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/op_check $(BUILD)/model_check $(filter $(BUILD)/tests/cuda/%,$(TESTS))
	@BUILD=$(BUILD) tests/cuda/emulated.sh

# Fuzzes the readers of untrusted files, each for FUZZ_SECONDS; needs clang with libFuzzer.
FUZZ_SECONDS ?= 300
fuzz:
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh

# The long checks: interruption at random moments, all instruction sets and thread counts on whole runs.
test-long:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/sieve
	@SIEVE=$(BUILD)/sieve tests/long/determinism.sh
	@SIEVE=$(BUILD)/sieve tests/long/resume.sh

# The PTX text of the GPU's kernels, where NVIDIA's compiler is; it is checked in, so that nobody else needs one.
ptx:
	@cuda/make-ptx.sh

install: $(BUILD)/sieve
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BUILD)/sieve $(DESTDIR)$(PREFIX)/bin/sieve

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
always:

.PHONY: always all demo test check bench fuzz test-long ptx bench-cuda test-emulated install clean
