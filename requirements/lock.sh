#!/usr/bin/env bash
# Pins every dependency with hashes. Needs uv on PATH; run it to upgrade, then read the diff.
set -euo pipefail
cd "$(dirname "$0")"
for name in runtime dev sam scan; do
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --custom-compile-command "requirements/lock.sh" \
    "$@" "$name.in" --output-file "$name.txt"
done
cp runtime.txt ../layers/dependencies/requirements.txt
