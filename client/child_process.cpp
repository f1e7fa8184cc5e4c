#include "client/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <memory>
#include <system_error>
#include <utility>

namespace dormouse::client {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;
constexpr int kReadsPerRound = 4;

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) {
      throw std::system_error(errno, std::generic_category(), "pipe2");
    }
  }
  ~Pipe() {
    for (const int end : ends_) {
      if (end >= 0) ::close(end);
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void closeWriting() { ::close(std::exchange(ends_[1], -1)); }
  /// The reading end, not to be closed by this any more.
  int takeReading() { return std::exchange(ends_[0], -1); }

 private:
  std::array<int, 2> ends_{};
};

/// What a child reads from its standard input.
class Input {
 public:
  explicit Input(std::string_view bytes)
      : fd_(bytes.empty() ? ::open("/dev/null", O_RDONLY | O_CLOEXEC)
                          : ::memfd_create("input", MFD_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "standard input");
    for (std::size_t written = 0; written < bytes.size();) {
      const ssize_t n = ::write(fd_, bytes.data() + written, bytes.size() - written);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        const int error = errno;
        ::close(fd_);
        throw std::system_error(error, std::generic_category(), "standard input");
      }
      written += static_cast<std::size_t>(n);
    }
    if (!bytes.empty()) ::lseek(fd_, 0, SEEK_SET);
  }
  ~Input() { ::close(fd_); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  int fd() const { return fd_; }

 private:
  int fd_;
};

// Poco's sockets outlive exec: a child that held one would keep a stream open that we have closed.
void closeOnExec() {
  if (::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  constexpr int kMost = 4096;  // A kernel before 5.11.
  for (int fd = STDERR_FILENO + 1; fd < kMost; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// In the child, between fork and exec: only what is async-signal-safe, for other threads may have
// held locks. `failure` is closed by exec, or gets errno.
[[noreturn]] void become(char* const* argv, pid_t parent, int in, int out, int err, int failure) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // It ended before it could be watched.
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (::dup2(in, STDIN_FILENO) >= 0 && ::dup2(out, STDOUT_FILENO) >= 0 &&
      ::dup2(err, STDERR_FILENO) >= 0) {
    closeOnExec();
    ::execv(argv[0], argv);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(failure, &error, sizeof error);
  ::_exit(127);
}

// pidfd_open(2); not by glibc's wrapper, whose declaration C++ cannot use before glibc 2.37.
int openProcess(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

}  // namespace

ChildProcess::Watched::Watched(EventLoop& loop, int fd, std::function<void()> onReadable)
    : loop_(loop), fd_(fd), onReadable_(std::move(onReadable)) {
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
  loop_.add(fd_, EPOLLIN, *this);
}

void ChildProcess::Watched::close() {
  if (fd_ < 0) return;
  loop_.remove(fd_);
  ::close(std::exchange(fd_, -1));
}

void ChildProcess::Watched::read(int rounds, const std::function<void(std::string_view)>& to) {
  std::vector<char> buffer(kBufferBytes);
  for (int i = 0; i < rounds && fd_ >= 0; ++i) {
    const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return close();
    to({buffer.data(), static_cast<std::size_t>(n)});
  }
}

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, EventLoop& loop,
                           ChildListener& listener, std::string_view input)
    : listener_(listener) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const Input in(input);
  Pipe out;
  Pipe err;
  Pipe failure;
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) {
    become(argv.data(), parent, in.fd(), out.writing(), err.writing(), failure.writing());
  }
  ::setpgid(pid, pid);  // Here too: whichever comes first.
  out.closeWriting();
  err.closeWriting();
  failure.closeWriting();
  int error = 0;
  ssize_t got = 0;
  do got = ::read(failure.reading(), &error, sizeof error);
  while (got < 0 && errno == EINTR);
  const int process = got == 0 ? openProcess(pid) : -1;
  if (process < 0) {
    if (got == 0) error = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    throw std::system_error(error, std::generic_category(), arguments[0]);
  }
  pid_ = pid;
  watched_.push_back(std::make_unique<Watched>(loop, out.takeReading(), [this] {
    watched_[0]->read(kReadsPerRound, [this](auto bytes) { listener_.onOutput(bytes); });
  }));
  watched_.push_back(std::make_unique<Watched>(loop, err.takeReading(), [this] {
    watched_[1]->read(kReadsPerRound, [this](auto bytes) { listener_.onErrorOutput(bytes); });
  }));
  watched_.push_back(std::make_unique<Watched>(loop, process, [this] { onExited(); }));
}

ChildProcess::~ChildProcess() {
  watched_.clear();
  if (pid_ < 0) return;
  killGroup();
  ::waitpid(pid_, nullptr, 0);
}

void ChildProcess::killGroup() const {
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // A group that the child has left.
}

void ChildProcess::onExited() {
  // A pipe holds at most 1 MiB; a grandchild that writes on for ever is not listened to.
  constexpr int kRest = (1 << 20) / kBufferBytes + 1;
  watched_[0]->read(kRest, [this](auto bytes) { listener_.onOutput(bytes); });
  watched_[1]->read(kRest, [this](auto bytes) { listener_.onErrorOutput(bytes); });
  for (const auto& watched : watched_) watched->close();
  ::kill(-pid_, SIGKILL);  // What it started and left; before the reaping frees the number.
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  listener_.onExit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

}  // namespace dormouse::client
