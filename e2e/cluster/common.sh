# Names and helpers that the scripts of this folder share. Sourced, not run.
# shellcheck shell=bash disable=SC2034  # what is set here is used by those who source it

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
mkdir -p "${E2E_DIR:=$scripts/../../build/e2e}"
dir=$(realpath "$E2E_DIR")
kubeconfig=$dir/kubeconfig

# Everything that must not clash with another checkout's cluster on this machine is named after the
# directory. 198.18.0.0/15 is set aside for tests of networks (RFC 2544), so it hides no real host.
id=$(sha256sum <<<"$dir" | cut -c1-8)
title="dormouse-e2e $dir"
cgroup=dormouse-e2e-$id
link=dm$id
number=$((16#${id:0:4} & 0x3fff))
machine_address=198.18.$((number >> 6)).$((number % 64 * 4 + 1))
node_address=198.18.$((number >> 6)).$((number % 64 * 4 + 2))
pod_range=10.244.0.0/16
service_range=10.96.0.0/16

# What is on this machine is reached without its proxy. Some programs know no ranges.
no_proxy=${no_proxy:-${NO_PROXY:-}}
no_proxy=${no_proxy:+$no_proxy,}127.0.0.1,localhost,$node_address,198.18.0.0/15,$service_range,$pod_range
export no_proxy NO_PROXY=$no_proxy

# In the order in which they start: each needs those before it.
parts=(etcd containerd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy)

say() { echo "$*" >&2; }
fail() { say "$*"; exit 1; }

# own: the node that these scripts start; kind: a cluster of kind's; foreign: the one KUBECONFIG names.
# Many a developer's shell exports KUBECONFIG, so that alone is no order to work in that cluster.
case ${E2E_CLUSTER:-} in
  '') cluster=own ;;
  kind) cluster=kind ;;
  foreign)
    cluster=foreign
    kubeconfig=${KUBECONFIG:?E2E_CLUSTER=foreign takes the cluster that KUBECONFIG names, and it names none}
    ;;
  *) fail "E2E_CLUSTER=$E2E_CLUSTER is not known: leave it empty, or set it to kind or foreign." ;;
esac

# Ends with a sentence unless the cluster is one of the node's that these scripts start.
require_own() {
  [[ $cluster == own ]] || fail "$1 works only on the node that e2e/cluster/up starts itself."
  [[ $EUID == 0 ]] || fail "e2e/cluster needs root: it makes namespaces and runs containers."
}

# Prints the node's pid 1 as this machine numbers it; fails if there is none. It is known by its title,
# not by a file: no file can be stale, or missing because a script was killed before it wrote it.
node_pid() {
  local each first
  for each in /proc/[0-9]*; do
    first=
    IFS= read -r -d '' first 2>/dev/null <"$each/cmdline" || true
    if [[ $first == "$title" ]]; then
      echo "${each#/proc/}"
      return 0
    fi
  done 2>/dev/null
  return 1
}

# One script at a time changes the cluster. Whoever is started to stay must close descriptor 9.
lock() {
  exec 9>"$dir/.lock"
  flock --wait 900 9 || fail "another script has held $dir/.lock for 15 minutes."
}

# Runs a command on the node: in its namespaces, with its programs.
on_node() {
  local pid
  pid=$(node_pid) || fail "The node is not running; e2e/cluster/up starts it."
  nsenter --target "$pid" --mount --net --pid -- \
    env PATH="/run/bin:$PATH" KUBECONFIG=/run/e2e/kubeconfig "$@"
}

# Ends the node, in whatever condition it is, says what is left of it, and removes its state but for the
# logs. One file system only: should a mount be there against all expectation, what is behind it is not
# ours to delete.
wipe() {
  "$scripts/end" "$dir" "$title" "$cgroup" "$link" || return
  rm -rf --one-file-system "${dir:?}"/{data,etc,pid,kubeconfig,node-init,programs,before.json}
}

# The folders of this node's control groups, in every hierarchy of either version that is mounted.
cgroup_folders() {
  local mounted
  awk '/ - cgroup2? /{print $5}' /proc/self/mountinfo | while read -r mounted; do
    echo "$mounted/$cgroup"
  done
}
