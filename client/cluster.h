// What the cluster is asked before a mirror can begin.
#pragma once

#include <functional>
#include <string>
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

  /// Standard output of one call. Throws ClusterError.
  std::string call(const std::vector<std::string>& arguments) const;
  /// One object. Throws ClusterError.
  Poco::JSON::Object::Ptr get(const std::string& kind, const std::string& name) const;
  /// The pods that a selector chooses. Throws ClusterError.
  std::vector<Pod> pods(const std::string& selector) const;
  /// The token from the Secret `secret`. Throws ClusterError.
  std::string token(const std::string& secret, const std::string& as) const;

 private:
  const Kubectl& kubectl_;
  EventLoop& loop_;
  const Clock& clock_;
  const std::function<bool()> cancelled_;
  const std::function<void(const std::string&)> notice_;
};

/// How long the API server may take to answer one `get`; a log-in before it may take longer.
inline constexpr const char* kRequestTimeout = "--request-timeout=20s";

}  // namespace dormouse::client
