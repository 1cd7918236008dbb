#!/usr/bin/env bash
# The tests of kernels and whole models again, where they may come out otherwise:
# at lavapipe's other subgroup sizes, on SwiftShader, and on a device without any
# optional feature. With `all`, the whole suite on GL as well.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apt.sh

title() { printf '\n==> %s\n' "$*"; }

kernels() { cargo test --release --test ops; }

models() {
	cargo test --release --test tiny_models --test sentence_transformers
	cargo test --release --test embed embeddings_agree
}

title "a device without optional features, at the default limits"
(
	export WGFORMER_TEST_DEVICE=plain
	kernels
	models
)

lavapipe=$(compgen -G "/usr/share/vulkan/icd.d/lvp_icd*.json" | head -n 1) || true
if [ -n "$lavapipe" ]; then
	export WGPU_BACKEND=vulkan
	for width in 128 512; do
		title "lavapipe, subgroups of $((width / 32)) lanes"
		LP_NATIVE_VECTOR_WIDTH=$width VK_DRIVER_FILES=$lavapipe kernels
	done
	unset WGPU_BACKEND
else
	title "left out: lavapipe's other subgroup sizes, since it is not installed"
fi

swiftshader=$(scripts/setup-swiftshader.sh)
if [ -n "$swiftshader" ]; then
	title "SwiftShader"
	(
		export WGPU_BACKEND=vulkan VK_DRIVER_FILES=$swiftshader
		kernels
		models
	)
else
	title "left out: SwiftShader, which only Debian's and Ubuntu's packages have"
fi

if [ "${1:-}" = all ]; then
	title "GL"
	if has apt-get; then
		for package in libegl1 libgl1-mesa-dri; do
			dpkg -s "$package" >/dev/null 2>&1 || apt_install "$package"
		done
	fi
	# No Vulkan, for a test that looks beyond WGPU_BACKEND.
	WGPU_BACKEND=gl VK_DRIVER_FILES=/dev/null cargo test --release
fi
