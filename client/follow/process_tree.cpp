#include "client/follow/process_tree.h"

#include <sys/stat.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

namespace dormouse::follow {
namespace {

namespace fs = std::filesystem;

template <typename T>
std::optional<T> numberIn(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Calls `use` with the name of each entry; a directory that is gone has none.
template <typename Use>
void forEachEntry(const std::string& path, const Use& use) {
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    use(entry->path().filename().string());
  }
}

}  // namespace

std::uint64_t socketInode(pid_t process, int fd, const std::string& proc) {
  const std::string path = proc + "/" + std::to_string(process) + "/fd/" + std::to_string(fd);
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return 0;
  return status.st_ino;
}

ProcessTree::ProcessTree(pid_t root, std::string proc) : root_(root), proc_(std::move(proc)) {}

// proc_pid_stat(5): the parent is the 4th field, the start the 22nd; the 2nd is in brackets, and
// may hold anything.
std::map<pid_t, ProcessTree::Process> ProcessTree::processes() const {
  constexpr int kStartBehindState = 19;
  std::map<pid_t, Process> found;
  forEachEntry(proc_, [&](const std::string& name) {
    const auto pid = numberIn<pid_t>(name);
    if (!pid) return;
    std::ifstream file(proc_ + "/" + name + "/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t bracket = line.rfind(')');
    if (bracket == std::string::npos) return;
    std::istringstream rest(line.substr(bracket + 1));
    char state = 0;
    Process process;
    std::string skipped;
    rest >> state >> process.parent;
    for (int i = 2; i < kStartBehindState; ++i) rest >> skipped;
    if (rest >> process.start) found[*pid] = process;
  });
  return found;
}

std::set<std::uint64_t> ProcessTree::sockets() {
  const std::map<pid_t, Process> all = processes();
  std::erase_if(known_, [&](const auto& item) {
    const auto now = all.find(item.first);
    return now == all.end() || now->second.start != item.second;
  });
  if (const auto root = all.find(root_); root != all.end()) known_[root_] = root->second.start;
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& [pid, process] : all) {
      if (known_.count(process.parent) == 0) continue;
      grew = known_.emplace(pid, process.start).second || grew;
    }
  }
  std::set<std::uint64_t> inodes;
  for (const auto& item : known_) {
    const pid_t pid = item.first;
    forEachEntry(proc_ + "/" + std::to_string(pid) + "/fd", [&](const std::string& name) {
      const auto fd = numberIn<int>(name);
      const std::uint64_t inode = fd ? socketInode(pid, *fd, proc_) : 0;
      if (inode != 0) inodes.insert(inode);
    });
  }
  return inodes;
}

}  // namespace dormouse::follow
