#include "client/kubectl.h"

#include <unistd.h>

#include <system_error>

#include "client/outcome.h"

namespace dormouse::client {
namespace {

constexpr std::size_t kMostOutput = 16 << 20;
constexpr std::size_t kMostErrorOutput = 64 << 10;

bool executable(const std::string& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

std::string locate(const std::string& program, std::string_view searchPath) {
  if (program.find('/') != std::string::npos) {
    if (executable(program)) return program;
    throw ClusterError("KUBECTL names " + printable(program, 200) + ", which cannot be executed");
  }
  while (!searchPath.empty()) {
    const std::size_t end = std::min(searchPath.find(':'), searchPath.size());
    const std::string path = std::string(searchPath.substr(0, end)) + "/" + program;
    // An empty entry would mean the current directory: not where a cluster's tools come from.
    if (end != 0 && executable(path)) return path;
    searchPath.remove_prefix(std::min(end + 1, searchPath.size()));
  }
  throw ClusterError(printable(program, 200) +
                     " is not on the PATH: install it, name it in the variable KUBECTL, or forward "
                     "the port yourself and give --url");
}

// "E1123 14:03:29.003909    9500 memcache.go:265] …"
bool isLogLine(std::string_view line) {
  return line.size() > 5 && std::string_view("EWIF").find(line[0]) != std::string_view::npos &&
         line.substr(1, 4).find_first_not_of("0123456789") == std::string_view::npos &&
         line[5] == ' ';
}

}  // namespace

Kubectl::Kubectl(const KubectlOptions& options, std::string_view searchPath) {
  prefix_.push_back(locate(options.program.empty() ? "kubectl" : options.program, searchPath));
  const auto add = [this](const char* flag, const std::string& value) {
    if (value.empty()) return;
    prefix_.push_back(std::string("--") + flag + "=" + value);
    typed_ += std::string("--") + flag + " " + printable(value, 200) + " ";
  };
  add("kubeconfig", options.kubeconfig);
  add("context", options.context);
  add("namespace", options.nameSpace);
}

std::vector<std::string> Kubectl::command(const std::vector<std::string>& arguments) const {
  std::vector<std::string> all = prefix_;
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

void BoundedText::append(std::string_view bytes) {
  if (bytes.size() > most_ - text_.size()) {
    overflowed_ = true;
    bytes = bytes.substr(0, most_ - text_.size());
  }
  text_ += bytes;
}

KubectlCall::KubectlCall(const Kubectl& kubectl, const std::vector<std::string>& arguments,
                         EventLoop& loop, std::string_view input)
    : out_(kMostOutput),
      err_(kMostErrorOutput),
      child_(kubectl.command(arguments), loop, *this, input) {}

const std::string& KubectlCall::output() const {
  if (status_ != 0) {
    const std::string said = sentenceOf(err_.text());
    throw RefusedError(
        "kubectl: " + (said.empty() ? "failed with exit code " + std::to_string(status_) : said),
        reasonOf(err_.text()));
  }
  if (out_.overflowed()) throw ClusterError("kubectl answers more than 16 MiB");
  return out_.text();
}

bool KubectlCall::notFound() const {
  return status_ != 0 && err_.text().find("(NotFound)") != std::string::npos;
}

std::string KubectlCall::errorText() const {
  return sentenceOf(err_.text());
}

bool isForbidden(std::string_view errorOutput) {
  // "Error from server (Forbidden): …"; of an upgrade, "error: … pods "x" is forbidden: User …".
  return errorOutput.find("(Forbidden)") != std::string_view::npos ||
         errorOutput.find(" is forbidden: ") != std::string_view::npos;
}

std::string reasonOf(std::string_view errorOutput) {
  constexpr std::string_view kStart = "Error from server (";
  const std::size_t start = errorOutput.rfind(kStart);
  if (start == std::string_view::npos) return isForbidden(errorOutput) ? "Forbidden" : "";
  errorOutput.remove_prefix(start + kStart.size());
  return printable(errorOutput.substr(0, errorOutput.find(')')), 40);
}

std::string sentenceOf(std::string_view errorOutput) {
  std::string_view last;
  while (!errorOutput.empty()) {
    const std::size_t end = std::min(errorOutput.find('\n'), errorOutput.size());
    std::string_view line = errorOutput.substr(0, end);
    errorOutput.remove_prefix(std::min(end + 1, errorOutput.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && (!isLogLine(line) || last.empty())) last = line;
  }
  for (const std::string_view start : {"error: ", "Error from server "}) {
    if (last.starts_with(start)) last.remove_prefix(start.size());
  }
  // "(NotFound): pods …", "(Forbidden): …": the sentence says it too.
  if (const std::size_t end = last.find("): "); last.starts_with('(') && end < 40) {
    last.remove_prefix(end + 3);
  }
  return printable(last);
}

}  // namespace dormouse::client
