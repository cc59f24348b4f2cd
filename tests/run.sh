#!/bin/sh
# Runs the test programs given as arguments, and the golden cases where ../shared is present; the closing line adds them up.
# usage: BUILD=build tests/run.sh PROGRAM...
shared=${SIEVE_SHARED:-../shared}
. "$(dirname "$0")/side_by_side.sh"
for program in "$@"; do
    queue "$(basename "$program")" "$program"
done
if [ -d "$shared/golden" ]; then
    queue "golden cases" "$BUILD/op_check" "$shared"/golden/ops/*.safetensors
    if "$BUILD/op_check" --device emulated "$shared"/golden/ops/add-000.safetensors | grep -q 'not in a program'; then
        echo "skipped golden cases on the emulated GPU: it is not in a program built with ThreadSanitizer"
    else
        queue "golden cases, emulated" "$BUILD/op_check" --device emulated "$shared"/golden/ops/*.safetensors
    fi
    queue "golden networks" "$BUILD/model_check" "$shared"/golden/models/mnist_ia.safetensors \
        "$shared"/golden/models/mnist_wanet.safetensors "$shared"/golden/models/filter_mnist.safetensors
else
    echo "skipped golden cases: $shared/golden is absent"
fi
run_queue
