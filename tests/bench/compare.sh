#!/bin/sh
# sieve's times beside PyTorch's, workload by workload, the two run in turn so that the machine's other load hits both.
# PYTHON names an interpreter with torch; without one only sieve's times are shown. THREADS: default 2.
threads=${THREADS:-2}
python=${PYTHON:-python3}
bench=${SIEVE_SHARED:-../shared}/bench/torch_bench.py
workloads=${WORKLOADS:-"gemm-512 gemm-1024 gemm-2048 conv-3-64-32-k3s1 conv-64-64-32-k3s1 conv-64-128-32-k3s2 conv-128-128-16-k3s1 conv-32-64-14-k4s2 conv-256-256-8-k3s1 conv-512-512-4-k3s1 conv-64-128-32-k1s2 conv-1-32-28-k5s1 train-mnist-ia infer-mnist-ia filter-mnist train-preact-resnet18 infer-preact-resnet18 filter-cifar10"}
sieve=$BUILD/tests/bench/bench

"$sieve" peak
if ! [ -f "$bench" ] || ! "$python" -c 'import torch' 2>/dev/null; then
    echo "PyTorch was not found (PYTHON=$python, $bench): sieve alone"
    for workload in $workloads; do "$sieve" "$workload" "$threads"; done
    exit 0
fi
"$python" -c 'import torch; print("PyTorch", torch.__version__)'
printf '%-32s %12s %12s %12s %8s\n' workload 'sieve ms' 'torch nhwc' 'torch nchw' ratio
for workload in $workloads; do
    {
        "$sieve" "$workload" "$threads" | sed 's/^/sieve /'
        "$python" "$bench" --threads "$threads" --only "$workload" --format nhwc | sed 's/^/nhwc /'
        "$python" "$bench" --threads "$threads" --only "$workload" --format nchw | sed 's/^/nchw /'
    } | awk '{ time[$2, $1] = $3; if (!($2 in seen)) { seen[$2] = 1; order[++count] = $2 } }
        END { for (i = 1; i <= count; i++) { n = order[i]; if (!((n, "sieve") in time) || !((n, "nhwc") in time)) continue
              best = time[n, "nhwc"] < time[n, "nchw"] ? time[n, "nhwc"] : time[n, "nchw"]
              printf "%-32s %12.3f %12.3f %12.3f %7.2fx\n", n, time[n, "sieve"], time[n, "nhwc"], time[n, "nchw"], best / time[n, "sieve"] } }'
done
