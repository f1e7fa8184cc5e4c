// A program that runs for us: started without a shell, heard through pipes, never left behind.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/event_loop.h"

namespace dormouse::client {

/// What a child writes, and how it ended. Called on the loop's thread; the child must not be
/// destroyed within a call.
class ChildListener {
 public:
  virtual ~ChildListener() = default;
  virtual void onOutput(std::string_view bytes) = 0;
  virtual void onErrorOutput(std::string_view bytes) = 0;
  /// Everything it wrote has been told. `status`: its exit code, or 128 + n after signal n.
  virtual void onExit(int status) = 0;
};

/// Standard input is /dev/null, or a file of no name that holds what is given. The child leads a
/// process group of its own, so that Ctrl-C on the terminal does not reach it; the group is killed
/// when this object ends, and the child when the thread that made it does, even by SIGKILL. Make it
/// on the main thread. One thread only.
class ChildProcess {
 public:
  /// `arguments[0]` is a path. `loop` and `listener` must outlive this. Throws std::system_error if
  /// the program cannot be started.
  ChildProcess(const std::vector<std::string>& arguments, EventLoop& loop, ChildListener& listener,
               std::string_view input = {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool ended() const { return pid_ < 0; }

 private:
  /// One readable descriptor of the child.
  class Watched final : public EventHandler {
   public:
    Watched(EventLoop& loop, int fd, std::function<void()> onReadable);
    ~Watched() override { close(); }
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    /// Hands on what is there, at most `rounds` buffers of it. Closes at the end of the file.
    void read(int rounds, const std::function<void(std::string_view)>& to);
    void close();

   private:
    void onEvents(std::uint32_t) override { onReadable_(); }
    EventLoop& loop_;
    int fd_;
    std::function<void()> onReadable_;
  };

  void onExited();
  void killGroup() const;

  ChildListener& listener_;
  pid_t pid_ = -1;
  std::vector<std::unique_ptr<Watched>> watched_;  // Output, error output, the process itself.
};

}  // namespace dormouse::client
