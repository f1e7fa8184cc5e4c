#include "common/cgroup.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>

namespace dormouse {
namespace {

// cgroup v1 shows "no limit" as the largest multiple of the page size in 63 bits.
constexpr std::uint64_t kUnlimited = 1ULL << 62;

// The number in the file; nothing for "max", something unreadable, or no file.
std::optional<std::uint64_t> readLimit(const std::string& folder, const std::string& file) {
  std::ifstream stream(folder + "/" + file);
  std::string text;
  if (!(stream >> text)) return std::nullopt;
  std::uint64_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return limit < kUnlimited ? std::optional(limit) : std::nullopt;
}

void lower(std::optional<std::uint64_t>& limit, std::optional<std::uint64_t> other) {
  if (other) limit = limit ? std::min(*limit, *other) : *other;
}

// From the cgroup `path` up to the mount itself.
std::optional<std::uint64_t> smallest(const std::string& mount, std::string path,
                                      const std::string& file) {
  // A process outside its cgroup namespace sees "/../…": only the mount is meaningful then.
  if (path.find("/..") != std::string::npos) path.clear();
  std::optional<std::uint64_t> limit;
  for (;;) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    lower(limit, readLimit(mount + path, file));
    if (path.empty()) return limit;
    path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

// True if the comma-separated list of controllers names memory.
bool hasMemory(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == "memory") return true;
    controllers.remove_prefix(comma == std::string_view::npos ? controllers.size() : comma + 1);
  }
  return false;
}

}  // namespace

std::optional<std::uint64_t> cgroupMemoryLimit(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  std::ifstream stream(root + "/proc/self/cgroup");
  std::optional<std::uint64_t> limit;
  // Lines are ID:CONTROLLERS:PATH (cgroups(7)); v2 has the id 0 and no controllers.
  for (std::string line; std::getline(stream, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      lower(limit, smallest(mount, path, "memory.max"));
      lower(limit, smallest(mount + "/unified", path, "memory.max"));
    } else if (hasMemory(controllers)) {
      lower(limit, smallest(mount + "/memory", path, "memory.limit_in_bytes"));
    }
  }
  return limit;
}

}  // namespace dormouse
