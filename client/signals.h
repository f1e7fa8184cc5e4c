// SIGINT and SIGTERM as something to wait for.
#pragma once

namespace dormouse::client {

/// Turns the first of them into something readable, blocking both in the calling thread and in
/// those it starts later; after release() they kill the process again. Make it before any other
/// thread.
class Signals {
 public:
  Signals();  // Throws std::system_error.
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Readable when a signal has come. Owned by this.
  int fd() const { return fd_; }
  /// True if one has come.
  bool pending() const;
  /// Consumes what came and lets later ones kill: a second Ctrl-C ends the program at once,
  /// whatever it waits for. fd() must not be in use any more.
  void release();

 private:
  int fd_;
};

}  // namespace dormouse::client
