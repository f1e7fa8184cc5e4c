// What a system call that the kernel tells us of means: pure, no I/O.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace dormouse::follow {

/// A system call as seccomp(2) describes it (struct seccomp_data).
struct SystemCall {
  std::uint32_t arch = 0;  // AUDIT_ARCH_…
  std::int64_t number = 0;
  std::array<std::uint64_t, 6> arguments = {};
};

/// The numbers of one architecture; negative where it has no such call.
struct CallNumbers {
  std::uint32_t arch = 0;
  int listen = -1;
  int bind = -1;
  int socketcall = -1;  // i386, s390: one call for all of them, its arguments in memory.
};

/// Reads the caller's memory at an address: how many bytes could be read, from the first on.
using Memory = std::function<std::size_t(std::uint64_t address, std::span<std::uint8_t> into)>;

struct Notice {
  enum class Kind : std::uint8_t {
    kNothing,  // Of no interest: another address family, or a call that makes no sense.
    kListen,
    kBind,
  };
  Kind kind = Kind::kNothing;
  int fd = -1;                        // The caller's; not negative unless kNothing.
  std::optional<std::uint16_t> port;  // kBind: what it asks for, 0 included; nullopt: not readable.
};

/// The call has not happened yet, and its memory may change before it does: a hint, never a proof.
Notice noticeOf(const SystemCall& call, const std::vector<CallNumbers>& numbers,
                const Memory& memory);

}  // namespace dormouse::follow
