#include "client/follow/proc_net.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

namespace dormouse::follow {
namespace {

// Columns of a line: "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …".
constexpr std::size_t kLocal = 1;
constexpr std::size_t kState = 3;
constexpr std::size_t kInode = 9;

std::vector<std::string_view> wordsOf(std::string_view line) {
  std::vector<std::string_view> words;
  while (words.size() <= kInode) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    line.remove_prefix(begin);
    words.push_back(line.substr(0, line.find(' ')));
    line.remove_prefix(words.back().size());
  }
  return words;
}

template <typename T>
std::optional<T> number(std::string_view text, int base) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "0100007F:1F90": words of 32 bits as this machine holds them, then the port.
bool readAddress(std::string_view text, OpenSocket& socket) {
  const std::size_t words = socket.v6 ? 4 : 1;
  if (text.size() != words * 8 + 5 || text[words * 8] != ':') return false;
  for (std::size_t i = 0; i < words; ++i) {
    const auto word = number<std::uint32_t>(text.substr(i * 8, 8), 16);
    if (!word) return false;
    std::memcpy(socket.address.data() + i * 4, &*word, sizeof *word);
  }
  const auto port = number<std::uint16_t>(text.substr(words * 8 + 1), 16);
  socket.port = port.value_or(0);
  return socket.port != 0;
}

}  // namespace

void parseProcNet(std::string_view text, Protocol protocol, bool v6, OpenSockets& into) {
  const unsigned wanted = protocol == Protocol::kTcp ? TCP_LISTEN : TCP_CLOSE;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto words = wordsOf(line);
    if (words.size() <= kInode || number<unsigned>(words[kState], 16) != wanted) continue;
    OpenSocket socket;
    socket.protocol = protocol;
    socket.v6 = v6;
    socket.inode = number<std::uint64_t>(words[kInode], 10).value_or(0);
    if (socket.inode != 0 && readAddress(words[kLocal], socket)) into.push_back(socket);
  }
}

}  // namespace dormouse::follow
