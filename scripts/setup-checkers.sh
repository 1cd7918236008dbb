#!/usr/bin/env bash
# Makes sure that the tests find the tools that check what shaders translate to:
# spirv-val and glslangValidator. Silent when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apt.sh

if has spirv-val && has glslangValidator; then exit; fi

if has apt-get; then
	apt_install spirv-tools glslang-tools
	exit
fi

echo "spirv-val and glslangValidator check the shaders in the tests. Please install them:" >&2
if has dnf; then
	echo "  sudo dnf install spirv-tools glslang" >&2
elif has pacman; then
	echo "  sudo pacman -S spirv-tools glslang" >&2
elif has brew; then
	echo "  brew install spirv-tools glslang" >&2
else
	echo "  your system's packages of SPIRV-Tools and glslang" >&2
fi
exit 1
