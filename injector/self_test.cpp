#include "injector/self_test.h"

#include <boost/program_options/options_description.hpp>
#include <functional>
#include <ostream>
#include <thread>

#include "injector/injection_settings.h"
#include "injector/kube/rest_client.h"
#include "injector/pod.h"

namespace dormouse::injector {
namespace {

namespace po = boost::program_options;

// A pod that every Pod Security level lets in.
std::string podFor(const SelfTest& test) {
  return R"({"apiVersion":"v1","kind":"Pod",
"metadata":{"generateName":"dormouse-self-test-","labels":{"dormouse.dev/inject":"true"}},
"spec":{"restartPolicy":"Always","automountServiceAccountToken":false,
"securityContext":{"runAsNonRoot":true,"runAsUser":65532,"seccompProfile":{"type":"RuntimeDefault"}},
"containers":[{"name":"app","image":)" +
         toText(Poco::Dynamic::Var(test.image)) +
         R"(,"resources":{"requests":{"cpu":"10m","memory":"16Mi"},"limits":{"cpu":"10m","memory":"16Mi"}},
"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}})";
}

std::string tryOnce(const SelfTest& test, KubeApi& api) {
  try {
    const std::string path = "/api/v1/namespaces/" + test.space + "/pods?dryRun=All";
    const Pod pod(parseObject(api.call({"POST", path, podFor(test), "application/json"})));
    if (pod.hasSidecar()) return "";
    const std::string* status = pod.annotation(kStatusAnnotation);
    return "the pod was let in without the container " + std::string(kContainerName) +
           (status == nullptr ? "" : "; " + std::string(kStatusAnnotation) + " is " + *status);
  } catch (const std::exception& error) {
    // A fresh namespace lacks its ServiceAccount and RoleBindings for a moment.
    return error.what();
  }
}

}  // namespace

std::string runSelfTest(const SelfTest& test, KubeApi& api, const Clock& clock,
                        const std::function<void()>& pause) {
  const TimePoint until = clock.now() + test.timeout;
  for (;;) {
    std::string cause = tryOnce(test, api);
    if (cause.empty() || clock.now() >= until) return cause;
    pause();
  }
}

int selfTestMain(const std::vector<std::string>& arguments, const Options::Environment& environment,
                 std::ostream& out, std::ostream& err) {
  SelfTest test;
  test.image = "dormouse.invalid/self-test";
  Duration timeout{test.timeout};
  RestClientOptions kube = RestClient::inCluster();
  po::options_description group("Self-test");
  // clang-format off
  group.add_options()
      ("namespace", po::value(&test.space)->value_name("NAME")->required(),
       "where the pod is asked for; must be labelled dormouse.dev/injection=enabled")
      ("image", po::value(&test.image)->value_name("IMAGE")->default_value(test.image),
       "the pod's image; it is not pulled")
      ("timeout", po::value(&timeout)->value_name("DURATION")->default_value(timeout),
       "how long to try")
      ("kube-url", po::value(&kube.url)->value_name("URL"), "absent: the cluster this runs in")
      ("kube-ca-file", po::value(&kube.caFile)->value_name("FILE"), "absent: the ServiceAccount's")
      ("kube-token-file", po::value(&kube.tokenFile)->value_name("FILE"),
       "absent: the ServiceAccount's");
  // clang-format on
  Options options("dormouse-injector self-test",
                  "Asks the API server for a pod, as a dry run, and looks for the sidecar in it.",
                  "DORMOUSE_INJECTOR");
  options.add(group);
  if (const auto exit = options.parse(arguments, environment, out, err)) return *exit;
  test.timeout = timeout.value;
  if (kube.url.empty()) {
    err << "dormouse-injector self-test: there is no Kubernetes API: run in a cluster or give "
           "--kube-url\n";
    return Options::kBadUsage;
  }
  const SystemClock clock;
  std::string cause;
  try {
    RestClient api(kube);
    cause =
        runSelfTest(test, api, clock, [] { std::this_thread::sleep_for(std::chrono::seconds(1)); });
  } catch (const std::invalid_argument& error) {
    cause = error.what();
  }
  if (!cause.empty()) {
    err << "dormouse-injector self-test: not injected in " << test.space << ": " << cause << "\n";
    return 1;
  }
  out << "dormouse-injector self-test: a pod in " << test.space << " gets the sidecar\n";
  return 0;
}

}  // namespace dormouse::injector
