# Sourced: test programs run side by side, as many as there are processors; what they print, less the ok lines, comes in their order.
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
commands=0
passed=0
failed=0

# NAME COMMAND...: to be run.
queue() {
    commands=$((commands + 1))
    echo "$1" >"$logs/$commands.name"
    shift
    printf "'%s' " "$@" >"$logs/$commands.sh"
}

# Shows command $1's output and adds the counts of its closing line; without one (a crash) it is a failure.
report() {
    name=$(cat "$logs/$1.name")
    status=$(cat "$logs/$1.status" 2>/dev/null)
    echo "== $name ($(cat "$logs/$1.seconds" 2>/dev/null || echo '?') s)"
    grep -v '^ok ' "$logs/$1.log"
    set -- $(sed -n 's/.*\b\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p' "$logs/$1.log" | tail -n 1)
    passed=$((passed + ${1:-0}))
    failed=$((failed + ${2:-0}))
    if [ $# -eq 0 ]; then
        echo "FAIL $name ended with status ${status:-unknown} and no closing line"
        failed=$((failed + 1))
    elif [ "${status:-1}" -ne 0 ] && [ "$2" -eq 0 ]; then
        echo "FAIL $name ended with status ${status:-unknown}"
        failed=$((failed + 1))
    fi
}

# Runs what is queued; the closing line adds it up. Fails where anything did.
run_queue() {
    numbers=$(awk -v n=$commands 'BEGIN { for (i = 1; i <= n; i++) print i }')
    echo "$numbers" | xargs -n 1 -P "$(getconf _NPROCESSORS_ONLN)" sh -c '
        begin=$(date +%s)
        sh "$0/$1.sh" >"$0/$1.log" 2>&1
        echo $? >"$0/$1.part"
        echo $(($(date +%s) - begin)) >"$0/$1.seconds"
        mv "$0/$1.part" "$0/$1.status"' "$logs" &
    runner=$!
    for number in $numbers; do
        while [ ! -e "$logs/$number.status" ] && kill -0 $runner 2>/dev/null; do sleep .1; done
        report "$number"
    done
    wait
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
