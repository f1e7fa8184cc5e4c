#include "client/follow/program.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <system_error>
#include <utility>

#include "client/follow/listen_filter.h"
#include "common/quote.h"

namespace dormouse::follow {
namespace {

constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;
constexpr int kPatience = 50;  // Milliseconds.

// One int, and perhaps a descriptor along with it. False if nobody is at the other end.
bool sendInt(int socket, int value, int descriptor) {
  iovec part{&value, sizeof value};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof value);
}

// False at the end of the file; `waiting` is called now and then until it comes. `descriptor` stays
// as it is if none comes along.
bool receiveInt(int socket, int& value, int& descriptor, const std::function<void()>& waiting) {
  pollfd wait{socket, POLLIN, 0};
  while (waiting && ::poll(&wait, 1, kPatience) <= 0) waiting();
  iovec part{&value, sizeof value};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = 0;
  do got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof value)) return false;
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head != nullptr && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
    std::memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
  }
  return true;
}

}  // namespace

Program::Program(const std::vector<std::string>& command, const std::vector<sock_filter>& filter)
    : command_(command), filter_(filter) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  const int error = errno;
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(kNotFound);  // It ended before it could be watched.
    ::close(ends[0]);
    become(ends[1]);
  }
  ::close(ends[1]);
  socket_ = ends[0];
  if (pid_ > 0) return;
  ::close(socket_);
  throw std::system_error(error, std::generic_category(), "fork");
}

// In the child. There is no other thread, and nothing but this process has changed since it began.
void Program::become(int socket) const {
  int value = 0;
  int none = -1;
  if (!receiveInt(socket, value, none, nullptr)) ::_exit(kNotFound);  // Not to be started.
  int notices = -1;
  int error = 0;
  if (!filter_.empty()) {
    notices = loadListenFilter(filter_);
    error = notices < 0 ? -notices : 0;
  }
  if (!sendInt(socket, error, notices)) ::_exit(kNotFound);
  if (notices >= 0) ::close(notices);
  std::vector<char*> words;
  words.reserve(command_.size() + 1);
  for (const auto& word : command_) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  sendInt(socket, errno, -1);
  ::_exit(kNotFound);
}

Program::Started Program::start() {
  Started result;
  started_ = true;
  int failure = 0;
  int none = -1;
  sendInt(socket_, 0, -1);
  // A terminal may stop it in between, and us with it.
  const auto waiting = [this] { tend(); };
  const bool lives = receiveInt(socket_, result.filterError, result.notices, waiting);
  const bool failed = lives && receiveInt(socket_, failure, none, waiting);
  ::close(std::exchange(socket_, -1));
  // Killed while it waited: tend() tells.
  if (!lives && !status_) ::waitpid(pid_, &status_.emplace(), 0);
  if (!failed) return result;
  if (result.notices >= 0) ::close(result.notices);
  if (!status_) ::waitpid(pid_, &status_.emplace(), 0);
  throw StartError(inQuotes(command_[0]) + ": " + std::generic_category().message(failure),
                   failure == ENOENT ? kNotFound : kCannotRun);
}

Program::~Program() {
  if (socket_ >= 0) ::close(socket_);
  if (status_) return;
  signal(started_ ? SIGTERM
                  : SIGKILL);  // Before its start it has done nothing, and may be stopped.
  if (!started_) ::waitpid(pid_, nullptr, 0);
}

void Program::signal(int number) const {
  if (!status_) ::kill(pid_, number);  // Not reaped yet: the number is still the program's.
}

std::optional<int> Program::tend() {
  int status = 0;
  while (!status_ && ::waitpid(pid_, &status, WNOHANG | WUNTRACED) == pid_) {
    if (!WIFSTOPPED(status)) {
      status_ = status;
      break;
    }
    // One that stops the program alone has a reason, and may continue it alone.
    if (WSTOPSIG(status) == SIGSTOP) continue;
    ::kill(::getpid(), SIGSTOP);  // Goes on when the shell, or anybody, says so.
    ::kill(pid_, SIGCONT);
  }
  return status_;
}

void endBySignal(int number) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);  // The program has dumped its own core.
  std::signal(number, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(number);
  std::_Exit(128 + number);
}

}  // namespace dormouse::follow
