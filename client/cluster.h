// What the cluster is asked before a mirror can begin.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "client/kubectl.h"
#include "client/pod.h"
#include "client/target.h"

namespace dormouse::client {

/// Runs kubectl and waits for its answers, turning the loop meanwhile. Main thread only.
class Cluster {
 public:
  /// `cancelled` is asked ten times a second; `notice` is told what kubectl says on standard error
  /// when a call takes long, which may be how to log in. All must outlive this.
  Cluster(const Kubectl& kubectl, EventLoop& loop, const Clock& clock,
          std::function<bool()> cancelled, std::function<void(const std::string&)> notice);

  /// Standard output of one call, which may take three minutes. `input`: its standard input. Throws
  /// ClusterError, RefusedError if the call fails.
  std::string call(const std::vector<std::string>& arguments, std::string_view input = {}) const;
  /// One object. Throws ClusterError, RefusedError if there is none or it may not be read.
  Poco::JSON::Object::Ptr get(const std::string& kind, const std::string& name) const;
  /// The pods that a selector chooses; all of the namespace if it is empty. Throws ClusterError.
  std::vector<Pod> pods(const std::string& selector) const;
  /// Turns the loop until something happens, at most so long. Throws ClusterError if cancelled.
  void pause(Nanos atMost) const;
  const Clock& clock() const { return clock_; }
  const Kubectl& kubectl() const { return kubectl_; }
  EventLoop& loop() const { return loop_; }
  /// Tells the developer.
  void notice(const std::string& sentence) const { notice_(sentence); }

  /// The token from the Secret `secret`. Throws ClusterError.
  std::string token(const std::string& secret, const std::string& as) const;

 private:
  const Kubectl& kubectl_;
  EventLoop& loop_;
  const Clock& clock_;
  const std::function<bool()> cancelled_;
  const std::function<void(const std::string&)> notice_;
};

/// What to do where kubectl may be asking on a terminal that it does not have.
inline constexpr const char* kLogInFirst =
    "should the cluster want a log-in, do that first, for example by kubectl get pods";

/// How long the API server may take to answer one `get`; a log-in before it may take longer.
inline constexpr const char* kRequestTimeout = "--request-timeout=20s";

}  // namespace dormouse::client
