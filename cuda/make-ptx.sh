#!/bin/sh
# Regenerates the PTX text beside each kernel source with NVIDIA's compiler (needed here only; never to build or run). The
# compiler writes its own newest .version; nothing in the kernels needs more than 7.1 (warpgroup: 8.0), so that is what the
# text says, and ptxas proves it (check-ptx.sh): it refuses an instruction that the version does not have. The first line holds the SHA-256 of
# the sources, by which tests/cuda/test_ptx.c knows whether the text is older than they are.
set -e
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for source in ${*:-cuda/kernels/*.cu}; do
    name=$(basename "$source" .cu)
    hash=$(cat "$source" cuda/kernels/product.h cuda/warpgroup.h cuda/kernel.h cuda/arguments.h core/image_pose.h core/cpu/vmath.h | sha256sum | cut -d' ' -f1)
    if [ "$(head -n 1 "cuda/kernels/$name.ptx" 2>/dev/null)" = "// sources: $hash" ]; then continue; fi
    [ $name = warpgroup ] && arch=sm_90a version=8.0 || arch=sm_80 version=7.1
    "${NVCC:-nvcc}" -ptx -arch=$arch -O3 -fmad=false -I. -o "$scratch/$name.raw" "$source"
    {
        echo "// sources: $hash"
        sed -e '/^\/\//d' -e '/^$/d' -e '/used_bytes_mask/d' -e "s/^\.version .*/.version $version/" "$scratch/$name.raw"
    } >"$scratch/$name.ptx"
    cuda/check-ptx.sh "$scratch/$name.ptx"
    mv "$scratch/$name.ptx" "cuda/kernels/$name.ptx"
done
