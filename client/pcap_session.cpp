#include "client/pcap_session.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>
#include <thread>

#include "client/access.h"
#include "client/cluster.h"
#include "client/pod_endpoint.h"
#include "client/pods.h"
#include "client/signals.h"
#include "client/stream_source.h"

namespace dormouse::client {
namespace {

// After a stop was asked for: how long the rest of the stream may take.
constexpr Nanos kRestTime = std::chrono::seconds(2);
constexpr Nanos kTick = std::chrono::milliseconds(100);

bool isFile(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/// Copies stream to output without holding more than one buffer: a reader that is slow pushes back
/// on the sidecar, which drops and counts packets.
class Copier {
 public:
  Copier(StreamSource& source, int output)
      : source_(source), output_(output), file_(isFile(output)), buffer_(256 << 10) {}

  void prepend(std::span<const std::uint8_t> early) {
    buffer_.resize(std::max(buffer_.size(), early.size()));
    std::copy(early.begin(), early.end(), buffer_.begin());
    end_ = early.size();
  }

  enum class Step : std::uint8_t { kOn, kStopped, kStreamEnded, kOutputGone, kOutputFailed };

  Step read() {
    begin_ = end_ = 0;
    switch (source_.read(buffer_, end_)) {
      case StreamSource::Result::kRead:
      case StreamSource::Result::kWouldBlock:
        return Step::kOn;
      default:
        return Step::kStreamEnded;
    }
  }

  // PIPE_BUF bytes fit a pipe that poll() calls writable; more might block, and Ctrl-C with it.
  Step write() {
    const std::size_t most = file_ ? end_ - begin_ : std::min<std::size_t>(end_ - begin_, PIPE_BUF);
    const ssize_t n = ::write(output_, buffer_.data() + begin_, most);
    if (n >= 0) {
      begin_ += static_cast<std::size_t>(n);
      return Step::kOn;
    }
    if (errno == EINTR || errno == EAGAIN) return Step::kOn;
    error_ = errno;
    return errno == EPIPE ? Step::kOutputGone : Step::kOutputFailed;
  }

  bool pending() const { return begin_ < end_; }
  std::string error() const { return std::generic_category().message(error_); }

 private:
  StreamSource& source_;
  const int output_;
  const bool file_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  int error_ = 0;
};

// Copies until something ends it, a signal or `deadline` included; `loop` turns meanwhile. Under
// TLS decrypted bytes may be left that poll() does not know of, so that every wait is preceded by a
// read.
Copier::Step copy(Copier& copier, const StreamSource& source, int output, const Signals& signals,
                  EventLoop& loop, const Clock& clock, TimePoint deadline) {
  while (true) {
    if (!copier.pending()) {
      const auto step = copier.read();
      if (step != Copier::Step::kOn) return step;
    }
    const bool writing = copier.pending();
    // The output is watched even while nothing is written: its reader may go away. A descriptor of
    // -1, that of released signals, is ignored.
    std::array<pollfd, 4> waits = {{{signals.fd(), POLLIN, 0},
                                    {source.fd(), static_cast<short>(writing ? 0 : POLLIN), 0},
                                    {output, static_cast<short>(writing ? POLLOUT : 0), 0},
                                    {loop.fd(), POLLIN, 0}}};
    const int timeout = deadline == TimePoint::max() ? -1 : 100;
    if (::poll(waits.data(), waits.size(), timeout) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "poll");
    }
    if (waits[3].revents != 0) loop.poll(clock.now(), clock);
    if (waits[0].revents != 0 || clock.now() >= deadline) return Copier::Step::kStopped;
    if (!writing && (waits[2].revents & POLLERR) != 0) return Copier::Step::kOutputGone;
    if (writing && waits[2].revents != 0) {
      const auto step = copier.write();
      if (step != Copier::Step::kOn) return step;
    }
  }
}

// The one pod that a capture file is about.
Pod chooseOne(const Cluster& cluster, Arguments& arguments) {
  const Target& target = arguments.target;
  const ChosenPods chosen = choosePods(cluster, target);
  usePodPorts(arguments, chosen);
  std::vector<Pod> pods = chosen.pods;
  if (target.kind == Kind::kPod) return pods.at(0);
  std::erase_if(pods, [](const Pod& pod) { return !pod.running(); });
  if (pods.empty()) throw ClusterError(nothingRuns(target, chosen.pods));
  if (pods.size() == 1) return pods[0];
  std::string names;
  for (const Pod& pod : pods) names += (names.empty() ? "pod/" : ", pod/") + pod.name;
  throw UsageError("pcap takes one pod, and " + target.text() + " has " +
                   std::to_string(pods.size()) + ": " + printable(names));
}

// How the sidecar is reached, while this lives.
class Reach {
 public:
  /// Turns a service's ports in `arguments` into the pod's.
  Reach(Arguments& arguments, const Kubectl* kubectl, EventLoop& loop, const Clock& clock,
        const std::function<bool()>& cancelled, Display& display) {
    if (kubectl == nullptr) {
      endpoint_ = std::make_unique<UrlEndpoint>(std::make_shared<ControlClient>(
          arguments.url, arguments.token,
          TlsOptions{arguments.caFile, arguments.insecureSkipTlsVerify}));
      return;
    }
    const Cluster cluster(*kubectl, loop, clock, cancelled,
                          [&display](const std::string& sentence) { display.notice(sentence); });
    Pod pod = chooseOne(cluster, arguments);
    Access access = accessTo(pod, arguments, cluster);
    endpoint_ = std::make_unique<PodEndpoint>(std::move(pod), std::move(access.wish),
                                              std::move(access.token), *kubectl, loop, clock);
    endpoint_->open();
    while (endpoint_->state() == Endpoint::State::kOpening) {
      if (cancelled()) throw ClusterError("stopped before the sidecar was reached");
      loop.poll(clock.now() + kTick, clock);
      endpoint_->tend();
    }
    if (endpoint_->state() != Endpoint::State::kOpen) throw ClusterError(endpoint_->trouble());
  }

