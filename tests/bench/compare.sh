#!/bin/sh
# sieve's times beside PyTorch's, workload by workload, the two run in turn so that the machine's other load hits both:
# medians of ROUNDS runs of each. BENCH_TORCH names an interpreter with torch (default python3; without torch only sieve's
# times are shown); its better memory format counts. THREADS: default 2. The table goes to the screen and, as JSON, to
# $BUILD/bench.json.
threads=${THREADS:-2}
rounds=${ROUNDS:-3}
python=${BENCH_TORCH:-python3}
torch_bench=${SIEVE_SHARED:-../shared}/bench/torch_bench.py
workloads=${WORKLOADS:-"gemm-512 gemm-1024 gemm-2048 conv-3-64-32-k3s1 conv-64-64-32-k3s1 conv-64-128-32-k3s2 conv-128-128-16-k3s1 conv-256-256-8-k3s1 conv-512-512-4-k3s1 conv-64-128-32-k1s2 conv-32-64-14-k4s2 conv-1-32-28-k5s1 train-mnist-ia infer-mnist-ia filter-mnist train-preact-resnet18 infer-preact-resnet18 filter-cifar10"}
sieve=$BUILD/tests/bench/bench
json=$BUILD/bench.json

# Measured once, of one thread and of all at once: the last line's peak is what the table's shares are of.
[ "$threads" -eq 1 ] || "$sieve" peak 1
peak_line=$("$sieve" peak "$threads")
peak=$(echo "$peak_line" | sed 's/.*peak \([0-9.]*\) .*/\1/')
echo "$peak_line"
if [ -f "$torch_bench" ] && "$python" -c 'import torch' 2>/dev/null; then
    "$python" -c 'import torch; print("PyTorch", torch.__version__)'
else
    echo "PyTorch was not found (BENCH_TORCH=$python, $torch_bench): sieve alone"
    torch_bench=
fi

measure() { # WORKLOAD: lines "who name milliseconds"
    round=0
    while [ $round -lt "$rounds" ]; do
        "$sieve" "$1" "$threads" | sed 's/^/sieve /'
        if [ -n "$torch_bench" ]; then
            for format in nhwc nchw; do
                "$python" "$torch_bench" --threads "$threads" --only "$1" --format $format | sed "s/^/$format /"
            done
        fi
        round=$((round + 1))
    done
}

printf '%-30s %10s %9s %7s %11s %11s %7s\n' workload 'sieve ms' GFLOP/s '% peak' 'torch nhwc' 'torch nchw' ratio
echo "{\"threads\": $threads, \"peak_gflops\": $peak, \"workloads\": [" >"$json"
separator=' '
for workload in $workloads; do
    measure "$workload" | awk -v peak="$peak" -v json="$json" -v separator="$separator" '
        { key = $1 SUBSEP $2; times[key, ++count[key]] = $3; if ($1 == "sieve") { if (!($2 in seen)) { seen[$2] = 1; order[++names] = $2 }
          if ($5 > 0) work[$2] = $5 * $3 } }
        function median(who, name,    key, n, i, j, t, v) {
            key = who SUBSEP name; n = count[key]
            for (i = 1; i <= n; i++) v[i] = times[key, i]
            for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (v[j] < v[i]) { t = v[i]; v[i] = v[j]; v[j] = t }
            return n ? v[int((n + 1) / 2)] : 0
        }
        END { for (i = 1; i <= names; i++) {
            n = order[i]; s = median("sieve", n); a = median("nhwc", n); b = median("nchw", n)
            best = (b > 0 && b < a) ? b : a
            rate = work[n] > 0 ? sprintf("%.1f", work[n] / s) : "-"
            share = work[n] > 0 ? sprintf("%.0f", 100 * work[n] / s / peak) : "-"
            printf "%-30s %10.3f %9s %7s %11s %11s %7s\n", n, s, rate, share, a ? sprintf("%.3f", a) : "-",
                   b ? sprintf("%.3f", b) : "-", best ? sprintf("%.2fx", best / s) : "-"
            printf "%s{\"name\": \"%s\", \"ms\": %.3f", separator, n, s >>json
            if (rate != "-") printf ", \"gflops\": %s", rate >>json
            if (best) printf ", \"torch_nhwc_ms\": %.3f, \"torch_nchw_ms\": %.3f, \"ratio\": %.3f", a, b, best / s >>json
            printf "}\n" >>json; separator = "," } }'
    separator=,
done
echo ']}' >>"$json"
