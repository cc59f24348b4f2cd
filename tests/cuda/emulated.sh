#!/bin/sh
# What `make test` leaves out of the emulated GPU: golden operator cases in every precision and with threads and blocks in another
# order, and the long tests of tests/cuda. usage: BUILD=build tests/cuda/emulated.sh
shared=${SIEVE_SHARED:-../shared}
export SIEVE_TEST_LONG=1
. "$(dirname "$0")/../side_by_side.sh"
for test in training_step device_training emulator device_kernels ptx; do
    queue "test_$test" "$BUILD/tests/cuda/test_$test"
done
if [ -d "$shared/golden/ops" ]; then
    for precision in exact tf32 bf16; do
        queue "golden cases, $precision" "$BUILD/op_check" --device emulated --precision $precision "$shared"/golden/ops/*.safetensors
    done
    queue "golden cases, warpgroups" env SIEVE_WARPGROUPS=always "$BUILD/op_check" --device emulated --precision tf32 "$shared"/golden/ops/*.safetensors
    queue "golden cases, other order" env SIEVE_EMULATED_ORDER=7 "$BUILD/op_check" --device emulated "$shared"/golden/ops/*.safetensors
else
    echo "skipped golden cases: $shared/golden is absent"
fi
if [ -d "$shared/golden/models" ]; then
    queue "golden network mnist-ia" "$BUILD/model_check" --device emulated "$shared"/golden/models/mnist_ia.safetensors
fi
run_queue