  const Endpoint& endpoint() const { return *endpoint_; }

 private:
  std::unique_ptr<Endpoint> endpoint_;
};

// `sentence`, with what kubectl has to say about it.
std::string explained(const std::string& sentence, const Endpoint& endpoint) {
  const std::string trouble = endpoint.trouble();
  return trouble.empty() ? sentence : sentence + " (kubectl: " + trouble + ")";
}

}  // namespace

ExitCode runPcap(const Arguments& arguments, const Kubectl* kubectl, int output, Display& display,
                 const Clock& clock) {
  Signals signals;
  EventLoop loop;
  const std::function<bool()> cancelled = [&signals] { return signals.pending(); };
  Arguments resolved = arguments;
  const Reach reach(resolved, kubectl, loop, clock, cancelled, display);
  const auto control = reach.endpoint().client();
  OpenedStream stream;
  try {
    stream = control->openStream(resolved.spec, cancelled);
  } catch (const ControlError& error) {
    loop.poll(clock.now(), clock);
    throw ControlError(explained(error.what(), reach.endpoint()));
  }
  StreamSource source(stream.socket);
  Copier copier(source, output);
  copier.prepend(stream.early);
  std::string what = "packets of port";
  for (const PortPair& pair : resolved.pairs) what += " " + std::to_string(pair.remote);
  const std::string name = kubectl == nullptr ? "" : arguments.target.text();
  display.started(name, stream.mirror, what);

  auto step = copy(copier, source, output, signals, loop, clock, TimePoint::max());
  signals.release();
  std::optional<Report> report;
  std::string trouble;
  const auto ask = [&](auto call) {
    try {
      report = (*control.*call)(stream.mirror);
    } catch (const std::exception& error) {
      trouble = error.what();
    }
  };
  if (step == Copier::Step::kStreamEnded) {
    ask(&ControlClient::find);
  } else {
    std::thread remover([&] { ask(&ControlClient::remove); });
    // The packets that the ledger will count as delivered are still on their way.
    if (step == Copier::Step::kStopped) {
      step = copy(copier, source, output, signals, loop, clock, clock.now() + kRestTime);
    }
    remover.join();
  }
  const bool failed = step == Copier::Step::kOutputFailed;
  if (failed) display.notice("cannot write: " + copier.error());
  if (!trouble.empty()) display.notice(trouble);
  ExitCode code = ExitCode::kBrokenOff;
  if (report && report->ended) {
    code = complete(report->ledger) && !failed ? ExitCode::kDelivered : ExitCode::kIncomplete;
  } else {
    loop.poll(clock.now(), clock);
    display.notice(explained("the stream broke off without a ledger" +
                                 (source.error().empty() ? "" : ": " + source.error()),
                             reach.endpoint()));
  }
  display.ended(report, nullptr, code);
  return code;
}

}  // namespace dormouse::client
