#!/bin/sh
# Everything that needs a GPU, in one run of under nine minutes on a machine with one: builds with the C compiler alone, then
# golden cases, networks, random shapes and repeatability in every precision, trainings (the same bits twice; going on after kill -9),
# PTX and memory checks where NVIDIA's tools are, all at the same time; then, alone, times beside PyTorch's where that is, bandwidths.
# Each part has its own limit of time and its own lines in the report; a part that fails or runs out of time does not stop the next.
# usage: [DEVICE=cuda] [BENCH_TORCH=python3] cuda/on-device.sh [REPORT] (default build/on-device.txt)
#        cuda/on-device.sh --for SECONDS COMMAND ARGUMENTS.. : `sieve COMMAND --device cuda ARGUMENTS` (train, run), stopped by kill -9
#        after so long; the next call goes on from its last checkpoint: a long training in several leases of a machine
# ../shared or $SIEVE_SHARED holds golden cases, real data and torch_bench.py. Exit status 0 only if every part passed.
cd "$(dirname "$0")/.." || exit 1
shared=${SIEVE_SHARED:-../shared}
export BUILD=${BUILD:-build}
device=${DEVICE:-cuda}
scratch=$BUILD/on-device # results of the trainings

# The parts that are more than one command; the script calls itself, so that each has its limit of time.
case $1 in
--golden) # PRECISION
    exec "$BUILD/op_check" --device "$device" --precision "$2" "$shared"/golden/ops/*.safetensors
    ;;
--repeatable) # PRECISION: two runs must print the same errors to the last digit: the sums have one order
    "$BUILD/sieve" ops --device "$device" --check --precision "$2" >"$BUILD/first.txt" || exit 1
    "$BUILD/sieve" ops --device "$device" --check --precision "$2" | cmp - "$BUILD/first.txt"
    exit
    ;;
--for) # SECONDS COMMAND ARGUMENTS..: not beside others under MPS, which a client that is killed may take down
    seconds=$2
    command=$3
    shift 3
    timeout -s KILL "$seconds" "$BUILD/sieve" "$command" --device "$device" "$@"
    status=$?
    [ $status -eq 137 ] && echo "stopped after $seconds s; the same call goes on from the last checkpoint"
    exit $status
    ;;
--same-bits) # ARGUMENTS..: a training twice leaves the same bits; the processor's accuracies and times beside it
    shift
    rm -rf "$scratch/same"
    mkdir -p "$scratch/same"
    train() { # NAME ARGUMENTS..
        to=$scratch/same/$1
        shift
        "$BUILD/sieve" train --quiet --json "$to.json" --out "$to" -o "$to.safetensors" "$@"
    }
    train first --device "$device" "$@" && train second --device "$device" "$@" && train cpu "$@" || exit 1
    grep -H '"classifier":' "$scratch/same/first.json" "$scratch/same/cpu.json" # seconds
    cmp "$scratch/same/first.safetensors" "$scratch/same/second.safetensors"
    exit
    ;;
--attacks) # those that train networks of their own
    "$BUILD/sieve" train --device "$device" --data digits --attack label-consistent --quiet --out "$scratch/attacks" &&
        "$BUILD/sieve" train --device "$device" --data digits --attack hidden-trigger --model mlp --quiet --out "$scratch/attacks" &&
        "$BUILD/sieve" run --device "$device" --data digits --attack dba --model mnist-dba --defense none --quiet --out "$scratch/attacks" &&
        "$BUILD/sieve" train --device "$device" --data digits --attack natural --model mnist-dba --quiet --out "$scratch/attacks"
    exit
    ;;
--goes-on) # SECONDS ARGUMENTS..: a long training killed after so long, twice; the second goes on where the first stood
    seconds=$2
    shift 2
    rm -rf "$scratch/long"
    before=0
    for call in first second; do
        timeout -s KILL "$seconds" "$BUILD/sieve" train --device "$device" --quiet --out "$scratch/long" -o "$scratch/long.safetensors" "$@"
        [ $? -eq 137 ] || exit 1
        checkpoint=$(ls "$scratch"/long/classifiers/*/checkpoint.safetensors) || exit 1
        now=$(head -c 1000000 "$checkpoint" | grep -a -o '"epochs_done":"[0-9]*"' | head -n 1 | tr -dc 0-9)
        echo "$call call: the checkpoint is after ${now:-no} epochs"
        [ "${now:-0}" -gt "$before" ] || exit 1
        before=$now
    done
    exit 0
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

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
parts=0 # started since the last report

