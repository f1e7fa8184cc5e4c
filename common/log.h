// The program's log: one JSON object per line.
#pragma once

#include <Poco/Dynamic/Var.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.h"

namespace dormouse {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

/// "debug", "info", "warn" or "error"; nothing for other text.
std::optional<LogLevel> parseLogLevel(std::string_view text);

/// RFC 3339 in UTC with milliseconds: "2024-05-01T10:00:00.123Z".
std::string formatTime(WallTime time);

/// Built in main and handed to whoever logs. Any thread may call. Never throws: a log that cannot
/// be written must not end what it reports on.
class Log {
 public:
  /// Further members of the line, in this order. Values are strings, numbers, booleans, or JSON
  /// objects and arrays. Text that is not UTF-8 is made so.
  using Fields = std::vector<std::pair<std::string, Poco::Dynamic::Var>>;
  /// Takes one whole line with its newline. Called by several threads at once.
  using Output = std::function<void(std::string_view line)>;

  /// Lines below `threshold` are dropped. REQUIRES: clock outlives the log.
  Log(LogLevel threshold, const Clock& clock, Output output = writeToStderr);

  void write(LogLevel level, std::string_view message, const Fields& fields = {}) const noexcept;
  void debug(std::string_view message, const Fields& fields = {}) const noexcept;
  void info(std::string_view message, const Fields& fields = {}) const noexcept;
  void warn(std::string_view message, const Fields& fields = {}) const noexcept;
  void error(std::string_view message, const Fields& fields = {}) const noexcept;

  /// One write(2) per line, so that lines of several threads do not mix.
  static void writeToStderr(std::string_view line);

 private:
  const LogLevel threshold_;
  const Clock& clock_;
  const Output output_;
};

}  // namespace dormouse
