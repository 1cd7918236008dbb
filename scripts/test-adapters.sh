#!/usr/bin/env bash
# test-adapters.sh NAME...: the tests of kernels and whole models again, where they
# may come out otherwise.
#   plain        the adapter that the environment selects, without any optional
#                feature and at the lowest limits for compute
#   lavapipe     Mesa's software driver, at its other subgroup sizes
#   swiftshader  another software driver
#   gl           everything on the GL back end
#   gl_kernels   kernels and whole models alone on it
# To add one, add a function of its name.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apt.sh

# on TITLE VARIABLE=VALUE... -- TESTS...
on() {
	local title=$1 tests
	shift
	printf '\n==> %s\n' "$title"
	(
		while [ "$1" != -- ]; do export "${1?}" && shift; done
		shift
		for tests; do "$tests"; done
	)
}

left_out() { printf '\n==> left out: %s\n' "$*"; }

everything() { cargo test --release; }

# Without the test that makes a plain device itself, and runs there what another one runs here.
kernels() { cargo test --release --test ops -- --skip no_feature_and_the_lowest_limits_suffice; }

# Where nothing but the subgroup size is other.
of_a_subgroup_size() {
	cargo test --release --test ops -- --ignored --exact kernels_of_a_subgroup_size_agree_with_the_reference
}

# SwiftShader takes most of a second to compile each of the tiles for GPUs.
portable() { cargo test --release --test ops -- --exact no_feature_and_the_lowest_limits_suffice; }

models() { cargo test --release --test tiny_models --test heads --test sentence_transformers --test index; }

# Slow where kernels are made for GPUs.
default_model() {
	cargo test --release --test embed -- --exact embeddings_agree_with_sentence_transformers
}

plain() { on "no optional feature, lowest limits" WGFORMER_TEST_DEVICE=plain -- kernels models; }

lavapipe() {
	local file width
	file=$(compgen -G "/usr/share/vulkan/icd.d/lvp_icd*.json" | head -n 1) || true
	if [ -z "$file" ]; then
		left_out "lavapipe's other subgroup sizes, since it is not installed"
		return
	fi
	for width in 128 512; do
		on "lavapipe, subgroups of $((width / 32)) lanes" WGPU_BACKEND=vulkan VK_DRIVER_FILES="$file" \
			LP_NATIVE_VECTOR_WIDTH=$width -- of_a_subgroup_size
	done
	# Where it computes wrongly, and kernels must keep away from its subgroups.
	on "lavapipe, subgroups of 32 lanes" WGPU_BACKEND=vulkan VK_DRIVER_FILES="$file" LP_NATIVE_VECTOR_WIDTH=1024 -- models
}

swiftshader() {
	local file
	file=$(scripts/setup-swiftshader.sh)
	if [ -z "$file" ]; then
		left_out "SwiftShader, which only Debian's packages have"
		return
	fi
	on SwiftShader WGPU_BACKEND=vulkan VK_DRIVER_FILES="$file" -- of_a_subgroup_size portable models default_model
}

setup_gl() {
	if has apt-get; then
		local package
		for package in libegl1 libgl1-mesa-dri; do
			dpkg -s "$package" >/dev/null 2>&1 || apt_install "$package"
		done
	fi
}

# No Vulkan, for whatever looks beyond WGPU_BACKEND.
gl() { setup_gl && on GL WGPU_BACKEND=gl VK_DRIVER_FILES=/dev/null -- everything; }

gl_kernels() { setup_gl && on GL WGPU_BACKEND=gl VK_DRIVER_FILES=/dev/null -- kernels models; }

for name; do "$name"; done
