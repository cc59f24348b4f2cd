#!/bin/sh
# The tests under AddressSanitizer with UndefinedBehaviorSanitizer, under ThreadSanitizer, and the quick ones under valgrind.
# SIEVE_TEST_SMALL tells the tests that train networks to do less; whole runs of the program are left to make test, and
# ThreadSanitizer sees the programs in which threads share work.
set -e
jobs=$(getconf _NPROCESSORS_ONLN)
status=0

suite() { # NAME CFLAGS PROGRAM...
    name=$1
    flags=$2
    shift 2
    echo "== $name"
    mkdir -p "build/$name"
    log=build/$name/test.log
    programs=$(for program in "$@"; do echo "build/$name/tests/$program"; done)
    make --no-print-directory -j"$jobs" BUILD="build/$name" CFLAGS="$flags" TESTS="$(echo $programs)" test >"$log" 2>&1 ||
        status=1
    grep -E '^(FAIL|==.*(ERROR|WARNING)|.*runtime error|skipped)' "$log" || true
    tail -n 1 "$log"
}

export SIEVE_TEST_SMALL=1
export UBSAN_OPTIONS=halt_on_error=1 TSAN_OPTIONS=halt_on_error=1
# The longest first: two run side by side.
every=$(cd tests && printf '%s\n' cuda/test_*.c experiments/test_*.c core/test_*.c nn/test_*.c optim/test_*.c data/test_*.c | sed 's/\.c$//' |
    grep -vE '/test_(run|training_cell|baseline_runs|dp_sgd|blobs)$')
suite address "-O2 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer" $every
suite thread "-O2 -fsanitize=thread" core/test_kernels core/test_winograd core/test_frozen core/test_determinism core/test_tape \
    core/test_clipped data/test_batch data/test_folder nn/test_modules experiments/test_training

if command -v valgrind >/dev/null; then
    echo "== valgrind"
    make --no-print-directory -j"$jobs" BUILD=build/valgrind CFLAGS="-O1" all \
        build/valgrind/tests/core/test_json build/valgrind/tests/core/test_safetensors \
        build/valgrind/tests/core/test_tape build/valgrind/tests/data/test_gzip build/valgrind/tests/data/test_idx \
        >/dev/null
    for program in core/test_json core/test_safetensors core/test_tape data/test_gzip data/test_idx; do
        valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
            "build/valgrind/tests/$program" >/dev/null && echo "ok $program" || { echo "FAIL $program"; status=1; }
    done
else
    echo "skipped valgrind: not installed"
fi
exit $status
