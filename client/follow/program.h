// The developer's program: a child that is touched as little as possible.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace dormouse::follow {

/// The program cannot be started.
class StartError : public std::runtime_error {
 public:
  StartError(const std::string& sentence, int code) : std::runtime_error(sentence), code_(code) {}
  /// As a shell's: 127 there is no such program, 126 it cannot be run.
  int code() const { return code_; }

 private:
  int code_;
};

/// The child is made at once and waits, so that it inherits nothing of what this process opens,
/// blocks or limits later: descriptors, signals, terminal, process group and session are those that
/// we were started with. It gets SIGTERM if the thread that made it ends first, even by SIGKILL.
/// Make it on the main thread, with no other. One thread only.
class Program {
 public:
  /// `command`: not empty; its first word is searched for on the PATH. `filter`: empty for none.
  /// Both must outlive this. Throws std::system_error.
  Program(const std::vector<std::string>& command, const std::vector<sock_filter>& filter);
  /// One that has not been started ends, unnoticed. One that runs gets SIGTERM.
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  struct Started {
    int notices = -1;     // The descriptor for a Notifier; negative: there is none,
    int filterError = 0;  // because of this errno, unless the filter is empty.
  };
  /// Returns once the program runs. Throws StartError.
  Started start();

  /// How it ended, as waitpid(2) says; nullopt: it runs. Once it was stopped, stops this process
  /// too, as a shell expects of a job, and continues it afterwards. To be called after each
  /// SIGCHLD.
  std::optional<int> tend();
  void signal(int number) const;
  pid_t pid() const { return pid_; }

 private:
  [[noreturn]] void become(int socket) const;

  const std::vector<std::string>& command_;
  const std::vector<sock_filter>& filter_;
  pid_t pid_ = -1;
  int socket_ = -1;  // To the child that waits; it is closed there when the program runs.
  bool started_ = false;
  std::optional<int> status_;
};

/// Ends this process by a signal, as the program was ended by it, without a core.
[[noreturn]] void endBySignal(int number);

}  // namespace dormouse::follow
