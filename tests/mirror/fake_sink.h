// A sink in memory that can be told to refuse.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mirror/sink.h"

namespace dormouse::testing {

/// What a receiver would have got of one connection.
struct ReceivedRequest {
  std::string text;  // The head's method and target, the body, the trailers.
  std::string end;   // "whole", or the reason of a cancellation.
};

struct Received {
  mirror::ConnectionInfo info;
  std::string bytes;
  int requests = 0;                                // Whole ones.
  std::vector<mirror::RequestId> unsettled;        // Of these, those whose fate is not known.
  std::map<std::uint32_t, ReceivedRequest> http2;  // By number.
  bool closed = false;
  Reason cut = Reason::kNone;
  bool reset = false;
};

/// Settles a connection when the test says so, as a real sink does after its own writes.
class FakeSink final : public mirror::Sink, private mirror::ResponseIntake {
 public:
  explicit FakeSink(mirror::SinkListener& listener) : listener_(listener) {}

  Reason refuseOpen = Reason::kNone;
  Reason refuseData = Reason::kNone;
  Reason refuseRequest = Reason::kNone;
  Reason refuseResponse = Reason::kNone;
  bool takesRaw = false;
  std::vector<std::string> answers;  // "CONNECTION.REQUEST METHOD PATH STATUS BODY"
  int bodyCalls = 0;                 // Of requestBody().
  std::string troubleText;
  std::string finalReport;
  std::map<mirror::ConnectionHandle, Received> live;
  std::vector<Received> all;            // In the order of their closing.
  std::vector<mirror::RequestId> left;  // Ended, their connection refused since.

  Reason open(mirror::ConnectionHandle handle, const mirror::ConnectionInfo& info) override {
    if (refuseOpen != Reason::kNone) return refuseOpen;
    live[handle].info = info;
    return Reason::kNone;
  }
  Reason data(mirror::ConnectionHandle handle, std::span<const std::uint8_t> bytes) override {
    if (refuseData != Reason::kNone) {
      for (const auto request : live.at(handle).unsettled) left.push_back(request);
      live.erase(handle);
      return refuseData;
    }
    live.at(handle).bytes.append(bytes.begin(), bytes.end());
    return Reason::kNone;
  }
  Reason judgeRequest(const mirror::RequestInfo&) override { return refuseRequest; }
  Reason beginRequest(mirror::RequestId id, const mirror::RequestInfo& request) override {
    const http::RequestHead& head = request.head;
    if (live.at(id.connection).info.http2 && refuseData == Reason::kNone) {
      live.at(id.connection).http2[id.number].text =
          std::string(head.method) + " " + std::string(head.target) + "\n";
    }
    return data(id.connection, head.bytes);
  }
  bool wantsContent() const override { return false; }
  Reason requestBody(mirror::RequestId id, std::span<const std::uint8_t> raw,
                     std::span<const std::uint8_t> content) override {
    ++bodyCalls;
    Received& received = live.at(id.connection);
    if (received.info.http2) {
      received.http2.at(id.number).text.append(content.begin(), content.end());
    }
    return data(id.connection, raw);
  }
  void endRequest(mirror::RequestId id, std::span<const http::HeaderField> trailers) override {
    if (live.at(id.connection).info.http2) {
      ReceivedRequest& request = live.at(id.connection).http2.at(id.number);
      request.end += "whole";
      for (const http::HeaderField& field : trailers) {
        (request.text += "\n").append(field.name).append("=").append(field.value);
      }
    }
    ++live.at(id.connection).requests;
    live.at(id.connection).unsettled.push_back(id);
  }
  void cancelRequest(mirror::RequestId id, Reason reason) override {
    const auto request = live.at(id.connection).http2.find(id.number);
    if (request != live.at(id.connection).http2.end()) request->second.end += reasonName(reason);
  }
  void close(mirror::ConnectionHandle handle, Reason reason, bool reset) override {
    Received& received = live.at(handle);
    received.closed = true;
    received.cut = reason;
    received.reset = reset;
  }
  TimePoint flush(TimePoint) override { return TimePoint::max(); }
  void finish(const std::function<std::string()>& report) override {
    settleAll(Reason::kSinkClosed);
    settleLeft(Reason::kSinkClosed);
    finalReport = report();
  }
  bool done() const override { return true; }
  std::string_view trouble() const override { return troubleText; }
  bool carriesRaw() const override { return takesRaw; }
  mirror::ResponseIntake* responses() override { return this; }

  /// The fate of one connection becomes known.
  void settle(mirror::ConnectionHandle handle, Reason fate) {
    for (const auto request : std::exchange(live.at(handle).unsettled, {})) {
      listener_.onRequestSettled(request, fate);
    }
    all.push_back(live.at(handle));
    live.erase(handle);
    listener_.onSettled(handle, fate);
  }
  /// That of one request does.
  void settleRequest(mirror::RequestId request, Reason fate) {
    std::erase(live.at(request.connection).unsettled, request);
    listener_.onRequestSettled(request, fate);
  }
  /// That of all requests whose connection was refused after their end does.
  void settleLeft(Reason fate) {
    for (const auto request : std::exchange(left, {})) listener_.onRequestSettled(request, fate);
  }
  /// Of all closed ones.
  void settleClosed() {
    std::vector<mirror::ConnectionHandle> handles;
    for (const auto& [handle, received] : live) {
      if (received.closed) handles.push_back(handle);
    }
    for (const auto handle : handles) settle(handle, Reason::kNone);
  }
  void settleAll(Reason fate) {
    while (!live.empty()) settle(live.begin()->first, fate);
  }
  void lose(std::string_view why) { listener_.onSinkGone(why); }

 private:
  std::uint64_t numberOf(mirror::ConnectionHandle handle) const override { return handle + 100; }
  Reason response(const mirror::ResponseInfo& info) override {
    std::string text = std::to_string(info.connection) + "." + std::to_string(info.request);
    text.append(" ").append(info.method).append(" ").append(info.path).append(" ");
    if (info.response == nullptr) {
      answers.push_back(text.append(reasonName(info.missing)));
      return Reason::kNone;
    }
    if (refuseResponse != Reason::kNone) return refuseResponse;
    answers.push_back(text + std::to_string(info.response->status) + " " + info.response->body);
    listener_.onResponseSettled(Reason::kNone);
    return Reason::kNone;
  }

  mirror::SinkListener& listener_;
};

}  // namespace dormouse::testing
