#include "client/follow/notifier.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "client/follow/process_tree.h"

namespace dormouse::follow {
namespace {

// The caller's memory. It may be denied to us, and the address may be anything.
std::size_t readMemory(pid_t process, std::uint64_t address, std::span<std::uint8_t> into) {
  iovec here{into.data(), into.size()};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of the other process.
  iovec there{reinterpret_cast<void*>(static_cast<std::uintptr_t>(address)), into.size()};
  const ssize_t got = ::process_vm_readv(process, &here, 1, &there, 1, 0);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

// close_range(2), Linux 5.9, as is all that this class needs.
void closeRange(unsigned first, unsigned last) {
  ::syscall(SYS_close_range, first, last, 0U);
}

SystemCall callOf(const seccomp_data& data) {
  SystemCall call{data.arch, data.nr, {}};
  std::copy(std::begin(data.args), std::end(data.args), call.arguments.begin());
  return call;
}

std::size_t wordsFor(std::size_t kernel, std::size_t ours) {
  return (std::max(kernel, ours) + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
}

}  // namespace

Notifier::Notifier(int fd, std::vector<CallNumbers> numbers, EventLoop& loop,
                   NoticeListener& listener)
    : fd_(fd), numbers_(std::move(numbers)), loop_(loop), listener_(listener) {
  seccomp_notif_sizes sizes{};
  ::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0U, &sizes);
  request_.resize(wordsFor(sizes.seccomp_notif, sizeof(seccomp_notif)));
  response_.resize(wordsFor(sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp)));
  try {
    forkSuccessor();
    loop_.add(fd_, EPOLLIN, *this);
  } catch (const std::system_error&) {
    ::close(fd_);
    throw;
  }
}

Notifier::~Notifier() {
  if (watched_) loop_.remove(fd_);
  ::close(fd_);
  ::close(lifeline_);
}

bool Notifier::receive() {
  std::fill(request_.begin(), request_.end(), 0);  // The kernel refuses anything else.
  return ::ioctl(fd_, SECCOMP_IOCTL_NOTIF_RECV, request_.data()) == 0;
}

// Fails only if the caller was killed meanwhile.
void Notifier::letGoOn() {
  seccomp_notif_resp response{};
  std::memcpy(&response.id, request_.data(), sizeof response.id);
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  std::fill(response_.begin(), response_.end(), 0);
  std::memcpy(response_.data(), &response, sizeof response);
  ::ioctl(fd_, SECCOMP_IOCTL_NOTIF_SEND, response_.data());
}

void Notifier::onEvents(std::uint32_t events) {
  if ((events & EPOLLIN) == 0) {
    // EPOLLHUP: nobody is left, and it would be told again and again.
    loop_.remove(fd_);
    watched_ = false;
    return;
  }
  if (!receive()) return;
  seccomp_notif request{};
  std::memcpy(&request, request_.data(), sizeof request);
  const auto caller = static_cast<pid_t>(request.pid);
  const Notice notice = noticeOf(callOf(request.data), numbers_,
                                 [caller](std::uint64_t address, std::span<std::uint8_t> into) {
                                   return readMemory(caller, address, into);
                                 });
  const std::uint64_t inode =
      notice.kind == Notice::Kind::kNothing ? 0 : socketInode(caller, notice.fd);
  // If the caller was killed in between, its number may be another process's by now.
  const bool valid = ::ioctl(fd_, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id) == 0;
  letGoOn();
  if (valid && notice.kind != Notice::Kind::kNothing) listener_.onNotice(notice, inode);
}

bool Notifier::anybodyLeft() const {
  pollfd wait{fd_, POLLIN, 0};
  return ::poll(&wait, 1, 0) <= 0 || (wait.revents & POLLHUP) == 0;
}

void Notifier::forkSuccessor() {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[1]);
    succeed(pipe[0]);
  }
  ::close(pipe[0]);
  lifeline_ = pipe[1];
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
}

// In a child of its own: system calls only.
void Notifier::succeed(int lifeline) {
  ::setsid();
  [[maybe_unused]] const int moved = ::chdir("/");
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  // Everything else goes, above all standard output, whose reader waits for its end.
  const auto first = static_cast<unsigned>(std::min(fd_, lifeline));
  const auto second = static_cast<unsigned>(std::max(fd_, lifeline));
  if (first > 0) closeRange(0, first - 1);
  if (second > first + 1) closeRange(first + 1, second - 1);
  closeRange(second + 1, ~0U);
  char byte = 0;
  while (::read(lifeline, &byte, 1) < 0 && errno == EINTR) {
  }
  pollfd wait{fd_, POLLIN, 0};
  for (;;) {
    if (::poll(&wait, 1, -1) < 0 && errno != EINTR) ::_exit(0);
    if ((wait.revents & POLLIN) != 0) {
      if (receive()) letGoOn();
    } else if (wait.revents != 0) {
      ::_exit(0);
    }
  }
}

}  // namespace dormouse::follow
