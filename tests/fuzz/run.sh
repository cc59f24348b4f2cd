#!/bin/sh
# Builds each tests/fuzz/fuzz_*.c (or those named as arguments) with libFuzzer and the sanitizers and runs it for
# FUZZ_SECONDS, beginning with the sample files of ../shared where they are.
set -e
compiler=${FUZZ_CC:-clang}
out=${BUILD:-build}/fuzz
mkdir -p "$out"
images=${SIEVE_SHARED:-../shared}/data/images
status=0

# Sample files for the target; none for those whose corpus grows quickly from nothing.
seeds() {
    case $1 in
    fuzz_jpeg) ls -d "$images"/jpeg "$images"/jpeg-corrupt "$images"/jpeg-rare 2>/dev/null ;;
    fuzz_picture) ls -d "$images"/pnm "$images"/pnm-corrupt 2>/dev/null ;;
    fuzz_png) ls -d "$images"/png "$images"/png-corrupt 2>/dev/null ;;
    fuzz_gzip) ls -d "$images"/inflate 2>/dev/null ;;
    esac
}

# What the targets call, compiled once; data/batch.c reads no file, but needs every kernel.
flags="-std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -D_GNU_SOURCE -I."
rm -rf "$out/parts" && mkdir "$out/parts"
for source in core/angle.c core/error.c core/file.c core/json*.c core/random.c core/safetensors.c core/sha256.c core/thread.c data/*.c; do
    [ "$source" = data/batch.c ] && continue
    "$compiler" $flags -fsanitize=fuzzer-no-link -c -o "$out/parts/$(basename "$source" .c).o" "$source"
done

[ $# -gt 0 ] || set -- tests/fuzz/fuzz_*.c
for source in "$@"; do
    name=$(basename "$source" .c)
    "$compiler" $flags -fsanitize=fuzzer -o "$out/$name" "$source" "$out"/parts/*.o -lm -pthread
    mkdir -p "$out/corpus-$name"
    if "$out/$name" -max_total_time="${FUZZ_SECONDS:-300}" -rss_limit_mb=4096 -max_len=4096 -artifact_prefix="$out/" \
        "$out/corpus-$name" $(seeds "$name") >"$out/$name.log" 2>&1; then
        echo "ok $name: $(sed -n 's/^Done \(.*\)$/\1/p' "$out/$name.log")"
    else
        echo "FAIL $name: see $out/$name.log"
        status=1
    fi
done
exit $status
