// Tokens that this client makes, for agents that it brings.
#pragma once

#include <cstddef>
#include <string>

namespace dormouse::client {

/// `bytes` of the kernel's randomness as hexadecimal digits. Throws std::system_error.
std::string randomHex(std::size_t bytes);

/// The SHA-256 of a text as 64 hexadecimal digits.
std::string sha256Hex(const std::string& text);

/// What to call this machine's user in an agent's audit lines: his log-in name, or "developer" if
/// there is none that is plain letters, digits, '.', '-' and '_'.
std::string localPrincipal();

}  // namespace dormouse::client
