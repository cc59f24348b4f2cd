#!/bin/sh
# sieve's times on the GPU beside PyTorch's there, precision by precision, the two run in turn: exact beside fp32, tf32, bf16;
# PyTorch in channels-last format, eager and through torch.compile. usage: BUILD=build tests/bench/compare-cuda.sh [PREFIX]
python=${BENCH_TORCH:-python3}
torch_bench=${SIEVE_SHARED:-../shared}/bench/torch_bench.py
sieve=$BUILD/tests/bench/bench
prefix=${1:-}
if [ -f "$torch_bench" ] && "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    "$python" -c 'import torch; print("PyTorch", torch.__version__)'
else
    echo "PyTorch with CUDA was not found (BENCH_TORCH=$python, $torch_bench): sieve alone"
    torch_bench=
fi
"$sieve" --device cuda nothing || exit 1 # says why there is no GPU
for precision in exact tf32 bf16; do
    [ $precision = exact ] && other=fp32 || other=$precision
    log=$(mktemp)
    "$sieve" --device cuda --precision $precision $prefix | sed 's/^/sieve /' >>"$log"
    if [ -n "$torch_bench" ]; then
        "$python" "$torch_bench" --device cuda --precision $other --only "$prefix" | sed 's/^/eager /' >>"$log"
        "$python" "$torch_bench" --device cuda --precision $other --only "${prefix:-train}" --compile | sed 's/^/compiled /' >>"$log"
    fi
    echo "== $precision (PyTorch: $other)"
    awk '{ times[$1, $2] = $3; if ($1 == "sieve") { order[++n] = $2; more[$2] = $2 ~ /^private/ ? "x" $NF " plain" : $5 " " $6 } }
        END { printf "%-30s %10s %18s %12s %8s %12s %8s\n", "workload", "sieve ms", "", "eager ms", "ratio", "compiled ms", "ratio"
            for (i = 1; i <= n; i++) { w = order[i]; s = times["sieve", w]; e = times["eager", w]; c = times["compiled", w]
                printf "%-30s %10.3f %18s %12s %8s %12s %8s\n", w, s, more[w], e ? e : "-", e ? sprintf("%.2fx", e / s) : "-",
                    c ? c : "-", c ? sprintf("%.2fx", c / s) : "-" } }' "$log"
    rm -f "$log"
done
