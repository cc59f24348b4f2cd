#!/bin/sh
# sieve's times on the GPU beside PyTorch's there, precision by precision, the two run in turn: exact beside fp32, tf32, bf16;
# PyTorch in channels-last format: eager, through torch.compile, and with the training step as one CUDA graph. bf16 and tf32 in
# full, exact for whole networks only. usage: BUILD=build tests/bench/compare-cuda.sh [--warm | PREFIX]; --warm: only lets
# torch.compile do its work, whose results it keeps
python=${BENCH_TORCH:-python3}
torch_bench=${SIEVE_SHARED:-../shared}/bench/torch_bench.py
sieve=$BUILD/tests/bench/bench
prefix=${1:-}
if [ -f "$torch_bench" ] && "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    "$python" -c '
import time, torch
print("PyTorch", torch.__version__, "on", torch.cuda.get_device_name())
x, times = torch.rand(1 << 26, device="cuda"), []
y = torch.empty_like(x)
for _ in range(30):
    torch.cuda.synchronize(); start = time.perf_counter(); y.copy_(x); torch.cuda.synchronize()
    times.append(time.perf_counter() - start)
print("copy of 256 MiB: %.0f GB/s" % (8e-9 * (1 << 26) / sorted(times)[15]))'
else
    echo "PyTorch with CUDA was not found (BENCH_TORCH=$python, $torch_bench): sieve alone"
    torch_bench=
fi
if [ "$prefix" = --warm ]; then
    for other in tf32 bf16; do
        [ -n "$torch_bench" ] && "$python" "$torch_bench" --device cuda --precision $other --only train --compile &
    done
    wait
    exit
fi
"$sieve" --device cuda nothing || exit 1 # says why there is no GPU
for precision in tf32 bf16 exact; do
    [ $precision = exact ] && other=fp32 || other=$precision
    [ $precision = exact ] && only=${prefix:-train} || only=$prefix
    log=$(mktemp)
    "$sieve" --device cuda --precision $precision $only | sed 's/^/sieve /' >>"$log"
    if [ -n "$torch_bench" ]; then
        "$python" "$torch_bench" --device cuda --precision $other --only "$only" | sed 's/^/eager /' >>"$log"
        if [ $precision != exact ]; then
            "$python" "$torch_bench" --device cuda --precision $other --only train --compile | sed 's/^/compiled /' >>"$log"
            "$python" "$(dirname "$0")/torch_graph.py" "$torch_bench" --precision $other --only "${prefix:-train}" | sed 's/^/graph /' >>"$log"
        fi
        # The two in turn: the second time is the one that is shown beside PyTorch's.
        "$sieve" --device cuda --precision $precision "${prefix:-train}" | sed 's/^/sieve /' >>"$log"
    fi
    echo "== $precision (PyTorch: $other)"
    awk '{ times[$1, $2] = $3; if ($1 == "sieve" && !($2 in more)) order[++n] = $2
            if ($1 == "sieve") more[$2] = $2 ~ /^private/ ? "x" $NF " plain" : $5 " " $6 }
        function peer(name, ours) { return name ? sprintf("%10s %6.2fx", name, name / ours) : sprintf("%10s %7s", "-", "") }
        END { printf "%-30s %10s %18s %18s %18s %18s\n", "workload", "sieve ms", "", "eager", "compiled", "graph"
            for (i = 1; i <= n; i++) { w = order[i]; s = times["sieve", w]
                printf "%-30s %10.3f %18s %s %s %s\n", w, s, more[w], peer(times["eager", w], s), peer(times["compiled", w], s),
                    peer(times["graph", w], s) } }' "$log"
    rm -f "$log"
done
