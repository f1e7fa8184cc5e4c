#include "client/cluster.h"

#include <algorithm>
#include <system_error>

#include "client/token_secret.h"

namespace dormouse::client {
namespace {

constexpr Nanos kTick = std::chrono::milliseconds(100);
constexpr Nanos kLong = std::chrono::seconds(3);
// A log-in in a browser may take minutes; what asks on the terminal would wait for ever.
constexpr Nanos kLongest = std::chrono::minutes(3);

}  // namespace

Cluster::Cluster(const Kubectl& kubectl, EventLoop& loop, const Clock& clock,
                 std::function<bool()> cancelled, std::function<void(const std::string&)> notice)
    : kubectl_(kubectl),
      loop_(loop),
      clock_(clock),
      cancelled_(std::move(cancelled)),
      notice_(std::move(notice)) {}

std::string Cluster::call(const std::vector<std::string>& arguments, std::string_view input) const {
  try {
    const KubectlCall call(kubectl_, arguments, loop_, input);
    const TimePoint longAfter = clock_.now() + kLong;
    const TimePoint deadline = clock_.now() + kLongest;
    std::string told;
    while (!call.done()) {
      if (cancelled_()) throw ClusterError("stopped before kubectl answered");
      if (clock_.now() >= deadline) {
        throw ClusterError("kubectl " + arguments.at(0) + " does not end; " + kLogInFirst);
      }
      loop_.poll(clock_.now() + kTick, clock_);
      if (clock_.now() < longAfter || call.done()) continue;
      if (const std::string said = call.errorText(); said != told) {
        told = said;
        notice_("kubectl: " + said);
      }
    }
    return call.output();
  } catch (const std::system_error& error) {
    throw ClusterError(std::string("kubectl cannot be started: ") + error.what());
  }
}

void Cluster::pause(Nanos atMost) const {
  if (cancelled_()) throw ClusterError("stopped");
  loop_.poll(clock_.now() + std::min(atMost, kTick), clock_);
}

Poco::JSON::Object::Ptr Cluster::get(const std::string& kind, const std::string& name) const {
  const std::string text = call({"get", kind, name, "--output=json", kRequestTimeout});
  try {
    return objectFromText(text);
  } catch (const ObjectError& error) {
    throw ClusterError("kubectl get " + kind + ": " + error.what());
  }
}

std::vector<Pod> Cluster::pods(const std::string& selector) const {
  std::vector<std::string> arguments = {"get", "pods", "--output=json", kRequestTimeout};
  if (!selector.empty()) arguments.push_back("--selector=" + selector);
  const std::string text = call(arguments);
  try {
    std::vector<Pod> pods;
    for (const auto& item : itemsOf(*objectFromText(text))) pods.push_back(podFromJson(*item));
    return pods;
  } catch (const ObjectError& error) {
    throw ClusterError(std::string("kubectl get pods: ") + error.what());
  }
}

std::string Cluster::token(const std::string& secret, const std::string& as) const {
  try {
    return tokenFromSecret(*get("secret", secret), as);
  } catch (const ObjectError& error) {
    throw ClusterError(error.what());
  } catch (const ClusterError& error) {
    throw ClusterError("no token: " + std::string(error.what()) +
                       " (--token-file and DORMOUSE_TOKEN are other ways)");
  }
}

}  // namespace dormouse::client
