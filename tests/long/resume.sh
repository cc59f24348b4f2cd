#!/bin/sh
# kill -9 at five random moments, each followed by a rerun: the end must be the same bytes (seconds aside) as an undisturbed
# run. usage: SIEVE=build/sieve tests/long/resume.sh
sieve=${SIEVE:-build/sieve}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
arguments="--data digits --attack badnet+ --defense vif,aif --quiet"

begin=$(date +%s)
"$sieve" run $arguments --out "$directory/whole" --json "$directory/whole.json" >/dev/null || exit 1
length=$(($(date +%s) - begin))
for kill in 1 2 3 4 5; do
    pause=$(awk -v n="$length" -v seed="$(date +%N)" 'BEGIN { srand(seed); printf "%.2f", 0.5 + rand() * n / 3 }')
    "$sieve" run $arguments --out "$directory/broken" --json "$directory/broken.json" >/dev/null &
    process=$!
    sleep "$pause"
    kill -9 $process 2>/dev/null
    wait $process 2>/dev/null
    echo "killed after $pause s; files: $(find "$directory/broken" -type f | wc -l)"
done
"$sieve" run $arguments --out "$directory/broken" --json "$directory/broken.json" >/dev/null || exit 1

digest() {
    (
        cd "$directory" || exit 1
        sed '/"seconds": {/,/}/d' "$1.json"
        cd "$1" || exit 1
        find . -name '*.safetensors' -o -name curves.json | sort | xargs sha256sum
        find . -name '*checkpoint*' -o -name '*.tmp*'
    ) | sha256sum
}

if [ "$(digest whole)" = "$(digest broken)" ]; then
    echo "ok five interruptions end in the same bytes"
else
    echo "FAIL the interrupted run ended in other bytes"
    exit 1
fi
