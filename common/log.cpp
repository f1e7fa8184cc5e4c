#include "common/log.h"

#include <Poco/JSON/Object.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>

#include "common/utf8.h"

namespace dormouse {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warn", "error"};

}  // namespace

std::optional<LogLevel> parseLogLevel(std::string_view text) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == text) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::string formatTime(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - day));
  std::string text = "0000-00-00T00:00:00.000Z";
  // Without printf: a stream of requests writes thousands of these a second.
  const auto put = [&text](std::size_t at, std::size_t digits, std::int64_t value) {
    for (; digits > 0; --digits, value /= 10) {
      text[at + digits - 1] = static_cast<char>('0' + value % 10);
    }
  };
  put(0, 4, static_cast<int>(date.year()));
  put(5, 2, static_cast<unsigned>(date.month()));
  put(8, 2, static_cast<unsigned>(date.day()));
  put(11, 2, clock.hours().count());
  put(14, 2, clock.minutes().count());
  put(17, 2, clock.seconds().count());
  put(20, 3, clock.subseconds().count());
  return text;
}

Log::Log(LogLevel threshold, const Clock& clock, Output output)
    : threshold_(threshold), clock_(clock), output_(std::move(output)) {}

void Log::write(LogLevel level, std::string_view message, const Fields& fields) const noexcept {
  if (level < threshold_) return;
  try {
    Poco::JSON::Object line(Poco::JSON_PRESERVE_KEY_ORDER);
    line.set("time", formatTime(clock_.wallNow()));
    line.set("level", std::string(kLevelNames[static_cast<std::size_t>(level)]));
    line.set("message", std::string(message));
    for (const auto& [name, value] : fields) line.set(name, value);
    std::ostringstream text;
    line.stringify(text);
    // Bytes that are not UTF-8 stand only inside strings, so the whole line can be cleaned at once.
    output_(toValidUtf8(text.str()) + "\n");
  } catch (...) {
    // Out of memory, or an output that failed: there is nobody left to tell.
  }
}

void Log::debug(std::string_view message, const Fields& fields) const noexcept {
  write(LogLevel::kDebug, message, fields);
}

void Log::info(std::string_view message, const Fields& fields) const noexcept {
  write(LogLevel::kInfo, message, fields);
}

void Log::warn(std::string_view message, const Fields& fields) const noexcept {
  write(LogLevel::kWarn, message, fields);
}

void Log::error(std::string_view message, const Fields& fields) const noexcept {
  write(LogLevel::kError, message, fields);
}

void Log::writeToStderr(std::string_view line) {
  ssize_t n = 0;
  do {
    n = ::write(STDERR_FILENO, line.data(), line.size());
  } while (n < 0 && errno == EINTR);
}

}  // namespace dormouse
