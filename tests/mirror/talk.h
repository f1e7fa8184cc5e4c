// A connection with a client and a pod that answers.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "tests/support/packets.h"

namespace dormouse::mirror {

/// One connection with both directions; offsets and acknowledgments are kept by it.
struct Talk {
  using Segment = dormouse::testing::Segment;
  using TcpClient = dormouse::testing::TcpClient;

  explicit Talk(std::uint16_t port = 40000) { tcp.client.port = port; }

  Segment syn() const { return tcp.syn(); }
  Segment synAck() const {
    Segment segment = tcp.make(capture::kSyn | capture::kAck, isn);
    segment.acknowledgment = tcp.at(0);
    return turned(segment);
  }
  Segment ask(const std::string& text) {
    TcpClient now = tcp;
    now.ack = isn + 1 + read;
    Segment segment = now.data(sent, text);
    sent += static_cast<std::uint32_t>(text.size());
    return segment;
  }
  /// The client acknowledges it with its next segment.
  Segment answer(const std::string& text) {
    Segment segment = tcp.make(capture::kAck | capture::kPsh, isn + 1 + read, text);
    segment.acknowledgment = tcp.at(sent);
    read += static_cast<std::uint32_t>(text.size());
    return turned(segment);
  }
  Segment podFin(std::uint8_t flag = capture::kFin) const {
    Segment segment = tcp.make(static_cast<std::uint8_t>(capture::kAck | flag), isn + 1 + read);
    segment.acknowledgment = tcp.at(sent);
    return turned(segment);
  }
  Segment fin() const { return tcp.fin(sent); }
  Segment rst() const { return tcp.rst(sent); }

  static Segment turned(Segment segment) {
    std::swap(segment.source, segment.destination);
    segment.outbound = true;
    return segment;
  }

  TcpClient tcp;
  std::uint32_t isn = 7'000'000;
  std::uint32_t sent = 0;
  std::uint32_t read = 0;
};

}  // namespace dormouse::mirror
