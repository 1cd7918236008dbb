#!/usr/bin/env bash
# Makes sure that wgpu can find an adapter: where no Vulkan driver is installed
# it installs Mesa's, which include lavapipe, a driver that runs on the CPU.
# Silent when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apt.sh

case $(uname -s) in
	# Metal and DirectX 12 come with the system.
	Darwin | MINGW* | MSYS* | CYGWIN*) exit ;;
esac

# Where the Vulkan loader looks for drivers.
has_driver() {
	[ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && return
	local folder
	for folder in /usr/share /usr/local/share /etc "${XDG_DATA_HOME:-${HOME:-}/.local/share}"; do
		if compgen -G "$folder/vulkan/icd.d/*.json" >/dev/null; then return; fi
	done
	return 1
}

has_loader() {
	# Outside root's PATH ldconfig is often hidden.
	[[ $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) == *libvulkan.so.1* ]] && return
	local folder
	for folder in /usr/lib /usr/lib64 /usr/lib/*-linux-* /usr/local/lib; do
		if [ -e "$folder/libvulkan.so.1" ]; then return; fi
	done
	return 1
}

if has_driver && has_loader; then exit; fi

if has apt-get; then
	apt_install libvulkan1 mesa-vulkan-drivers
	exit
fi

echo "No Vulkan driver was found. Please install one:" >&2
if has dnf; then
	echo "  sudo dnf install mesa-vulkan-drivers vulkan-loader" >&2
elif has pacman; then
	echo "  sudo pacman -S vulkan-swrast vulkan-icd-loader" >&2
else
	echo "  your GPU vendor's Vulkan driver, or Mesa's lavapipe" >&2
fi
exit 1
