// A session whose clock stands still, between a scripted sidecar and an endpoint that the test
// opens and breaks.
#pragma once

#include <poll.h>

#include <functional>
#include <memory>
#include <sstream>
#include <string>

#include "client/session.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "tests/client/fake_sidecar.h"

namespace dormouse::client {

/// What a test says about the way to the sidecar, and learns about its use.
struct ScriptedWay {
  Endpoint::State state = Endpoint::State::kOpen;  // As open() finds it.
  std::string trouble;
  std::string url;
  int opened = 0;
  bool alive = true;  // The endpoint still exists.
};

/// Tends a Session as a run does, but on a clock of the test's.
class SessionHarness {
 public:
  SessionHarness(const std::string& url, std::chrono::seconds ttl, bool patient) {
    way.url = url;
    wire::MirrorSpec spec;
    spec.ports = {8080};
    spec.ttl = ttl;
    session = std::make_unique<Session>("pod/web-0", std::make_unique<ScriptedEndpoint>(way), spec,
                                        patient, context_);
  }

  void turn() {
    session->readOn();
    loop_.poll(clock.now(), clock);
    session->tend();
  }
  /// Turns for real until `done`; false after 10 s.
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() >= end) return false;
      turn();
    }
    return true;
  }
  /// Lets `span` pass in steps of `step`, and turns once after each.
  void pass(Nanos span, Nanos step = std::chrono::milliseconds(200)) {
    for (Nanos passed{0}; passed < span; passed += step) {
      clock.advance(step);
      turn();
    }
  }
  /// Waits for something to read, and leaves it unread; false after 10 s.
  bool awaitArrival() {
    pollfd waiting{loop_.fd(), POLLIN, 0};
    return ::poll(&waiting, 1, 10'000) == 1;
  }
  std::string shown() const { return out_.str(); }

 private:
  class ScriptedEndpoint final : public Endpoint {
   public:
    explicit ScriptedEndpoint(ScriptedWay& way) : way_(way) {}
    ~ScriptedEndpoint() override { way_.alive = false; }
    ScriptedEndpoint(const ScriptedEndpoint&) = delete;
    ScriptedEndpoint& operator=(const ScriptedEndpoint&) = delete;
    void open() override { ++way_.opened; }
    void tend() override {}
    State state() const override { return way_.state; }
    std::shared_ptr<const ControlClient> client() const override {
      return std::make_shared<ControlClient>(way_.url, "secret", TlsOptions{});
    }
    std::string trouble() const override { return way_.trouble; }
    bool reopens() const override { return true; }

   private:
    ScriptedWay& way_;
  };

  std::ostringstream out_;
  EventLoop loop_;

 public:
  ManualClock clock;
  ScriptedWay way;

 private:
  Display display_{Style::kPlain, out_, clock};
  LocalPorts ports_{
      {{8080, Poco::Net::SocketAddress("127.0.0.1", 9)}}, 1 << 20, [](const auto&) {}};
  const SessionContext context_{ports_, loop_, clock, display_, "port 8080"};

 public:
  std::unique_ptr<Session> session;
};

}  // namespace dormouse::client
