#!/bin/sh
# Runs Postgres and stops it when whoever started it is gone, however that happened: standard input is a pipe that
# closes with the parent. SIGINT is Postgres's fast stop. Usage: sh guard.sh COMMAND [ARG...]
exec 3<&0
"$@" 3<&- </dev/null &
postgres=$!
(
  read -r _ <&3
  kill -INT "$postgres" 2>/dev/null
) 3<&3 &
watcher=$!
exec 3<&-
trap 'kill -INT "$postgres" 2>/dev/null' INT TERM HUP
wait "$postgres"
code=$?
# A trapped signal ends `wait` early: wait again for the real end.
while kill -0 "$postgres" 2>/dev/null; do
  wait "$postgres"
  code=$?
done
kill "$watcher" 2>/dev/null
exit "$code"
