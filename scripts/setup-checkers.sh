#!/usr/bin/env bash
# Makes sure that the tests find the tools that they run: spirv-val and
# glslangValidator check what shaders translate to, C and C++ compilers the C API.
# Silent when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apt.sh

if has spirv-val && has glslangValidator && has cc && has c++; then exit; fi

if has apt-get; then
	apt_install spirv-tools glslang-tools gcc g++
	exit
fi

echo "The tests need spirv-val, glslangValidator, cc and c++. Please install them:" >&2
if has dnf; then
	echo "  sudo dnf install spirv-tools glslang gcc gcc-c++ libasan" >&2
elif has pacman; then
	echo "  sudo pacman -S spirv-tools glslang gcc" >&2
elif has brew; then
	echo "  brew install spirv-tools glslang" >&2
else
	echo "  your system's packages of SPIRV-Tools, glslang and gcc" >&2
fi
exit 1
