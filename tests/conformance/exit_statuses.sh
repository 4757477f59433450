#!/bin/sh
# exit_statuses.sh RUNNER DATA: 0 passed, 1 failed, 2 wrong usage.
runner=$1 data=$2 bad=0
expect() {
  wanted=$1
  shift
  "$runner" "$@" >/dev/null 2>&1
  got=$?
  if [ "$got" -ne "$wanted" ]; then
    echo "vectors $*: exit status $got, expected $wanted"
    bad=1
  fi
}
expect 0 "$data/good"
expect 1 "$data/wrong"
expect 1 "$data/broken"
expect 2 "$data/absent"
expect 2
expect 2 "$data/good" "$data/good"
exit $bad
