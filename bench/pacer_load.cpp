#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <string_view>

#include "bench/pacer.h"

namespace dormouse::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

constexpr std::string_view kRequest =
    "GET /bench HTTP/1.1\r\nHost: app\r\nUser-Agent: bench_pacer\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 ";
constexpr std::chrono::milliseconds kTick{1};
constexpr std::chrono::seconds kGrace{2};

struct Connection {
  int fd = -1;
  Time due;            // Of the request that is out.
  std::string answer;  // What has come of its answer.
};

// The size of a whole answer at the beginning of `bytes`; 0: not there yet. Throws on nonsense.
std::size_t answerSize(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  std::string head(bytes.substr(0, end));
  std::ranges::transform(head, head.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  const std::size_t field = head.find("\r\ncontent-length:");
  if (!bytes.starts_with(kOk) || field == std::string::npos) throw std::runtime_error("answer");
  const std::size_t total = end + 4 + std::stoul(head.substr(field + 17));
  return bytes.size() >= total ? total : 0;
}

class Load {
 public:
  explicit Load(const LoadOptions& options) : options_(options) {
    check(epoll_ >= 0 && timer_ >= 0, "epoll_create1 or timerfd_create");
    watch(timer_, -1);
    connections_.resize(static_cast<std::size_t>(options.connections));
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      connections_[i].fd = connectTo(options.target);
      check(fcntl(connections_[i].fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
      watch(connections_[i].fd, static_cast<int>(i));
      idle_.push_back(i);
    }
    open_ = connections_.size();
    if (paced_) {
      result_.micros.reserve(static_cast<std::size_t>(
          options.rate * static_cast<double>(options.duration.count() + 1)));
    }
  }
  ~Load() {
    for (const Connection& connection : connections_) {
      if (connection.fd >= 0) close(connection.fd);
    }
    close(timer_);
    close(epoll_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  LoadResult run() {
    begin_ = Clock::now();
    const itimerspec every = {{0, std::chrono::nanoseconds(kTick).count()},
                              {0, std::chrono::nanoseconds(kTick).count()}};
    check(timerfd_settime(timer_, 0, &every, nullptr) == 0, "timerfd_settime");
    const Time end = begin_ + options_.duration;
    for (Time now = begin_; open_ > 0; now = Clock::now()) {
      const bool over = now >= end;
      if (!over || paced_) send(std::min(now, end));
      const bool done = outstanding_ == 0 && (!paced_ || waiting(end) == 0);
      if (over && (done || now >= end + kGrace)) break;
      wait();
    }
    // What had no free connection when it was due was never sent: that is an error, not a rest.
    result_.errors += outstanding_ + (paced_ ? waiting(end) : 0);
    return std::move(result_);
  }

 private:
  void watch(int fd, int label) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = label;
    check(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  }

  Time dueTime(std::uint64_t number) const {
    return begin_ + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(static_cast<double>(number) / options_.rate));
  }
  std::uint64_t waiting(Time now) const {
    std::uint64_t count = 0;
    while (dueTime(result_.sent + count) < now) ++count;
    return count;
  }

  void send(Time now) {
    while (!idle_.empty()) {
      const Time due = paced_ ? dueTime(result_.sent) : now;
      if (paced_ && due >= now) return;
      const std::size_t index = idle_.front();
      idle_.pop_front();
      Connection& connection = connections_[index];
      connection.due = due;
      ++result_.sent;
      ++outstanding_;
      if (::send(connection.fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(kRequest.size())) {
        fail(connection);
      }
    }
  }

  void wait() {
    std::array<epoll_event, 256> events{};
    const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      const int label = events[static_cast<std::size_t>(i)].data.fd;
      if (label >= 0) {
        receive(static_cast<std::size_t>(label));
      } else {
        std::uint64_t ticks = 0;
        check(read(timer_, &ticks, sizeof ticks) == sizeof ticks || errno == EAGAIN, "timer");
      }
    }
  }

  void receive(std::size_t index) {
    Connection& connection = connections_[index];
    if (connection.fd < 0) return;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): recv() writes it first
    std::array<char, 65536> buffer;
    const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return fail(connection);
    connection.answer.append(buffer.data(), static_cast<std::size_t>(got));
    try {
      const std::size_t size = answerSize(connection.answer);
      if (size == 0) return;
      // One request is out at a time: more than its answer is nonsense.
      if (size != connection.answer.size()) return fail(connection);
    } catch (const std::exception&) {
      return fail(connection);
    }
    connection.answer.clear();
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.due);
    result_.micros.push_back(static_cast<std::uint32_t>(took.count()));
    ++result_.requests;
    --outstanding_;
    idle_.push_back(index);
  }

  void fail(Connection& connection) {
    close(connection.fd);
    connection.fd = -1;
    ++result_.errors;
    --open_;
    const auto index = static_cast<std::size_t>(&connection - connections_.data());
    const auto free = std::ranges::find(idle_, index);
    if (free != idle_.end()) {
      idle_.erase(free);  // Closed by the server between requests.
    } else {
      --outstanding_;
    }
  }

  const LoadOptions options_;
  const bool paced_ = options_.rate > 0;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  std::vector<Connection> connections_;
  std::deque<std::size_t> idle_;
  std::size_t open_ = 0;
  std::uint64_t outstanding_ = 0;
  Time begin_;
  LoadResult result_;
};

}  // namespace

LoadResult runLoad(const LoadOptions& options) {
  return Load(options).run();
}

}  // namespace dormouse::bench
