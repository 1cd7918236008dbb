# shellcheck shell=bash
# Sourced by the scripts beside it.

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# apt_install PACKAGE...: installs Debian packages without asking anything.
# Where that is not possible it prints what to type, and fails.
apt_install() {
	if ! has apt-get; then
		echo "Please install with your system's package manager: $*" >&2
		return 1
	fi
	if ! as_root true 2>/dev/null; then
		echo "Please type: sudo apt-get update && sudo apt-get install -y --no-install-recommends $*" >&2
		return 1
	fi
	echo "Installing $*" >&2
	# One broken package source must not stop the others: the install tells
	# whether what it needs was found.
	as_root apt-get -qq update || true
	# A fresh machine often runs its own upgrade: wait for apt's lock.
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
		install -y --no-install-recommends "$@" >/dev/null
}
