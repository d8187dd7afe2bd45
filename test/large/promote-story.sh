#!/bin/sh
# A release from the first build to the rollback, told with regferry against two real registries.
#   promote-story.sh BUILDS PROD GATE
# BUILDS has app:20230930.161912z, app:20231001.090000z and app:20231002.120000z, three images; PROD is empty; GATE is another
# door to PROD, which holds the first upload until something was written to the pipe `go`, and says so in the pipe `held`.
set -eu

builds=$1/team/app prod=$2/app gate=$3/app
first=$builds:20230930.161912z
second=$builds:20231001.090000z
third=$builds:20231002.120000z

step() { printf '\n# %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
# Runs a command that has to end with an exit code.
ends_with() {
  wanted=$1
  shift
  status=0
  "$@" || status=$?
  [ "$status" -eq "$wanted" ] || fail "exit $status, not $wanted: $*"
}
is() { [ "$1" = "$2" ] || fail "it is $1, not $2"; }
# The digest that a reference is now.
now() { regferry digest "$1"; }

step the first build passed its tests: what was tested is "testing" now
tested=$(now "$first")
regferry promote --expect "$tested" "$first" testing
is "$(now "$builds:testing")" "$tested"

step prod is another registry, and has no such image yet
regferry promote --to "$prod" --expect "$tested" --if-target absent --receipt first.json "$builds:testing" prod
is "$(now "$prod:prod")" "$tested"

step a second run changes nothing
regferry promote --to "$prod" --json "$builds:testing" prod >again.json
grep -q '"changed": false' again.json || fail "the second run changed something"
if grep -q '"changed": true' again.json; then fail "the second run changed something"; fi

step the next release: planned, looked at, done
next=$(now "$second")
regferry promote --expect "$next" "$second" testing
regferry promote --dry-run --plan-out plan.json --to "$prod" "$builds:testing" prod v2
is "$(now "$prod:prod")" "$tested"
regferry apply --receipt second.json plan.json
is "$(now "$prod:prod")" "$next"
is "$(now "$prod:v2")" "$next"

step somebody moves the source: it is refused, by its digest and by the plan
regferry promote --dry-run --plan-out stale.json --to "$prod" "$builds:testing" stable
regferry promote "$third" testing
ends_with 8 regferry promote --to "$prod" --expect "$next" "$builds:testing" stable
ends_with 8 regferry apply stale.json
ends_with 4 now "$prod:stable"

step somebody moves prod while we copy: the race is lost, reported, and theirs stays
regferry promote --to "$gate" "$third" prod 2>race.log &
racer=$!
read -r _ <held
regferry copy "$first" "$prod:prod"
echo >go
ends_with 8 wait "$racer"
grep -q 'someone else moved it meanwhile' race.log || fail "it does not say why: $(cat race.log)"
is "$(now "$prod:prod")" "$tested"

step it was a mistake of theirs: we put it right
regferry promote --to "$prod" --if-target "$tested" --receipt third.json "$third" prod
is "$(now "$prod:prod")" "$(now "$third")"

step and undo it, but nothing that somebody has moved since
ends_with 8 regferry promote --undo second.json
is "$(now "$prod:prod")" "$(now "$third")"
regferry promote --undo third.json
is "$(now "$prod:prod")" "$tested"

step a tag that was absent before is named, and left
regferry promote --undo second.json 2>left.log
grep -q "$prod:v2: was absent before" left.log || fail "it does not say so: $(cat left.log)"
grep -q "$prod:prod: is $tested already" left.log || fail "it does not say what was right: $(cat left.log)"
is "$(now "$prod:v2")" "$next"

step the job is run again: its receipt still knows what was there before
regferry promote --to "$prod" --receipt job.json "$third" prod
regferry promote --to "$prod" --receipt job.json "$third" prod 2>job.log
grep -q 'this was a repeat' job.log || fail "it does not say so: $(cat job.log)"
ends_with 2 regferry promote --to "$prod" --receipt job.json "$second" prod
regferry promote --undo job.json --dry-run | grep -q "would be put back to $tested" || fail 'no rehearsal'
is "$(now "$prod:prod")" "$(now "$third")"
regferry promote --undo job.json
is "$(now "$prod:prod")" "$tested"

printf '\nthe story is told\n'
