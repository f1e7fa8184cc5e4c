#include "injector/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace dormouse::injector {
namespace {

using ::testing::HasSubstr;

struct Parsed {
  CommandLine line;
  std::optional<int> exit;
  std::string out;
  std::string err;
};

Parsed parse(const std::vector<std::string>& arguments,
             const Options::Environment& environment = {}) {
  Parsed parsed;
  std::ostringstream out;
  std::ostringstream err;
  parsed.exit = parseCommandLine(arguments, environment, out, err, parsed.line);
  parsed.out = out.str();
  parsed.err = err.str();
  return parsed;
}

std::vector<std::string> files(std::vector<std::string> more = {}) {
  more.insert(more.end(),
              {"--sidecar-image=i", "--cert-mode=files", "--cert-file=c", "--key-file=k"});
  return more;
}

TEST(InjectorOptions, FilesModeNeedsNoCluster) {
  const Parsed parsed = parse(files());
  EXPECT_FALSE(parsed.exit) << parsed.err;
  EXPECT_EQ(parsed.line.listen.port, 10250);
  EXPECT_TRUE(parsed.line.listen.address.isUnspecified());
  EXPECT_EQ(parsed.line.healthListen.port, 8080);
  EXPECT_EQ(parsed.line.maxConnections, 512);
  EXPECT_EQ(parsed.line.injection.controlPort, 4747);
  EXPECT_TRUE(parsed.line.kube.url.empty());
}

TEST(InjectorOptions, SelfModeNamesTheService) {
  const Parsed parsed = parse({"--sidecar-image=i", "--kube-url=http://127.0.0.1:1",
                               "--namespace=tools", "--service=inject"});
  EXPECT_FALSE(parsed.exit) << parsed.err;
  EXPECT_EQ(parsed.line.serverNames,
            (std::vector<std::string>{"inject.tools.svc", "inject.tools.svc.cluster.local"}));
}

TEST(InjectorOptions, WhatIsWrongIsNamed) {
  const std::pair<std::vector<std::string>, const char*> kWrong[] = {
      {{"--cert-mode=files", "--cert-file=c", "--key-file=k"}, "--sidecar-image"},
      {{"--sidecar-image=i"}, "--kube-url"},
      {{"--sidecar-image=i", "--kube-url=http://x"}, "--namespace"},
      {{"--sidecar-image=i", "--cert-mode=files"}, "--cert-file"},
      {files({"--cert-mode=none"}), "cert-mode"},
      {files({"--listen=10250"}), "--listen"},
      {files({"--listen=localhost:10250"}), "--listen"},
      {files({"--listen=127.0.0.1:99999"}), "--listen"},
      {files({"--health-listen=::1:80"}), "--health-listen"},
      {files({"--max-connections=0"}), "--max-connections"},
      {files({"--log-level=loud"}), "--log-level"},
      {files({"--native-sidecar=maybe"}), "--native-sidecar"},
      {files({"--inject=some"}), "--inject"},
      {files({"--control-port=0"}), "--control-port"},
      {files({"--allow-port=70000"}), "--allow-port"},
      {files({"--allow-to=10.0.0.1/8"}), "--allow-to"},
      {files({"--max-percent=0"}), "--max-percent"},
      {files({"--redact-header=a b"}), "--redact-header"},
      {files({"--cpu-request=1"}), "--cpu-request is above --cpu-limit"},
      {files({"--memory-limit=1Gi"}), "--memory-limit is above --max-memory-limit"},
      {files({"--memory-request=x"}), "--memory-request"},
      {files({"--sidecar-image-pull-policy=Sometimes"}), "pull-policy"},
      {files({"--token-secret=web"}), "--token-secret"},
      {files({"--token-secret=web/dormouse"}), "--token-secret"},
      {files({"--missed-pods"}), "--missed-pods"},
      {files({"--unknown"}), "--unknown"},
  };
  for (const auto& [arguments, word] : kWrong) {
    // The last of two equal flags would be a fault of its own.
    std::vector<std::string> once = arguments;
    if (once.front() == "--cert-mode=none") once.erase(once.begin() + 2);
    const Parsed parsed = parse(once);
    EXPECT_EQ(parsed.exit, 2) << word;
    EXPECT_THAT(parsed.err, HasSubstr(word));
  }
}

TEST(InjectorOptions, ComeFromTheEnvironmentToo) {
  const Parsed parsed = parse(
      files(), {{"DORMOUSE_INJECTOR_MAX_PERCENT", "5"}, {"DORMOUSE_INJECTOR_SERVICE_HOST", "x"}});
  EXPECT_FALSE(parsed.exit) << parsed.err;
  EXPECT_EQ(parsed.line.injection.ceilings.maxPercent, 5);
}

TEST(InjectorOptions, HelpNamesEveryGroup) {
  const Parsed parsed = parse({"--help"});
  EXPECT_EQ(parsed.exit, 0);
  for (const char* group : {"Serving", "The sidecar", "Selection", "Certificates", "Kubernetes"}) {
    EXPECT_THAT(parsed.out, HasSubstr(std::string(group) + ":"));
  }
}

}  // namespace
}  // namespace dormouse::injector
