#include "client/pcap_session.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

#include "client/signals.h"
#include "client/stream_source.h"

namespace dormouse::client {
namespace {

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

// Copies until something ends it. Under TLS decrypted bytes may be left that poll() does not know
// of, so that every wait is preceded by a read.
Copier::Step copy(Copier& copier, const StreamSource& source, int output, const Signals& signals) {
  while (true) {
    if (!copier.pending()) {
      const auto step = copier.read();
      if (step != Copier::Step::kOn) return step;
    }
    const bool writing = copier.pending();
    // The output is watched even while nothing is written: its reader may go away.
    std::array<pollfd, 3> waits = {{{signals.fd(), POLLIN, 0},
                                    {source.fd(), static_cast<short>(writing ? 0 : POLLIN), 0},
                                    {output, static_cast<short>(writing ? POLLOUT : 0), 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "poll");
    }
    if (waits[0].revents != 0) return Copier::Step::kStopped;
    if (!writing && (waits[2].revents & POLLERR) != 0) return Copier::Step::kOutputGone;
    if (writing && waits[2].revents != 0) {
      const auto step = copier.write();
      if (step != Copier::Step::kOn) return step;
    }
  }
}

}  // namespace

ExitCode runPcap(const Arguments& arguments, const ControlClient& control, int output,
                 Display& display) {
  Signals signals;
  OpenedStream stream =
      control.openStream(arguments.spec, [&signals] { return signals.pending(); });
  StreamSource source(stream.socket);
  Copier copier(source, output);
  copier.prepend(stream.early);
  std::string what = "packets of port";
  for (const PortPair& pair : arguments.pairs) what += " " + std::to_string(pair.remote);
  display.started(stream.mirror, what);

  const auto step = copy(copier, source, output, signals);
  signals.release();
  const bool failed = step == Copier::Step::kOutputFailed;
  if (failed) display.notice("cannot write: " + copier.error());

  std::optional<Report> report;
  try {
    if (step == Copier::Step::kStreamEnded) {
      report = control.find(stream.mirror);
    } else {
      report = control.remove(stream.mirror);
    }
  } catch (const ControlError& error) {
    display.notice(error.what());
  }
  ExitCode code = ExitCode::kBrokenOff;
  if (report && report->ended) {
    code = complete(report->ledger) && !failed ? ExitCode::kDelivered : ExitCode::kIncomplete;
  } else {
    display.notice("the stream broke off without a ledger" +
                   (source.error().empty() ? "" : ": " + source.error()));
  }
  display.ended(report, nullptr, code);
  return code;
}

}  // namespace dormouse::client
