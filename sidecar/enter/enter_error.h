// Why a pod cannot be entered.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace dormouse::enter {

/// what() is a sentence without a full stop.
class EnterError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws EnterError with `what` and errno's meaning unless `holds`.
inline void checkSystem(bool holds, const std::string& what) {
  if (!holds) throw EnterError(what + ": " + std::generic_category().message(errno));
}

}  // namespace dormouse::enter
