#!/bin/sh
# Compares the protos with the last release tag, or with the first commit that had any: published
# messages may only grow.
set -eu
base=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || git log --format=%H --diff-filter=A -- proto/vexil/v1/evaluation.proto | tail -n 1)
if [ -z "$base" ]; then
  echo "lint:proto: nothing published yet to compare with"
  exit 0
fi
exec buf breaking --against ".git#ref=$base,subdir=proto" proto
