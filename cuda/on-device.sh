#!/bin/sh
# Everything that needs a GPU, in one run of under nine minutes on a machine with one: builds with the C compiler alone, then
# golden cases, random shapes and repeatability in every precision, PTX and memory checks where NVIDIA's tools are, times beside
# PyTorch's where that is. Each part has its own limit of time and its own lines in the report; a part that fails or runs out of
# time does not stop the next. usage: cuda/on-device.sh [REPORT] (default build/on-device.txt); ../shared or $SIEVE_SHARED holds
# golden cases and torch_bench.py. Exit status 0 only if every part passed.
cd "$(dirname "$0")/.." || exit 1
shared=${SIEVE_SHARED:-../shared}
export BUILD=${BUILD:-build}

# The parts that are more than one command; the script calls itself, so that each has its limit of time.
case $1 in
--golden) # PRECISION
    exec "$BUILD/op_check" --device cuda --precision "$2" "$shared"/golden/ops/*.safetensors
    ;;
--repeatable) # PRECISION: two runs must print the same errors to the last digit: the sums have one order
    "$BUILD/sieve" ops --device cuda --check --precision "$2" >"$BUILD/first.txt" || exit 1
    "$BUILD/sieve" ops --device cuda --check --precision "$2" | cmp - "$BUILD/first.txt"
    exit
    ;;
esac

report=${1:-build/on-device.txt}
mkdir -p "$(dirname "$report")" "$BUILD"
: >"$report"
started=$(date +%s)
failed=0

say() {
    echo "$*" | tee -a "$report"
}

part() { # SECONDS NAME COMMAND...
    seconds=$1
    name=$2
    shift 2
    left=$((530 - $(date +%s) + started))
    [ "$seconds" -gt "$left" ] && seconds=$left
    say ""
    if [ "$seconds" -lt 1 ]; then
        say "FAIL $name: no time left"
        failed=$((failed + 1))
        return
    fi
    say "== $name ($(($(date +%s) - started)) s)"
    log=$(mktemp)
    timeout "$seconds" "$@" >"$log" 2>&1
    status=$?
    grep -v '^ok ' "$log" | tail -n 60 | tee -a "$report"
    rm -f "$log"
    if [ $status -eq 0 ]; then say "ok $name"; else say "FAIL $name (status $status)"; failed=$((failed + 1)); fi
}

say "sieve $(git describe --always --dirty 2>/dev/null) on $(uname -n), $(date -u)"
command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader | tee -a "$report"
part 120 "build with the C compiler alone" make -j16 all "$BUILD/tests/bench/bench" "$BUILD/tests/cuda/test_ptx"
"$BUILD/sieve" ops | head -n 2 | tee -a "$report"
part 60 "PTX" "$BUILD/tests/cuda/test_ptx"
for precision in exact tf32 bf16; do
    part 60 "random shapes, $precision" "$BUILD/sieve" ops --device cuda --check --precision $precision
    [ -d "$shared/golden/ops" ] && part 90 "golden cases, $precision" cuda/on-device.sh --golden $precision
done
part 30 "the same bits on every run" cuda/on-device.sh --repeatable tf32
if command -v compute-sanitizer >/dev/null; then
    part 60 "compute-sanitizer memcheck" compute-sanitizer --error-exitcode 9 --tool memcheck "$BUILD/sieve" ops --device cuda --check
    part 60 "compute-sanitizer racecheck" compute-sanitizer --error-exitcode 9 --tool racecheck "$BUILD/sieve" ops --device cuda --check
else
    say "skipped compute-sanitizer: not installed"
fi
part 200 "times" tests/bench/compare-cuda.sh
say ""
say "$failed parts failed, $(($(date +%s) - started)) s"
[ $failed -eq 0 ]
