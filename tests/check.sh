#!/bin/sh
# The tests under AddressSanitizer with UndefinedBehaviorSanitizer, under ThreadSanitizer, and the quick ones under valgrind.
# SIEVE_TEST_SMALL tells the tests that train networks to do less.
set -e
jobs=$(getconf _NPROCESSORS_ONLN)
status=0

suite() { # NAME CFLAGS
    echo "== $1"
    mkdir -p "build/$1"
    log=build/$1/test.log
    make --no-print-directory -j"$jobs" BUILD="build/$1" CFLAGS="$2" test >"$log" 2>&1 || status=1
    grep -E '^(FAIL|==.*(ERROR|WARNING)|.*runtime error|skipped)' "$log" || true
    tail -n 1 "$log"
}

export SIEVE_TEST_SMALL=1
export UBSAN_OPTIONS=halt_on_error=1 TSAN_OPTIONS=halt_on_error=1
suite address "-O2 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
suite thread "-O2 -fsanitize=thread"

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
