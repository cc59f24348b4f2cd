#!/bin/sh
# Builds each tests/fuzz/fuzz_*.c with libFuzzer and the sanitizers and runs it for FUZZ_SECONDS.
set -e
compiler=${FUZZ_CC:-clang}
out=${BUILD:-build}/fuzz
mkdir -p "$out"
status=0
for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    "$compiler" -std=c11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
        -D_GNU_SOURCE -I. -o "$out/$name" "$source" core/angle.c core/error.c core/file.c core/json*.c \
        core/random.c core/safetensors.c core/sha256.c core/thread.c data/*.c -lm -pthread
    mkdir -p "$out/corpus-$name"
    if "$out/$name" -max_total_time="${FUZZ_SECONDS:-300}" -rss_limit_mb=4096 -artifact_prefix="$out/" \
        "$out/corpus-$name" >"$out/$name.log" 2>&1; then
        echo "ok $name: $(sed -n 's/^Done \(.*\)$/\1/p' "$out/$name.log")"
    else
        echo "FAIL $name: see $out/$name.log"
        status=1
    fi
done
exit $status
