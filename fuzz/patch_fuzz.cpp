// Pods from hostile bytes: the patch applies, and a second one is empty.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "tests/injector/support/pods.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dormouse::injector;  // NOLINT(google-build-using-namespace)
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  InjectionSettings settings;
  settings.image = "image";
  settings.pullSecrets = {"pull"};
  const Profile profile = (data[0] & 1) != 0 ? Profile::kPrivileged : Profile::kBaseline;
  const Mode mode = (data[0] & 2) != 0 ? Mode::kNative : Mode::kPlain;
  try {
    const JsonObject document = parseObject(text);
    const Pod pod(document);
    if (pod.hasSidecar()) return 0;
    const Injection injection = inject(pod, profile, mode, settings);
    applyPatch(document, injection.patch.operations());
    // What was patched is written and read again, as it would be.
    const Pod patched(parseObject(toText(document)));
    if (!patched.hasSidecar()) __builtin_trap();
    if (patched.volumeNames().size() != pod.volumeNames().size() + 1) __builtin_trap();
    const std::string reason = "restricted";
    const Patch marked = markSkipped(patched, reason);
    applyPatch(document, marked.operations());
    if (!markSkipped(Pod(document), reason).empty()) __builtin_trap();
  } catch (const std::invalid_argument&) {
    return 0;
  }
  return 0;
}
