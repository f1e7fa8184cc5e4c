// What a scripted sidecar sends, and when.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "tests/client/fake_sidecar.h"
#include "wire/frames.h"

namespace dormouse::client {

/// A stream under construction.
class Stream {
 public:
  Stream() { wire::appendMagic(bytes_); }
  Stream& open(std::uint64_t id, std::uint16_t port = 8080,
               wire::Protocol protocol = wire::Protocol::kTcp) {
    wire::OpenFrame frame;
    frame.connection = id;
    frame.protocol = protocol;
    frame.client = {*IpAddress::parse("10.0.0.9"), 40000};
    frame.server = {*IpAddress::parse("10.0.0.1"), port};
    wire::appendOpen(bytes_, frame);
    return *this;
  }
  Stream& data(std::uint64_t id, const std::string& bytes) {
    wire::appendData(bytes_, id,
                     {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    return *this;
  }
  Stream& close(std::uint64_t id, Reason reason = Reason::kNone) {
    wire::appendClose(bytes_, {id, reason, false});
    return *this;
  }
  Stream& ledger(const wire::Ledger& ledger) {
    wire::appendLedger(bytes_, reportJson(ledger));
    return *this;
  }
  std::string text() const { return {bytes_.begin(), bytes_.end()}; }

 private:
  std::vector<std::uint8_t> bytes_;
};

/// Something that a script waits for, 20 s at most.
class Flag {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  void await() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [this] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

/// A ledger in which one of two connections was lost.
inline wire::Ledger lossyLedger() {
  wire::Ledger ledger = deliveredLedger(1);
  ledger.connections.skip(Reason::kGap);
  return ledger;
}

}  // namespace dormouse::client
