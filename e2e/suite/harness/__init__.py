"""What the cases share: the cluster, pods with the test app, their sidecars, the node's view."""
