// Whether the cluster has restartable init containers.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/log.h"
#include "injector/kube/cluster.h"

namespace dormouse::injector {

enum class NativeChoice : std::uint8_t { kAuto, kAlways, kNever };

/// Knows it by the admin's word, or asks the API server's version (1.29 or later). As long as that
/// is not known there are none: an older API server would take such a container for an ordinary
/// init container, and the pod would never start. step() on one thread, the rest on any.
class NativeSidecars {
 public:
  /// `api` may be null: then `auto` means none. The references outlive the object.
  NativeSidecars(NativeChoice choice, KubeApi* api, const Log& log);

  /// Asks once; nothing to do unless the choice is left to it. False if there was no answer: what
  /// was known last stands. Never throws.
  bool step() noexcept;

  bool supported() const { return supported_; }
  /// True once the question was put, whether or not it was answered.
  bool asked() const { return asked_; }

 private:
  const NativeChoice choice_;
  KubeApi* const api_;
  const Log& log_;
  std::atomic<bool> supported_;
  std::atomic<bool> asked_;
};

}  // namespace dormouse::injector
