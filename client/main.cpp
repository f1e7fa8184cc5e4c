// kubectl-mirror: the developer's end.
#include <fcntl.h>
#include <sys/resource.h>
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

ExitCode run(const std::vector<std::string>& words) {
  if (!words.empty() && words.front() == "__complete") {
    return printCompletion({words.begin() + 1, words.end()});
  }
  Arguments arguments = parseArguments(words, std::getenv("DORMOUSE_TOKEN"));
  const char* image = std::getenv("DORMOUSE_IMAGE");
  if (arguments.attach.image.empty() && image != nullptr) arguments.attach.image = image;
  ::unsetenv("DORMOUSE_TOKEN");  // No child needs it.
  if (arguments.command == Command::kHelp) {
    std::cout << helpText();
    return ExitCode::kDelivered;
  }
  if (arguments.command == Command::kVersion) {
    std::cout << "kubectl-mirror " << versionText() << "\n";
    return ExitCode::kDelivered;
  }
  std::signal(SIGPIPE, SIG_IGN);
  raiseDescriptorLimit();
  const SystemClock clock;
  std::optional<Kubectl> found;
  if (arguments.url.empty()) found = findKubectl(arguments.kubectl);
  const Kubectl* kubectl = found ? &*found : nullptr;
  if (arguments.command == Command::kPcap) return capture(arguments, kubectl, clock);
  Display display(styleOf(arguments, STDOUT_FILENO), std::cout, clock);
  Display notices(Style::kPlain, std::cerr, clock);
  switch (arguments.command) {
    case Command::kAttach:
      return runAttach(arguments, *kubectl, display, clock);
    case Command::kDetach:
      return runDetach(arguments, *kubectl, display, clock);
    case Command::kList:
      return runList(arguments, *kubectl, std::cout, notices, clock);
    default:
      return runMirror(arguments, kubectl, display, clock);
  }
}

}  // namespace

int main(int argc, char** argv) {
  ExitCode code = ExitCode::kRefused;
  try {
    code = run({argv + 1, argv + argc});
  } catch (const UsageError& error) {
    std::cerr << "kubectl-mirror: " << error.what() << "\n(kubectl mirror --help tells more)\n";
    code = ExitCode::kUsage;
  } catch (const ControlError& error) {
    std::cerr << "kubectl-mirror: " << error.what() << "\n";
  } catch (const ClusterError& error) {
    std::cerr << "kubectl-mirror: " << error.what() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "kubectl-mirror: " << error.what() << "\n";
    code = ExitCode::kBrokenOff;
  }
  return static_cast<int>(code);
}
