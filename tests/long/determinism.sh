#!/bin/sh
# The same run with 1, 2 and 4 threads and every instruction set that the processor has: the JSON (seconds aside) and the
# weights must be the same bytes. usage: SIEVE=build/sieve tests/long/determinism.sh
sieve=${SIEVE:-build/sieve}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
status=0
# Small, but through every part: two epochs of everything.
arguments="--data digits --attack badnet+ --defense ip,if,vif,aif --quiet --set classifier.epochs=1 --set ip.epochs=1
    --set if.epochs=1 --set vif.epochs=1 --set aif.epochs=1 --set aif.pretrain_generator=1 --set aif.pretrain_filter=1"

digest() { # NAME: everything but the seconds
    (
        cd "$directory/$1" || exit 1
        sed '/"seconds": {/,/}/d' results.json | sha256sum
        find out -name '*.safetensors' | sort | xargs sha256sum
    ) | sha256sum | cut -c1-16
}

run() { # NAME ISA THREADS
    mkdir -p "$directory/$1"
    if ! SIEVE_ISA=$2 "$sieve" run $arguments --threads "$3" --out "$directory/$1/out" --json "$directory/$1/results.json" \
        >/dev/null 2>"$directory/$1/log"; then
        echo "skipped $1: $(tail -n 1 "$directory/$1/log")"
        return
    fi
    sum=$(digest "$1")
    [ -n "$first" ] || first=$sum
    if [ "$sum" = "$first" ]; then echo "ok $1 $sum"; else echo "FAIL $1 $sum, expected $first"; status=1; fi
}

first=
for threads in 1 2 4; do run "avx2-$threads" avx2 $threads; done
for threads in 1 2; do run "avx512-$threads" avx512 $threads; done
run neon-2 neon 2
exit $status
