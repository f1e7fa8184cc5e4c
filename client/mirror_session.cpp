#include "client/mirror_session.h"

#include <Poco/Exception.h>
#include <sys/epoll.h>

#include <algorithm>
#include <thread>

#include "client/signals.h"
#include "client/stream_reader.h"

namespace dormouse::client {
namespace {

constexpr Nanos kTick = std::chrono::milliseconds(200);
// After a stop was asked for: how long the sidecar may take to send its ledger, and local programs
// to take what is held for them.
constexpr Nanos kLedgerTime = std::chrono::seconds(2);
constexpr Nanos kDrainTime = std::chrono::seconds(3);

std::map<std::uint16_t, Poco::Net::SocketAddress> targetsOf(const Arguments& arguments) {
  std::map<std::uint16_t, Poco::Net::SocketAddress> targets;
  try {
    for (const PortPair& pair : arguments.pairs) {
      targets.emplace(pair.remote, Poco::Net::SocketAddress(arguments.toHost, pair.local));
    }
  } catch (const Poco::Exception& error) {
    throw UsageError("--to-host: " + printable(error.displayText()));
  }
  return targets;
}

std::string pairsText(const Arguments& arguments) {
  std::string text;
  for (const PortPair& pair : arguments.pairs) {
    if (!text.empty()) text += ", ";
    text +=
        std::to_string(pair.remote) + " to " + arguments.toHost + ":" + std::to_string(pair.local);
  }
  return text;
}

class MirrorSession final : private EventHandler {
 public:
  MirrorSession(const Arguments& arguments, const ControlClient& control, Display& display,
                const Clock& clock)
      : control_(control),
        display_(display),
        clock_(clock),
        replayer_(targetsOf(arguments), arguments.bufferBytes, loop_, clock,
                  [&display](const std::string& sentence) { display.notice(sentence); }),
        stream_(control.openStream(arguments.spec, [this] { return signals_.pending(); })),
        reader_(stream_.socket, loop_, replayer_) {
    loop_.add(signals_.fd(), EPOLLIN, *this);
    display_.started(stream_.mirror, "port " + pairsText(arguments));
  }
  ~MirrorSession() override {
    if (remover_.joinable()) remover_.join();
  }

  ExitCode run() {
    reader_.feed(stream_.early);
    while (!reader_.ended() && replayer_.ledgerJson().empty() && clock_.now() < giveUpAt_) turn();
    drain();
    return conclude();
  }

 private:
  void onEvents(std::uint32_t) override {
    loop_.remove(signals_.fd());
    signals_.release();
    stopping_ = true;
    giveUpAt_ = clock_.now() + kLedgerTime;
    // The stream must be read on while the sidecar answers.
    remover_ = std::thread([this] {
      try {
        removed_ = control_.remove(stream_.mirror);
      } catch (const std::exception& error) {
        removeError_ = error.what();
      }
    });
  }

  void turn() {
    const bool more = reader_.readOn();
    loop_.poll(more ? clock_.now() : std::min(giveUpAt_, clock_.now() + kTick), clock_);
    replayer_.tend(clock_.now());
    show();
  }

  // What is held for local programs still goes to them: without a limit if the mirror ended by
  // itself, for a program may be paused in a debugger; shortly if a stop was asked for.
  void drain() {
    replayer_.streamEnded();
    replayer_.tend(clock_.now());
    const bool hurried = stopping_;
    const TimePoint until = hurried ? clock_.now() + kDrainTime : TimePoint::max();
    if (!replayer_.idle() && !hurried) {
      display_.notice("the stream has ended; local connections get the rest (Ctrl-C: give up)");
    }
    while (!replayer_.idle() && stopping_ == hurried && clock_.now() < until) {
      loop_.poll(std::min(until, clock_.now() + kTick), clock_);
      replayer_.tend(clock_.now());
      show();
    }
  }

  ExitCode conclude() {
    replayer_.giveUp();
    replayer_.tend(clock_.now());
    const bool ledgerCame = !replayer_.ledgerJson().empty();
    std::optional<Report> report;
    try {
      if (ledgerCame) report = parseReport(replayer_.ledgerJson());
    } catch (const std::invalid_argument& error) {
      display_.notice(std::string("the stream's ledger cannot be read: ") + error.what());
    }
    ExitCode code = ExitCode::kBrokenOff;
    if (report) {
      const bool all = complete(report->ledger) && complete(replayer_.account().connections);
      code = all ? ExitCode::kDelivered : ExitCode::kIncomplete;
    } else {
      display_.notice("the stream broke off without a ledger" +
                      (reader_.error().empty() ? "" : ": " + reader_.error()));
      report = reportFromControl();
    }
    display_.ended(report, &replayer_.account(), code);
    return code;
  }

  // The stream did not bring it; perhaps the sidecar lives and tells.
  std::optional<Report> reportFromControl() {
    if (remover_.joinable()) {
      remover_.join();
      if (!removed_) display_.notice(removeError_);
      return removed_;
    }
    try {
      return control_.find(stream_.mirror);
    } catch (const ControlError& error) {
      display_.notice(error.what());
      return std::nullopt;
    }
  }

  void show() {
    const LocalAccount& account = replayer_.account();
    display_.progress({account.connections.seen, account.connections.open, account.bytes,
                       account.connections.skipped});
  }

  const ControlClient& control_;
  Display& display_;
  const Clock& clock_;
  EventLoop loop_;
  Replayer replayer_;
  Signals signals_;
  OpenedStream stream_;
  StreamReader reader_;
  bool stopping_ = false;  // A signal came.
  TimePoint giveUpAt_ = TimePoint::max();
  std::thread remover_;
  // Written by remover_, read after it was joined.
  std::optional<Report> removed_;
  std::string removeError_;
};

}  // namespace

ExitCode runMirror(const Arguments& arguments, const ControlClient& control, Display& display,
                   const Clock& clock) {
  return MirrorSession(arguments, control, display, clock).run();
}

}  // namespace dormouse::client
