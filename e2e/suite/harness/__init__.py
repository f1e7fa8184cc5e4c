"""What the cases share: the cluster, pods with the test app, their sidecars, and this machine's view."""
