# Sourced: sets `triplet`, `cmake_target` and PKG_CONFIG_LIBDIR for the Debian architecture $1, so
# that native and cross builds are told the same things.
case $1 in
  amd64) triplet=x86_64-linux-gnu ;;
  arm64) triplet=aarch64-linux-gnu ;;
  *) echo "images: no such architecture: $1 (amd64, arm64)" >&2; exit 2 ;;
esac
cmake_target=(-G Ninja -DCMAKE_C_COMPILER="$triplet-gcc" -DCMAKE_CXX_COMPILER="$triplet-g++")
[ "$1" = "$(dpkg --print-architecture)" ] ||
  cmake_target+=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="${triplet%%-*}")
export PKG_CONFIG_LIBDIR=/usr/lib/$triplet/pkgconfig
