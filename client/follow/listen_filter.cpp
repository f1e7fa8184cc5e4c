#include "client/follow/listen_filter.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace dormouse::follow {
namespace {

// Linux 5.19; a header may not have it yet.
constexpr unsigned long kWaitKillable = 1UL << 5;
constexpr unsigned kSmallestInet = 16;  // sizeof(sockaddr_in); a netlink address is smaller.

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};

// Those beside this machine's own: programs of 32 bits. libseccomp refuses what does not belong.
std::vector<std::uint32_t> otherArchitectures() {
  switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
      return {SCMP_ARCH_X86};
    case SCMP_ARCH_AARCH64:
      return {SCMP_ARCH_ARM};
    default:
      return {};
  }
}

CallNumbers numbersOf(std::uint32_t arch) {
  // A pseudo number, negative, is what libseccomp gives for a call that does not exist there.
  return {arch, seccomp_syscall_resolve_name_arch(arch, "listen"),
          seccomp_syscall_resolve_name_arch(arch, "bind"),
          seccomp_syscall_resolve_name_arch(arch, "socketcall")};
}

std::vector<sock_filter> exported(scmp_filter_ctx context) {
  const int file = ::memfd_create("filter", MFD_CLOEXEC);
  if (file < 0) return {};
  std::vector<sock_filter> program;
  if (seccomp_export_bpf(context, file) == 0) {
    const off_t size = ::lseek(file, 0, SEEK_END);
    program.resize(size > 0 ? static_cast<std::size_t>(size) / sizeof(sock_filter) : 0);
    const std::size_t bytes = program.size() * sizeof(sock_filter);
    if (::pread(file, program.data(), bytes, 0) != static_cast<ssize_t>(bytes)) program.clear();
  }
  ::close(file);
  return program;
}

}  // namespace

bool kernelCanFollow(const std::string& release) {
  unsigned major = 0;
  unsigned minor = 0;
  if (std::sscanf(release.c_str(), "%u.%u", &major, &minor) != 2) return false;
  return major > 5 || (major == 5 && minor >= 9);
}

ListenFilter makeListenFilter() {
  ListenFilter filter;
  utsname name{};
  if (::uname(&name) != 0 || !kernelCanFollow(name.release)) {
    filter.fault = "this kernel is older than Linux 5.9";
    return filter;
  }
  const std::unique_ptr<void, Release> context(seccomp_init(SCMP_ACT_ALLOW));
  int error = context ? 0 : -ENOMEM;
  // Programs of an architecture that is not named: libseccomp's default would kill them.
  if (error == 0) {
    error = seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
  }
  filter.numbers.push_back(numbersOf(seccomp_arch_native()));
  for (const std::uint32_t arch : otherArchitectures()) {
    if (error != 0 || seccomp_arch_add(context.get(), arch) != 0) continue;
    filter.numbers.push_back(numbersOf(arch));
  }
  if (error == 0) error = seccomp_rule_add(context.get(), SCMP_ACT_NOTIFY, SCMP_SYS(listen), 0);
  if (error == 0) {
    const scmp_arg_cmp length{2, SCMP_CMP_GE, kSmallestInet, 0};
    error = seccomp_rule_add_array(context.get(), SCMP_ACT_NOTIFY, SCMP_SYS(bind), 1, &length);
  }
  if (error == 0) filter.program = exported(context.get());
  if (filter.program.empty()) {
    filter.fault = "libseccomp cannot make the filter: " +
                   std::generic_category().message(error == 0 ? errno : -error);
  }
  return filter;
}

int loadListenFilter(const std::vector<sock_filter>& program) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
  const sock_fprog code{static_cast<unsigned short>(program.size()),
                        const_cast<sock_filter*>(program.data())};
  // Without SPEC_ALLOW an older kernel would slow the program down; with kWaitKillable a signal
  // that comes in between does not interrupt the program's call.
  constexpr unsigned long kFlags =
      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  long fd = -1;
  for (const unsigned long flags : {kFlags | kWaitKillable, kFlags}) {
    fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &code);
    if (fd >= 0 || errno != EINVAL) break;
  }
  return fd >= 0 ? static_cast<int>(fd) : -errno;
}

}  // namespace dormouse::follow
