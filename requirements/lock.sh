#!/usr/bin/env bash
# Pins every dependency with hashes. Needs uv on PATH; run it to upgrade, then read the diff.
set -euo pipefail
cd "$(dirname "$0")"
for name in runtime demo dev sam scan fuzz docs readers; do
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --custom-compile-command "requirements/lock.sh" \
    "$@" "$name.in" --output-file "$name.txt"
done
# Without what it depends on beyond judges.in: see there.
uv pip compile --quiet --no-deps --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --custom-compile-command "requirements/lock.sh" \
  "$@" judges.in --output-file judges.txt
cp runtime.txt ../layers/dependencies/requirements.txt
