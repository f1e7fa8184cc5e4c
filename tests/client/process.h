// A program under test as a child process.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dormouse::client {

/// Runs a program with standard output and error collected. Kills it if it outlives this.
class Process {
 public:
  /// `environment`: NAME=VALUE, nothing else is passed.
  Process(const std::string& program, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  /// The exit code, 128 + n after signal n; -1 if it is still running after 30 s.
  int wait();
  /// Waits until standard output or error holds `text`; false after 10 s.
  bool awaitOutput(const std::string& text);
  std::string out() const;
  std::string err() const;

 private:
  void collect(int fd, std::string& into);

  pid_t pid_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string out_;
  std::string err_;
  int open_ = 2;  // Pipes that have not ended.
  std::thread outReader_;
  std::thread errReader_;
};

/// Waits until that process, not our child, has ended, whether or not somebody has reaped it; false
/// after 10 s.
bool awaitEnd(pid_t pid);

}  // namespace dormouse::client
