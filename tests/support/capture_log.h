// A log whose lines a test can read.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/log.h"

namespace dormouse::test {

class CaptureLog {
 public:
  explicit CaptureLog(LogLevel threshold = LogLevel::kDebug)
      : log(threshold, clock_, [this](std::string_view line) {
          const std::lock_guard lock(mutex_);
          lines_.emplace_back(line);
        }) {}

  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  /// The lines that contain `text`.
  std::vector<std::string> linesWith(std::string_view text) const {
    std::vector<std::string> found;
    for (const std::string& line : lines()) {
      if (line.find(text) != std::string::npos) found.push_back(line);
    }
    return found;
  }
  std::string text() const {
    std::string all;
    for (const std::string& line : lines()) all += line;
    return all;
  }

 private:
  ManualClock clock_;
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;

 public:
  const Log log;
};

}  // namespace dormouse::test
