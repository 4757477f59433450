#!/bin/sh
# reference.sh RUNNER SOURCE: runs the reference vectors where they are; skips where they are not.
above=shared/reference/vectors
for folder in "$TROUPE_VECTORS" "$2/../$above" "$2/../../$above"; do
  if [ -n "$folder" ] && [ -d "$folder" ]; then
    exec "$1" "$folder"
  fi
done
echo "SKIPPED: no reference vectors (set TROUPE_VECTORS to their folder)"
