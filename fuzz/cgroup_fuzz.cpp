// What /proc says of a process: the cgroup parser never names a container whose ID is not in the
// text whole, and both parsers agree with themselves.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "enter/container_cgroup.h"
#include "enter/pod_mounts.h"
#include "enter/process_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dormouse::enter;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  const std::string_view container = containerOfCgroup(text);
  if (!container.empty()) {
    // A view into the text, behind which no component names another.
    if (container.data() < text.data() || container.end() > text.end()) std::abort();
    if (!isContainerId(container)) std::abort();
    const std::string_view rest =
        text.substr(static_cast<std::size_t>(container.data() + container.size() - text.data()));
    if (rest.find('/') != std::string_view::npos &&
        !containerOfCgroup(rest.substr(rest.find('/'))).empty()) {
      std::abort();
    }
    if (text.find('\n') == std::string_view::npos &&
        !isInContainer("0::" + std::string(text), container)) {
      std::abort();
    }
  }
  // A process is in one container at most.
  const std::string one(64, 'a');
  const std::string other(64, 'b');
  if (isInContainer(text, one) && isInContainer(text, other)) std::abort();
  if (isInContainer(text, one) && text.find(one) == std::string_view::npos) std::abort();

  const std::string uid = "8c1f2e4a-6d1b-4e0e-9d5e-1f2a3b4c5d6e";
  if (hasMountsOfPod(text, uid) && text.find("/pods/" + uid + "/") == std::string_view::npos) {
    std::abort();
  }
  startOfStat(text);
  return 0;
}
