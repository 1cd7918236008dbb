#!/usr/bin/env bash
# Embeds the example sentences, then searches them. The queries share next to no
# words with the sentences they find: the model matches meaning.
set -euo pipefail
cd "$(dirname "$0")/.."

out=target/demo
wgformer() { "${CARGO_TARGET_DIR:-target}/release/wgformer" "$@"; }

# Says what comes next, shows the command, runs it.
step() {
	printf '\n# %s\n$' "$1"
	shift
	local word
	for word in "$@"; do
		# Quoted as one would type it.
		if [[ $word == *" "* ]]; then word="\"$word\""; fi
		printf ' %s' "$word"
	done
	printf '\n'
	"$@"
}

step "Build" cargo build --release

mkdir -p "$out"
step "Turn every sentence into a vector of 384 numbers" \
	wgformer embed --input examples/sentences.txt --output "$out/sentences.jsonl"

while read -r query; do
	step "Find the sentences nearest in meaning" \
		wgformer search "$query" --input examples/sentences.txt --top 3 </dev/null
done <examples/queries.txt
