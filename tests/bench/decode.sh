#!/bin/sh
# Decoding beside libjpeg-turbo's djpeg: every JPEG of celeba and imagenette-224 in ../shared, a process for each picture, the two
# programs in turn so that the machine's other load hits both. Processor seconds (user and system, so that waiting does not
# count), medians of ROUNDS. What starting a process costs is measured with a picture of 1x1 pixels and taken off both.
# usage: SIEVE=build/sieve ROUNDS=3 tests/bench/decode.sh
sieve=${SIEVE:-build/sieve}
data=${SIEVE_SHARED:-../shared}/data
rounds=${ROUNDS:-3}
if ! command -v djpeg >/dev/null; then
    echo "skipped: djpeg (libjpeg-turbo-progs) is not installed"
    exit 0
fi
if [ ! -d "$data/celeba" ] || [ ! -d "$data/imagenette-224" ]; then
    echo "skipped: $data/celeba or $data/imagenette-224 is absent"
    exit 0
fi
work=$(mktemp -d "${TMPDIR:-/dev/shm}/decode.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
find "$data/celeba" "$data/imagenette-224" -name '*.jpg' -o -name '*.JPEG' | sort >"$work/files"
sed "s|.*|$data/images/jpeg/jpg-size-1x1.jpg|" "$work/files" >"$work/starts"

one() { # PROGRAM FILE
    if [ "$1" = sieve ]; then "$sieve" image "$2" -o "$work/sieve.ppm"; else djpeg -outfile "$work/djpeg.ppm" "$2"; fi
}

# Processor seconds of the children that decode the files of a list.
seconds() { # PROGRAM LIST
    (
        while read -r file; do one "$1" "$file" || echo "FAIL $1 $file" >&2; done <"$2"
        times
    ) | tail -n 1 | sed 's/[ms]/ /g' | awk '{print $1 * 60 + $2 + $3 * 60 + $4}'
}

round=0
while [ $round -lt "$rounds" ]; do
    for program in sieve djpeg; do
        for list in files starts; do echo "$program-$list $(seconds $program "$work/$list")"; done
    done
    round=$((round + 1))
done >"$work/times"

median() { # NAME
    sed -n "s/^$1 //p" "$work/times" | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'
}

djpeg -version 2>&1 | head -n 1
echo "$(wc -l <"$work/files") pictures, processor seconds, medians of $rounds rounds"
awk -v s="$(median sieve-files)" -v ss="$(median sieve-starts)" -v d="$(median djpeg-files)" -v ds="$(median djpeg-starts)" 'BEGIN {
    printf "%-28s %8s %8s %8s\n", "", "sieve", "djpeg", "ratio"
    printf "%-28s %8.2f %8.2f %8.2f\n", "whole processes", s, d, s / d
    printf "%-28s %8.2f %8.2f\n", "of that, starting them", ss, ds
    printf "%-28s %8.2f %8.2f %8.2f\n", "decoding and writing", s - ss, d - ds, (s - ss) / (d - ds)
}'