# Starts a part in the background: SECONDS NAME COMMAND...
part() {
    parts=$((parts + 1))
    seconds=$1
    echo "$2" >"$logs/$parts.name"
    shift 2
    left=$((530 - $(date +%s) + started))
    [ "$seconds" -gt "$left" ] && seconds=$left
    [ "$seconds" -lt 1 ] && seconds=1
    (
        began=$(date +%s)
        timeout "$seconds" "$@" >"$logs/$parts.log" 2>&1
        echo "$? $(($(date +%s) - began))" >"$logs/$parts.status"
    ) &
}

# Waits for the parts under way and writes what they said, in the order of their start.
report_parts() {
    wait
    n=1
    while [ $n -le $parts ]; do
        read -r status took <"$logs/$n.status"
        name=$(cat "$logs/$n.name")
        say ""
        say "== $name ($took s)"
        grep -v '^ok ' "$logs/$n.log" | tail -n 90 | tee -a "$report"
        if [ "$status" -eq 0 ]; then say "ok $name"; else say "FAIL $name (status $status)"; failed=$((failed + 1)); fi
        n=$((n + 1))
    done
    parts=0
}

have_mnist() { [ -f "$shared/data/mnist/train-images-idx3-ubyte" ] || [ -f "$shared/data/mnist/train-images-idx3-ubyte.gz" ]; }

say "sieve $(git describe --always --dirty 2>/dev/null) on $(uname -n), $(date -u), device $device"
command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader | tee -a "$report"
part 120 "build with the C compiler alone" make -j16 all "$BUILD/tests/bench/bench" "$BUILD/tests/cuda/test_ptx"
report_parts
"$BUILD/sieve" ops | head -n 2 | tee -a "$report"
part 120 "PTX" "$BUILD/tests/cuda/test_ptx"
for precision in exact tf32 bf16; do
    part 60 "random shapes, $precision" "$BUILD/sieve" ops --device "$device" --check --precision $precision
    [ -d "$shared/golden/ops" ] && part 60 "golden cases, $precision" cuda/on-device.sh --golden $precision
done
export SIEVE_WARPGROUPS=always
part 60 "random shapes, tf32, second set" "$BUILD/sieve" ops --device "$device" --check --precision tf32
[ -d "$shared/golden/ops" ] && part 60 "golden cases, tf32, second set" cuda/on-device.sh --golden tf32
unset SIEVE_WARPGROUPS
[ -d "$shared/golden/models" ] && part 60 "golden networks" "$BUILD/model_check" --device "$device" "$shared"/golden/models/*.safetensors
part 60 "the same bits on every run" cuda/on-device.sh --repeatable tf32
part 100 "a training twice: the same bits" cuda/on-device.sh --same-bits --data digits --attack badnet+ --precision tf32
part 100 "a training that is killed goes on" cuda/on-device.sh --goes-on 35 --data signs --model preact-resnet18 --precision tf32 --set classifier.epochs=100000
part 100 "attack and filters" "$BUILD/sieve" run --device "$device" --precision tf32 --data digits --attack badnet+ --defense vif,aif --quiet --out "$scratch/run"
part 100 "training-time defenses" "$BUILD/sieve" run --device "$device" --data digits --attack badnets --defense none,activation-clustering,abl,nad,dp-sgd --set dp-sgd.epochs=2 --quiet --out "$scratch/run"
part 100 "attacks with networks of their own" cuda/on-device.sh --attacks
have_mnist && part 100 "MNIST" "$BUILD/sieve" train --device "$device" --precision tf32 --data mnist --data-dir "$shared/data" --attack badnet+ --scale paper --set classifier.epochs=5 -o "$scratch/mnist.safetensors" --out "$scratch/run"
if command -v compute-sanitizer >/dev/null; then
    part 100 "compute-sanitizer memcheck" compute-sanitizer --error-exitcode 9 --tool memcheck "$BUILD/sieve" ops --device "$device" --check
    part 100 "compute-sanitizer memcheck, tf32" env SIEVE_WARPGROUPS=always compute-sanitizer --error-exitcode 9 --tool memcheck "$BUILD/sieve" ops --device "$device" --check --precision tf32
    part 100 "compute-sanitizer racecheck" compute-sanitizer --error-exitcode 9 --tool racecheck "$BUILD/sieve" ops --device "$device" --check
else
    say "skipped compute-sanitizer: not installed"
fi
# What torch.compile makes is kept, so that the times below need not wait for it.
timeout 120 tests/bench/compare-cuda.sh --warm >/dev/null 2>&1 &
report_parts
part 300 "times and bandwidths" tests/bench/compare-cuda.sh
report_parts
say ""
say "$failed parts failed, $(($(date +%s) - started)) s"
[ $failed -eq 0 ]
