#include "client/agent_image.h"

#include <algorithm>

#include "client/json_path.h"

namespace dormouse::client {
namespace {

constexpr std::size_t kMostImage = 512;
constexpr const char* kSecret = "dormouse";
constexpr const char* kAnnotation = "dormouse.dev/sidecar-image";
// In full: runtimes that know several registries would try them all.
constexpr const char* kOwnVersion = "docker.io/library/dormouse-sidecar:" DORMOUSE_VERSION;

bool isImage(const std::string& text) {
  return !text.empty() && text.size() <= kMostImage &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// What cannot be read tells nothing: there are other ways to know.
std::string fromSecret(const Cluster& cluster) {
  try {
    const auto secret = cluster.get("secret", kSecret);
    return textAt(*secret, {"metadata", "annotations", kAnnotation}).value_or("");
  } catch (const RefusedError&) {
    return "";
  }
}

}  // namespace

std::string agentImage(const std::string& wished, const Cluster& cluster) {
  if (!wished.empty()) {
    if (isImage(wished)) return wished;
    throw ClusterError("--image or DORMOUSE_IMAGE: that is no image");
  }
  if (std::string image = fromSecret(cluster); isImage(image)) return image;
  return kOwnVersion;
}

}  // namespace dormouse::client
