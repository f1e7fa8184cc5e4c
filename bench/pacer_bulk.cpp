#include <time.h>

#include <algorithm>

#include "bench/pacer.h"

namespace dormouse::bench {

std::uint64_t runBulk(const sockaddr_in& target, double gbit, std::chrono::seconds duration) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kTick{1};
  const int fd = connectTo(target);
  const std::vector<char> block(1 << 20, 'x');
  const double bytesPerSecond = gbit * 1e9 / 8;
  std::uint64_t sent = 0;
  double due = 0;
  const auto begin = Clock::now();
  auto last = begin;
  // Ends by the clock, not by the number of ticks: a generator that cannot keep the rate must not
  // take longer and seem to have been faster.
  for (auto tick = begin; last < begin + duration; tick += kTick) {
    const timespec until = {
        tick.time_since_epoch() / std::chrono::seconds(1),
        (tick.time_since_epoch() % std::chrono::seconds(1)) / std::chrono::nanoseconds(1)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    const auto now = Clock::now();
    // At most 20 ms are made up for, else a stall would be followed by a burst above the rate.
    const std::chrono::duration<double> passed = now - last;
    due = std::min(due + passed.count() * bytesPerSecond, 0.02 * bytesPerSecond);
    last = now;
    while (due >= 1) {
      const std::size_t size = std::min(block.size(), static_cast<std::size_t>(due));
      const ssize_t wrote = send(fd, block.data(), size, MSG_NOSIGNAL);
      if (wrote < 0 && errno == EINTR) continue;
      check(wrote > 0, "send");
      sent += static_cast<std::uint64_t>(wrote);
      due -= static_cast<double>(wrote);
    }
  }
  close(fd);
  return sent;
}

}  // namespace dormouse::bench
