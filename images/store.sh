# Sourced, from the top of the tree: which tool builds images, and where it keeps them. That is under
# build/images; nothing comes into the user's own storage.
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
  rm -f "$2.part"
  store push -q "$1" "oci-archive:$2.part:$3" >/dev/null
  mv "$2.part" "$2"
}

# One build at a time in a checkout, and none leaves mounts in whose way a later `make clean` would be.
exec {lock}>"$out/lock"
flock "$lock"
unmount_storage() {
  findmnt -rno TARGET | { grep "^$out/storage/" || true; } | sort -r | xargs -r umount -l 2>/dev/null || true
}
trap unmount_storage EXIT
