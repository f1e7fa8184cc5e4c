# Ends the node and removes its state, whatever condition it is in. Sourced after common.sh.
# shellcheck shell=bash disable=SC2154  # common.sh sets them

leftovers() { "$scripts/leftovers" "$1" "$dir" "$title" "$cgroup" "$link"; }

# Ends every process of the node and of its pods. Killing pid 1 of a pid namespace is certain: the kernel
# ends all others in it, and network and mount namespaces go with the last process that is in them.
end_node() {
  local pid folder
  leftovers note
  while pid=$(node_pid); do
    kill -KILL "$pid"
    for _ in {1..100}; do
      [[ -e /proc/$pid ]] || break
      sleep 0.1
    done
  done
  # The interface would go with the namespace, a moment later.
  ip link delete "$link" 2>/dev/null || true
  for folder in $(cgroup_folders); do
    [[ ! -d $folder ]] || for _ in {1..100}; do
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null && break
      sleep 0.1
    done
  done
}

# All but the logs. One file system only: should a mount be there against all expectation, what is
# behind it is not ours to delete.
remove_state() {
  rm -rf --one-file-system "${dir:?}"/{data,etc,pid,kubeconfig,node-init,programs,namespaces}
}
