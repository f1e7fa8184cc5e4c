// A capture that is fed by the test.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "capture/capture.h"

namespace dormouse::testing {

/// What the test and the capture share; any thread.
class Wire {
 public:
  Wire() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Wire() { ::close(fd_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// A frame of link type RAW arrives.
  void send(std::vector<std::uint8_t> frame) {
    const std::lock_guard lock(mutex_);
    frames_.push_back(std::move(frame));
    ::eventfd_write(fd_, 1);
  }
  std::vector<std::vector<std::uint8_t>> take() {
    const std::lock_guard lock(mutex_);
    eventfd_t count = 0;
    ::eventfd_read(fd_, &count);
    return std::exchange(frames_, {});
  }
  int fd() const { return fd_; }

 private:
  const int fd_;
  std::mutex mutex_;
  std::vector<std::vector<std::uint8_t>> frames_;
};

class FakeCapture final : public capture::Capture {
 public:
  explicit FakeCapture(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
  int fd() const override { return wire_->fd(); }
  capture::LinkType linkType() const override { return capture::LinkType::kRaw; }
  capture::Taken dispatch(capture::PacketHandler& handler, int) override {
    capture::Taken taken;
    for (const auto& frame : wire_->take()) {
      handler.onPacket({{}, frame, static_cast<std::uint32_t>(frame.size())});
      ++taken.packets;
      taken.bytes += frame.size();
    }
    return taken;
  }
  std::uint64_t kernelDrops() override { return 0; }

 private:
  const std::shared_ptr<Wire> wire_;
};

}  // namespace dormouse::testing
