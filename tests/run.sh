#!/bin/sh
# Runs the test programs given as arguments, then the golden cases where ../shared is present; the closing line adds them up.
# usage: BUILD=build tests/run.sh PROGRAM...
shared=${SIEVE_SHARED:-../shared}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0

# Runs one program and adds the counts of its closing line; a program without one (a crash) counts as one failure.
run() {
    echo "== $(basename "$1")"
    "$@" >"$log" 2>&1
    status=$?
    grep -v '^ok ' "$log"
    counts=$(sed -n 's/.*\b\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
    if [ -z "$counts" ]; then
        echo "FAIL $1 ended with status $status and no closing line"
        failed=$((failed + 1))
        return
    fi
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
    if [ "$status" -ne 0 ] && [ "${counts#* }" -eq 0 ]; then
        echo "FAIL $1 ended with status $status"
        failed=$((failed + 1))
    fi
}

for program in "$@"; do
    run "$program"
done
if [ -d "$shared/golden" ]; then
    run "$BUILD/op_check" "$shared"/golden/ops/*.safetensors
    if "$BUILD/op_check" --device emulated "$shared"/golden/ops/add-000.safetensors | grep -q 'not in a program'; then
        echo "skipped golden cases on the emulated GPU: it is not in a program built with ThreadSanitizer"
    else
        run "$BUILD/op_check" --device emulated "$shared"/golden/ops/*.safetensors
    fi
    run "$BUILD/model_check" "$shared"/golden/models/mnist_ia.safetensors \
        "$shared"/golden/models/mnist_wanet.safetensors "$shared"/golden/models/filter_mnist.safetensors
else
    echo "skipped golden cases: $shared/golden is absent"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
