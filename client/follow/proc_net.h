// The kernel's list of sockets, as /proc/net/{tcp,tcp6,udp,udp6} show it: pure, no I/O.
#pragma once

#include <string_view>

#include "client/follow/open_socket.h"

namespace dormouse::follow {

/// Appends what takes traffic, as OpenSocket says, of the text of one of these files. Lines that do
/// not look like the kernel's are passed over. The files do not say whether a socket is v6Only.
void parseProcNet(std::string_view text, Protocol protocol, bool v6, OpenSockets& into);

}  // namespace dormouse::follow
