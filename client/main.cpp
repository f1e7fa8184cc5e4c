// kubectl-mirror: the developer's end.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <system_error>

#include "client/arguments.h"
#include "client/attach_session.h"
#include "client/completion.h"
#include "client/control_client.h"
#include "client/display.h"
#include "client/exec_session.h"
#include "client/follow/program.h"
#include "client/mirror_session.h"
#include "client/option_table.h"
#include "client/pcap_session.h"

namespace {

using namespace dormouse;          // NOLINT(google-build-using-namespace): this is the program.
using namespace dormouse::client;  // NOLINT(google-build-using-namespace)

constexpr Nanos kCompletionTime = std::chrono::seconds(5);

// One descriptor for each mirrored connection: the usual 1,024 would be the first limit met.
void raiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void prepare() {
  std::signal(SIGPIPE, SIG_IGN);
  raiseDescriptorLimit();
}

Style styleOf(const Arguments& arguments, int fd) {
  if (arguments.json) return Style::kJson;
  if (arguments.quiet) return Style::kQuiet;
  return ::isatty(fd) != 0 ? Style::kLive : Style::kPlain;
}

ExitCode capture(const Arguments& arguments, const Kubectl* kubectl, const Clock& clock) {
  if (arguments.writeFile.empty()) {
    if (::isatty(STDOUT_FILENO) != 0) {
      throw UsageError("pcap is binary: pipe it into wireshark -k -i - or give --write FILE");
    }
    Display display(styleOf(arguments, STDERR_FILENO), std::cerr, clock);
    return runPcap(arguments, kubectl, STDOUT_FILENO, display, clock);
  }
  // Readable by its owner alone: it holds what users sent.
  const int file =
      ::open(arguments.writeFile.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) {
    throw UsageError("--write: " + arguments.writeFile + ": " +
                     std::generic_category().message(errno));
  }
  Display display(styleOf(arguments, STDOUT_FILENO), std::cout, clock);
  const ExitCode code = runPcap(arguments, kubectl, file, display, clock);
  ::close(file);
  return code;
}

Kubectl findKubectl(KubectlOptions options) {
  const char* program = std::getenv("KUBECTL");
  const char* path = std::getenv("PATH");
  if (program != nullptr) options.program = program;
  return {options, path != nullptr ? path : ""};
}

// The program's exit code. If a signal ended it, the same one ends us.
int execute(const Arguments& arguments, const Clock& clock) {
  const follow::ListenFilter filter = follow::makeListenFilter();
  follow::Program program(arguments.exec.command, filter.program);
  // From here on nothing that this process changes of itself reaches the program.
  prepare();
  const auto kubectl =
      arguments.url.empty() ? std::optional<Kubectl>(findKubectl(arguments.kubectl)) : std::nullopt;
  Display display(arguments.json    ? Style::kJson
                  : arguments.quiet ? Style::kQuiet
                                    : Style::kPlain,
                  std::cerr, clock, "kubectl-mirror: ");
  const int status =
      runExec(arguments, kubectl ? &*kubectl : nullptr, program, filter, display, clock);
  if (WIFSIGNALED(status)) follow::endBySignal(WTERMSIG(status));
  return WEXITSTATUS(status);
}

// What kubectl asks through kubectl_complete-mirror. Silent, and soon over, whatever is wrong.
ExitCode printCompletion(const std::vector<std::string>& words) {
  const SystemClock clock;
  const TimePoint end = clock.now() + kCompletionTime;
  try {
    const Kubectl kubectl = findKubectl(kubectlOptionsIn(words));
    EventLoop loop;
    const Cluster cluster(
        kubectl, loop, clock, [&] { return clock.now() >= end; }, [](const std::string&) {});
    std::cout << complete(words, cluster).text();
  } catch (const ClusterError&) {
    std::cout << Completion{}.text();
  }
  return ExitCode::kDelivered;
}

int codeOf(ExitCode code) {
  return static_cast<int>(code);
}

int run(const std::vector<std::string>& words) {
  if (!words.empty() && words.front() == "__complete") {
    return codeOf(printCompletion({words.begin() + 1, words.end()}));
  }
  Arguments arguments = parseArguments(words, std::getenv("DORMOUSE_TOKEN"));
  const char* image = std::getenv("DORMOUSE_IMAGE");
  if (arguments.attach.image.empty() && image != nullptr) arguments.attach.image = image;
  ::unsetenv("DORMOUSE_TOKEN");  // No child needs it.
  if (arguments.command == Command::kHelp) {
    std::cout << helpText();
    return codeOf(ExitCode::kDelivered);
  }
  if (arguments.command == Command::kVersion) {
    std::cout << "kubectl-mirror " << versionText() << "\n";
    return codeOf(ExitCode::kDelivered);
  }
  const SystemClock clock;
  if (arguments.command == Command::kExec) return execute(arguments, clock);
  prepare();
  std::optional<Kubectl> found;
  if (arguments.url.empty()) found = findKubectl(arguments.kubectl);
  const Kubectl* kubectl = found ? &*found : nullptr;
  if (arguments.command == Command::kPcap) return codeOf(capture(arguments, kubectl, clock));
  Display display(styleOf(arguments, STDOUT_FILENO), std::cout, clock);
  Display notices(Style::kPlain, std::cerr, clock);
  if (kubectl == nullptr || arguments.command == Command::kMirror) {
    return codeOf(runMirror(arguments, kubectl, display, clock));
  }
  switch (arguments.command) {
    case Command::kAttach:
      return codeOf(runAttach(arguments, *kubectl, display, clock));
    case Command::kDetach:
      return codeOf(runDetach(arguments, *kubectl, display, clock));
    default:
      return codeOf(runList(arguments, *kubectl, std::cout, notices, clock));
  }
}

// What is closed would be the number of the next descriptor that is opened, and not what a child of
// ours takes for its standard input.
void openStandardDescriptors() {
  int fd = -1;
  do fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  openStandardDescriptors();
  try {
    return run({argv + 1, argv + argc});
  } catch (const UsageError& error) {
    std::cerr << "kubectl-mirror: " << error.what() << "\n(kubectl mirror --help tells more)\n";
    return codeOf(ExitCode::kUsage);
  } catch (const follow::StartError& error) {
    std::cerr << "kubectl-mirror: " << error.what() << "\n";
    return error.code();
  } catch (const ControlError& error) {
    std::cerr << "kubectl-mirror: " << error.what() << "\n";
  } catch (const ClusterError& error) {
    std::cerr << "kubectl-mirror: " << error.what() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "kubectl-mirror: " << error.what() << "\n";
    return codeOf(ExitCode::kBrokenOff);
  }
  return codeOf(ExitCode::kRefused);
}
