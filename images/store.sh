# Sourced, from the top of the tree: which tool builds images, and where it keeps them: under
# build/images, nothing in the user's own storage.
fail() { echo "${0##*/}: $*" >&2; exit 1; }

tool=${IMAGE_TOOL:-}
for candidate in buildah podman docker; do
  [ -n "$tool" ] || ! command -v "$candidate" >/dev/null || tool=$candidate
done
[ -n "$tool" ] || fail "none of buildah, podman and docker is installed"

out=$PWD/build/images
mkdir -p "$out"
# store ARGUMENT…: the tool (buildah or podman) on that storage.
store() {
  "$tool" --root "$out/storage" --runroot "$out/run" --storage-driver "${STORAGE_DRIVER:-overlay}" "$@"
}

# pack IMAGE FILE REFERENCE: writes an image of the storage as an OCI archive, under that name.
pack() {
  rm -f "$2"
  store push -q "$1" "oci-archive:$2:$3" >/dev/null
}

# The tool leaves a mount on its storage, in whose way a later `make clean` would be.
unmount_storage() {
  ! mountpoint -q "$out/storage/overlay" || umount "$out/storage/overlay" 2>/dev/null || true
}
trap unmount_storage EXIT
