// The rights of an agent that enters another pod: many for a moment, then one.
#pragma once

#include <sys/types.h>

namespace dormouse::enter {

/// Who the agent is once it has entered; the images' user too.
inline constexpr uid_t kAgentUser = 65532;

/// Throws EnterError, which names what is missing, unless this process is uid 0 and has in effect
/// what entering takes (CAP_SYS_PTRACE to look at the target, CAP_SYS_ADMIN for setns), what giving
/// all that up takes (CAP_SETUID, CAP_SETGID, CAP_SETPCAP), and CAP_NET_RAW to be kept.
void demandEntryRights();

/// Afterwards this process is uid and gid 65532, in no other group, with CAP_NET_RAW in its
/// permitted set and no capability in any other, the bounding set included; no_new_privs is set,
/// and no exec gives anything back. All of it is read back from the kernel; throws EnterError if
/// any of it did not come about: the process must end then. REQUIRES: no other thread exists, since
/// these rights belong to threads; what is forked later has no more of them.
void keepNetRawAlone();

}  // namespace dormouse::enter
