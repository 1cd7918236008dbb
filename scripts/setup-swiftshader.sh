#!/usr/bin/env bash
# Makes sure that SwiftShader is there, a second software driver for Vulkan, and
# prints its driver file. Debian ships it with Chromium; where that cannot be
# installed, it says so on standard error and prints nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apt.sh

file=/usr/lib/chromium/vk_swiftshader_icd.json
if [ ! -e "$file" ] && has apt-get; then apt_install chromium || true; fi
if [ -e "$file" ]; then echo "$file"; fi
