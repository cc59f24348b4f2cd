#!/bin/sh
# Assembles PTX files with NVIDIA's ptxas, for the first and the newest processors meant, and prints registers and spills; fails
# where a file does not assemble, a kernel spills, or the assembler lets a warpgroup wait after each instruction.
# usage: cuda/check-ptx.sh [FILE...] (default: all that are checked in)
cd "$(dirname "$0")/.." || exit 1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
for file in ${*:-cuda/kernels/*.ptx}; do
    grep -q '^.target sm_90a' "$file" && archs=sm_90a || archs='sm_80 sm_90'
    for arch in $archs; do
        if ! ptxas -v -arch=$arch -o /dev/null "$file" 2>"$log"; then
            cat "$log"
            status=1
            continue
        fi
        awk -v arch=$arch -v name="$(basename "$file" .ptx)" '
            /Potential Performance Loss/ { print arch, $0; bad = 1 }
            /Compiling entry function/ { split($0, quoted, "\047"); kernel = quoted[2] }
            /stack frame/ && !/ 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads/ { print arch, kernel, $0; bad = 1 }
            match($0, /Used [0-9]+ registers/) {
                registers = substr($0, RSTART + 5) + 0; count++
                if (registers > most) { most = registers; which = kernel }
            }
            END {
                printf "%s %s: %d kernels, at most %d registers (%s), %s\n", arch, name, count, most, which, bad ? "SPILLS" : "no spills"
                exit bad
            }' "$log" || status=1
    done
done
exit $status
