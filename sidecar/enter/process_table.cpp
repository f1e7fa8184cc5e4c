#include "enter/process_table.h"

#include <dirent.h>

#include <charconv>
#include <fstream>
#include <memory>
#include <tuple>

#include "enter/container_cgroup.h"

namespace dormouse::enter {
namespace {

constexpr std::size_t kMostCgroups = 64 << 10;
constexpr std::size_t kMostMounts = 4 << 20;
constexpr std::size_t kMostStat = 4 << 10;

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string ProcessTable::read(pid_t pid, const char* file, std::size_t most) const {
  std::ifstream stream(root_ + "/" + std::to_string(pid) + "/" + file, std::ios::binary);
  std::string text;
  char buffer[4096];
  while (text.size() < most && (stream.read(buffer, sizeof buffer) || stream.gcount() > 0)) {
    text.append(buffer, static_cast<std::size_t>(stream.gcount()));
  }
  return text;
}

std::vector<pid_t> ProcessTable::processes() const {
  struct Close {
    void operator()(DIR* directory) const { closedir(directory); }
  };
  std::vector<pid_t> found;
  const std::unique_ptr<DIR, Close> directory(opendir(root_.c_str()));
  if (!directory) return found;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own.
  while (const dirent* entry = readdir(directory.get())) {
    const auto pid = number<pid_t>(entry->d_name);
    if (pid && *pid > 0) found.push_back(*pid);
  }
  return found;
}

std::string ProcessTable::cgroups(pid_t pid) const {
  return read(pid, "cgroup", kMostCgroups);
}

std::string ProcessTable::mounts(pid_t pid) const {
  return read(pid, "mountinfo", kMostMounts);
}

std::optional<std::uint64_t> ProcessTable::started(pid_t pid) const {
  return startOfStat(read(pid, "stat", kMostStat));
}

std::string ProcessTable::networkNamespace(pid_t pid) const {
  return root_ + "/" + std::to_string(pid) + "/ns/net";
}

std::optional<pid_t> ProcessTable::firstOf(std::string_view containerId) const {
  std::optional<std::tuple<std::uint64_t, pid_t>> first;
  for (const pid_t pid : processes()) {
    if (!isInContainer(cgroups(pid), containerId)) continue;
    const auto start = started(pid);
    if (start && (!first || std::tuple(*start, pid) < *first)) first = {*start, pid};
  }
  if (!first) return std::nullopt;
  return std::get<pid_t>(*first);
}

std::optional<std::uint64_t> startOfStat(std::string_view stat) {
  // The second field is a name in parentheses, which may hold blanks and parentheses of its own.
  const std::size_t name = stat.rfind(')');
  if (name == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(name + 1);
  for (int field = 3;; ++field) {
    if (stat.empty() || stat.front() != ' ') return std::nullopt;
    stat.remove_prefix(1);
    const std::string_view word = stat.substr(0, stat.find_first_of(" \n"));
    if (field == 3 && (word == "Z" || word == "X")) return std::nullopt;
    if (field == 22) return number<std::uint64_t>(word);
    stat.remove_prefix(word.size());
  }
}

}  // namespace dormouse::enter
