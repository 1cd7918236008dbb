#!/usr/bin/env bash
# Builds the library for C, compiles the examples with it and runs them. This is all
# that a program of your own needs.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p "${CARGO_TARGET_DIR:=target}/release"
release=$(cd "$CARGO_TARGET_DIR/release" && pwd)

set -x
cargo rustc --release --lib --features c-api --crate-type cdylib,staticlib
for example in embed search tasks; do
	"${CC:-cc}" -std=c99 -Iinclude "examples/c/$example.c" -L"$release" -lwgformer -Wl,-rpath,"$release" -o "$release/c-$example"
	"$release/c-$example"
done
