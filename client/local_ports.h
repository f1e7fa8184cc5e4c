// Where mirrored ports go on this machine: shared by all streams that bring them.
#pragma once

#include <Poco/Net/SocketAddress.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "client/byte_queue.h"

namespace dormouse::client {

/// One thread only.
class LocalPorts {
 public:
  /// Called at once with a sentence when a local port begins to refuse; again only after a
  /// connection to it came through in between.
  using Notice = std::function<void(const std::string&)>;

  /// `targets`: where each mirrored port goes. `bufferBytes`: what all connections together may
  /// hold back.
  LocalPorts(std::map<std::uint16_t, Poco::Net::SocketAddress> targets, std::size_t bufferBytes,
             Notice notice)
      : targets_(std::move(targets)), cap_(bufferBytes), notice_(std::move(notice)) {}
  LocalPorts(const LocalPorts&) = delete;
  LocalPorts& operator=(const LocalPorts&) = delete;

  /// Null if that port is not mirrored. Valid as long as this.
  const Poco::Net::SocketAddress* find(std::uint16_t remote) const {
    const auto target = targets_.find(remote);
    return target == targets_.end() ? nullptr : &target->second;
  }
  BufferCap& cap() { return cap_; }

  void noteTaken(const Poco::Net::SocketAddress& target) { refusing_[target.toString()] = false; }
  /// `detail`: what the system says.
  void noteRefused(const Poco::Net::SocketAddress& target, const std::string& detail) {
    bool& refusing = refusing_[target.toString()];
    if (std::exchange(refusing, true)) return;
    notice_("nothing takes connections on " + target.toString() + " (" + detail +
            "); the next connection tries again");
  }

 private:
  const std::map<std::uint16_t, Poco::Net::SocketAddress> targets_;
  BufferCap cap_;
  const Notice notice_;
  std::map<std::string, bool> refusing_;  // By target: a refusal was announced.
};

}  // namespace dormouse::client
