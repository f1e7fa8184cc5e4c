# Sourced by images/build, after images/store.sh: base_image ARCH… makes the build stage's BASE where no
# image can be pulled, and sets `base` to its name. It is Debian 12 with the tools and the libraries for
# these architectures. Its two parts, which take minutes, are kept under ~/.cache/dormouse-images by the
# hash of what they are made from; delete that directory to take newer Debian packages.
release=bookworm mirror=http://deb.debian.org

# cached KIND HASH: sets `file` to the archive of that name, and `part` to what becomes it once it is
# complete; fails if it is not there yet.
cached() {
  file=${XDG_CACHE_HOME:-$HOME/.cache}/dormouse-images/$1-$2.tar
  part=$file.part.$$
  mkdir -p "${file%/*}"
  [ -s "$file" ]
}

hash_of() { sha256sum | cut -c1-16; }

# have IMAGE: whether the storage has it.
have() { store inspect --type image "$1" >/dev/null 2>&1; }

# build_store ARGUMENT…: builds the Containerfile on standard input, without a word.
build_store() { store build -q --isolation chroot -f - "$@" >/dev/null; }

base_image() {
  local native arch debian context packages=() architectures=() lists=() parts=()
  native=$(dpkg --print-architecture)
  architectures=("$native")
  for arch in amd64 arm64; do
    [ "$arch" = "$native" ] || architectures+=("$arch")
    readarray -t -O ${#packages[@]} packages < <(images/toolchain --list "$arch")
  done
  for arch in '' -updates; do lists+=("deb $mirror/debian $release$arch main"); done
  lists+=("deb $mirror/debian-security $release-security main")
  local recipe=(
    --format=tar --variant=apt --architectures="$(IFS=,; echo "${architectures[*]}")"
    --dpkgopt=force-unsafe-io
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright'
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*'
    --include="$(IFS=,; echo "${packages[*]}")" "$release")

  # Debian itself.
  parts=("$(printf '%s\n' "${recipe[@]}" "${lists[@]}" | hash_of)")
  debian=localhost/dormouse-debian:${parts[0]}
  if ! cached debian "${parts[0]}"; then
    echo "images: installing Debian for the build (once; minutes)" >&2
    mmdebstrap --quiet "${recipe[@]}" "$part" "${lists[@]}" >&2
    mv "$part" "$file"
  fi
  have "$debian" || build_store -t "$debian" "${file%/*}" <<<"FROM scratch
ADD ${file##*/} /"

  # The static libraries, for each architecture.
  context=$out/base
  mkdir -p "$context"
  cp images/deps images/target.sh "$context"
  for arch; do
    parts+=("$arch-$({ echo "${parts[0]}" "$arch"; cat images/deps images/target.sh; } | hash_of)")
    if ! cached deps "${parts[-1]}"; then
      echo "images: compiling the static libraries for $arch (once; minutes)" >&2
      build_store --output "type=tar,dest=$part" "$context" <<<"FROM $debian AS deps
COPY deps target.sh /images/
RUN /images/deps $arch /opt/dormouse/$arch
FROM scratch
COPY --from=deps /opt/dormouse /opt/dormouse"
      mv "$part" "$file"
    fi
    ln -f "$file" "$context/deps-$arch.tar" 2>/dev/null || cp "$file" "$context/deps-$arch.tar"
  done
  base=localhost/dormouse-base:$(echo "${parts[@]}" | hash_of)
  have "$base" || build_store -t "$base" "$context" <<<"FROM $debian
$(for arch; do echo "ADD deps-$arch.tar /"; done)"
}
