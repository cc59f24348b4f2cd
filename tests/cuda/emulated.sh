#!/bin/sh
# What `make test` leaves out of the emulated GPU: golden operator cases in every precision and with threads and blocks in another
# order, and the long tests of tests/cuda. usage: BUILD=build tests/cuda/emulated.sh
shared=${SIEVE_SHARED:-../shared}
export SIEVE_TEST_LONG=1
status=0
passed=0
failed=0
check() { # NAME COMMAND...
    name=$1
    shift
    line=$("$@" 2>&1 | tee "$BUILD/emulated.log" | tail -n 1)
    grep '^FAIL' "$BUILD/emulated.log"
    counts=$(echo "$line" | sed -n 's/.*\b\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p')
    echo "$name: ${line:-no closing line}"
    [ -n "$counts" ] || counts="0 1"
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
}
if [ -d "$shared/golden/ops" ]; then
    for precision in exact tf32 bf16; do
        check "golden cases, $precision" "$BUILD/op_check" --device emulated --precision $precision "$shared"/golden/ops/*.safetensors
    done
    SIEVE_EMULATED_ORDER=7 check "golden cases, other order" "$BUILD/op_check" --device emulated "$shared"/golden/ops/*.safetensors
else
    echo "skipped golden cases: $shared/golden is absent"
fi
if [ -d "$shared/golden/models" ]; then
    check "golden network mnist-ia" "$BUILD/model_check" --device emulated "$shared"/golden/models/mnist_ia.safetensors
fi
for test in emulator device_kernels training_step device_training ptx; do
    check "test_$test" "$BUILD/tests/cuda/test_$test"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
