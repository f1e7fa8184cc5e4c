// The addresses of this machine, or of this pod.
#pragma once

#include <vector>

#include "common/ip.h"

namespace dormouse {

/// The addresses of all interfaces in this network namespace, at this moment; loopback included.
/// Sorted, without duplicates. Throws std::system_error.
std::vector<IpAddress> ownAddresses();

}  // namespace dormouse
