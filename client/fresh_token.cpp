#include "client/fresh_token.h"

#include <pwd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

#include "common/tokens.h"

namespace dormouse::client {
namespace {

constexpr std::size_t kMostName = 63;

std::string hexOf(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

bool isPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

}  // namespace

std::string randomHex(std::size_t bytes) {
  std::vector<std::uint8_t> random(bytes);
  for (std::size_t filled = 0; filled < bytes;) {
    const ssize_t n = ::getrandom(random.data() + filled, bytes - filled, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw std::system_error(errno, std::generic_category(), "getrandom");
    filled += static_cast<std::size_t>(n);
  }
  return hexOf(random);
}

std::string sha256Hex(const std::string& text) {
  return hexOf(sha256(text));
}

std::string localPrincipal() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    const std::string name = found->pw_name;
    const bool plain = !name.empty() && name.size() <= kMostName && name.front() != '.' &&
                       std::all_of(name.begin(), name.end(), isPlain);
    if (plain) return name;
  }
  return "developer";
}

}  // namespace dormouse::client
