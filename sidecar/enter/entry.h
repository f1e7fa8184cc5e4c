// The way of a node Job's agent into the network namespace of another pod.
#pragma once

#include "enter/descriptor.h"
#include "enter/pod_target.h"
#include "enter/process_table.h"

namespace dormouse::enter {

/// Moves this process into the network namespace of the target's container, and gives up all rights
/// but CAP_NET_RAW (keepNetRawAlone()), in which what is forked later follows. Before it enters,
/// the node has to confirm what the target says: that a process of this container runs, that the
/// kubelet made its mounts for this pod's uid, that it knows the pod by this uid and this name, and
/// that the pod has a network namespace of its own. The process is held by a pidfd (Linux 5.3)
/// while this is read, so that no other one can have taken its number.
///
/// Returns that pidfd: readable once the target has ended. Throws EnterError with a sentence;
/// nothing has been entered then, or the process must end. REQUIRES: uid 0 of a container with
/// hostPID, and no other thread.
Descriptor enterPod(const PodTarget& target, const ProcessTable& processes = ProcessTable());

}  // namespace dormouse::enter
