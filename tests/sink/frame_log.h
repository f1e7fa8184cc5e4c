// A reader of the `frames` format that writes down what it is told.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/reason.h"
#include "wire/frames.h"

namespace dormouse::sink::test {

class FrameLog final : private wire::FrameHandler {
 public:
  void feed(std::string_view text) {
    decoder_.feed({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  bool atBoundary() const { return decoder_.atBoundary(); }

  std::vector<std::string> events;  // Open, close and ledger records.
  std::map<std::uint64_t, wire::OpenFrame> opened;
  std::map<std::uint64_t, std::string> bytes;
  std::map<std::uint64_t, std::vector<std::string>> parts;  // Record by record.
  std::map<std::uint64_t, wire::CloseFrame> closed;
  std::vector<std::string> requests;  // Request records.
  int heartbeats = 0;

 private:
  void onOpen(const wire::OpenFrame& frame) override {
    events.push_back("open " + std::to_string(frame.connection));
    opened[frame.connection] = frame;
  }
  void onData(std::uint64_t connection, std::span<const std::uint8_t> part) override {
    parts[connection].emplace_back(part.begin(), part.end());
    bytes[connection] += parts[connection].back();
  }
  void onRequest(const wire::RequestFrame& frame) override {
    std::string event = "request " + std::to_string(frame.connection) + "." +
                        std::to_string(frame.request) + " " +
                        std::to_string(static_cast<int>(frame.part));
    for (const wire::FieldView& field : frame.fields) {
      ((event += " ").append(field.name) += "=").append(field.value);
    }
    if (!frame.bytes.empty()) event += " " + std::string(frame.bytes.begin(), frame.bytes.end());
    if (frame.reason != Reason::kNone) event.append(" ").append(reasonName(frame.reason));
    requests.push_back(std::move(event));
  }
  void onClose(const wire::CloseFrame& frame) override {
    events.push_back("close " + std::to_string(frame.connection) + " " +
                     std::string(reasonName(frame.reason)));
    closed[frame.connection] = frame;
  }
  void onLedger(std::string_view json) override { events.push_back("ledger " + std::string(json)); }
  void onHeartbeat() override { ++heartbeats; }
  void onResponse(const wire::ResponseFrame& frame) override {
    events.push_back("response " + std::to_string(frame.connection) + "." +
                     std::to_string(frame.request) + " " +
                     (frame.status == 0 ? std::string(reasonName(frame.missing))
                                        : std::to_string(frame.status)));
  }

  wire::FrameDecoder decoder_{*this};
};

}  // namespace dormouse::sink::test
