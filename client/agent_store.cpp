#include "client/agent_store.h"

#include <Poco/JSON/Object.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "client/json_path.h"
#include "client/kubectl.h"
#include "client/outcome.h"
#include "client/pod.h"
#include "client/token_secret.h"

namespace dormouse::client {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = 16 << 10;
constexpr std::chrono::hours kKept{48};
constexpr const char* kSuffix = ".json";

std::string textOf(const AttachedAgent& agent) {
  Poco::JSON::Object object(Poco::JSON_PRESERVE_KEY_ORDER);
  object.set("way", std::string(wayName(agent.way)));
  object.set("name", agent.name);
  object.set("pod", agent.pod);
  object.set("namespace", agent.nameSpace);
  object.set("podUid", agent.podUid);
  object.set("controlPort", agent.controlPort);
  object.set("idleSeconds", agent.idle.count());
  object.set("token", agent.token);
  std::ostringstream text;
  object.stringify(text);
  return text.str() + "\n";
}

std::optional<AttachedAgent> agentFrom(std::string_view text) {
  try {
    const auto object = objectFromText(text);
    AttachedAgent agent;
    const std::string way = textAt(*object, {"way"}).value_or("");
    if (way != wayName(Way::kEphemeral) && way != wayName(Way::kNode)) return std::nullopt;
    agent.way = way == wayName(Way::kNode) ? Way::kNode : Way::kEphemeral;
    agent.name = textAt(*object, {"name"}).value_or("");
    agent.pod = textAt(*object, {"pod"}).value_or("");
    agent.nameSpace = textAt(*object, {"namespace"}).value_or("");
    agent.podUid = textAt(*object, {"podUid"}).value_or("");
    agent.token = textAt(*object, {"token"}).value_or("");
    const std::uint64_t port = unsignedAt(*object, {"controlPort"}).value_or(0);
    const std::uint64_t idle = unsignedAt(*object, {"idleSeconds"}).value_or(0);
    const bool valid = isObjectName(agent.name) && isObjectName(agent.pod) &&
                       isObjectName(agent.nameSpace) && isObjectName(agent.podUid) &&
                       faultOfToken(agent.token).empty() && port >= 1 && port <= 65535 &&
                       idle >= 1 && idle <= 86400;
    if (!valid) return std::nullopt;
    agent.controlPort = static_cast<std::uint16_t>(port);
    agent.idle = std::chrono::seconds(idle);
    return agent;
  } catch (const ObjectError&) {
    return std::nullopt;
  }
}

// A descriptor that is closed.
class File {
 public:
  File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Nothing unless the file is ours alone.
std::optional<std::string> readPrivately(const fs::path& path) {
  const File file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat status{};
  if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_uid != ::geteuid() || (status.st_mode & 077U) != 0 ||
      static_cast<std::size_t>(status.st_size) > kMostBytes) {
    return std::nullopt;
  }
  std::string text(kMostBytes, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t n = ::read(file.fd(), text.data() + length, text.size() - length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    length += static_cast<std::size_t>(n);
  }
  text.resize(length);
  return text;
}

// 0, or the error. What a full disk has no room for shows only in the call after a short one, and
// on some network file systems only when the file is closed.
int writeAndClose(int fd, std::string_view text) {
  int error = 0;
  while (error == 0 && !text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n >= 0) text.remove_prefix(static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) error = errno;
  }
  const bool closed = ::close(fd) == 0;
  return error != 0 || closed ? error : errno;
}

void writePrivately(const fs::path& path, const std::string& text) {
  // Of this very call, whoever else shares the directory: mkostemp opens with O_EXCL and mode 0600.
  std::string fresh = path.string() + ".XXXXXX";
  const int fd = ::mkostemp(fresh.data(), O_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), path.string());
  int error = writeAndClose(fd, text);
  if (error == 0 && ::rename(fresh.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return;
  ::unlink(fresh.c_str());
  throw std::system_error(error, std::generic_category(), path.string());
}

}  // namespace

const char* wayName(Way way) {
  return way == Way::kNode ? "node" : "ephemeral";
}

fs::path AgentStore::usualDirectory() {
  // Of the main thread, before there is another.
  for (const auto& [variable, below] : std::array<std::pair<const char*, const char*>, 2>{
           {{"XDG_STATE_HOME", ""}, {"HOME", ".local/state"}}}) {
    const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
    if (value != nullptr && value[0] == '/') return fs::path(value) / below / "dormouse/agents";
  }
  return {};
}

fs::path AgentStore::fileOf(const AttachedAgent& agent) const {
  return directory_ / (agent.podUid + "." + agent.name + kSuffix);
}

void AgentStore::keep(const AttachedAgent& agent) const {
  if (!isObjectName(agent.podUid)) throw ClusterError("the pod's uid is none");
  if (directory_.empty()) {
    throw ClusterError(
        "there is no place for the agent's token: neither XDG_STATE_HOME nor HOME is set");
  }
  try {
    fs::create_directories(directory_.parent_path());
    if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
      throw std::system_error(errno, std::generic_category(), directory_.string());
    }
    fs::permissions(directory_, fs::perms::owner_all);
    writePrivately(fileOf(agent), textOf(agent));
  } catch (const std::system_error& error) {
    throw ClusterError(std::string("the agent's token cannot be kept: ") + error.what());
  }
}

std::vector<AttachedAgent> AgentStore::of(const std::string& podUid) const {
  std::vector<std::pair<fs::file_time_type, AttachedAgent>> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory_, none)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(podUid + ".") || !name.ends_with(kSuffix)) continue;
    const auto text = readPrivately(entry.path());
    auto agent = text ? agentFrom(*text) : std::nullopt;
    if (agent && agent->podUid == podUid) {
      found.emplace_back(entry.last_write_time(none), std::move(*agent));
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto& one, const auto& other) { return one.first > other.first; });
  std::vector<AttachedAgent> agents;
  agents.reserve(found.size());
  for (auto& [time, agent] : found) agents.push_back(std::move(agent));
  return agents;
}

void AgentStore::forget(const AttachedAgent& agent) const {
  std::error_code none;
  fs::remove(fileOf(agent), none);
}

void AgentStore::prune() const {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory_, none)) {
    const auto time = entry.last_write_time(none);
    if (!none && fs::file_time_type::clock::now() - time > kKept) fs::remove(entry.path(), none);
  }
}

}  // namespace dormouse::client
