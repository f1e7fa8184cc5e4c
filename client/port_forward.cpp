#include "client/port_forward.h"

#include <charconv>

namespace dormouse::client {
namespace {

constexpr std::size_t kMostLine = 1024;
constexpr std::size_t kMostErrorOutput = 16 << 10;

// Takes a port off the front of `text`; 0 if none is there.
std::uint16_t takePort(std::string_view& text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc()) return 0;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return port;
}

}  // namespace

std::uint16_t forwardedPort(std::string_view line, std::uint16_t remote) {
  constexpr std::string_view kStart = "Forwarding from 127.0.0.1:";
  constexpr std::string_view kArrow = " -> ";
  if (!line.starts_with(kStart)) return 0;
  line.remove_prefix(kStart.size());
  const std::uint16_t local = takePort(line);
  if (!line.starts_with(kArrow)) return 0;
  line.remove_prefix(kArrow.size());
  return takePort(line) == remote && line.empty() ? local : 0;
}

PortForward::PortForward(const Kubectl& kubectl, const std::string& pod, std::uint16_t remote,
                         EventLoop& loop)
    : remote_(remote),
      child_(kubectl.command({"port-forward", "--address=127.0.0.1", "pod/" + pod,
                              ":" + std::to_string(remote)}),
             loop, *this) {}

void PortForward::onOutput(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\n') {
      if (localPort_ == 0) localPort_ = forwardedPort(line_, remote_);
      line_.clear();
    } else if (line_.size() < kMostLine) {
      line_ += c;
    }
  }
}

void PortForward::onErrorOutput(std::string_view bytes) {
  err_ += bytes;
  if (err_.size() > kMostErrorOutput) err_.erase(0, err_.size() - kMostErrorOutput);
}

}  // namespace dormouse::client
