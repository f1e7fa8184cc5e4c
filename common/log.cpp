#include "common/log.h"

#include <Poco/JSON/Object.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
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
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(time - seconds).count();
  const std::time_t unixTime = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(seconds));
  std::tm utc{};
  gmtime_r(&unixTime, &utc);
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                static_cast<int>(millis));
  return text.data();
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
