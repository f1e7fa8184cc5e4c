#include "injector/native_sidecars.h"

namespace dormouse::injector {

NativeSidecars::NativeSidecars(NativeChoice choice, KubeApi* api, const Log& log)
    : choice_(choice),
      api_(choice == NativeChoice::kAuto ? api : nullptr),
      log_(log),
      supported_(choice == NativeChoice::kAlways),
      asked_(api_ == nullptr) {
  if (choice_ == NativeChoice::kAuto && api_ == nullptr) {
    log_.warn("there is no API server to ask: sidecars are plain containers");
  }
}

bool NativeSidecars::step() noexcept {
  if (api_ == nullptr) return true;
  bool good = true;
  try {
    const ServerVersion version = readVersion(*api_);
    const bool now = version.nativeSidecars();
    if (now != supported_ || !asked_) {
      log_.info("the API server's version is known",
                {{"version", std::to_string(version.major) + "." + std::to_string(version.minor)},
                 {"nativeSidecars", now}});
    }
    supported_ = now;
  } catch (const std::exception& error) {
    good = false;
    log_.warn("the API server's version cannot be learnt", {{"cause", std::string(error.what())}});
  }
  asked_ = true;
  return good;
}

}  // namespace dormouse::injector
