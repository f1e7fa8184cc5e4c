// The Kubernetes API over HTTPS.
#pragma once

#include <Poco/Net/Context.h>
#include <Poco/URI.h>

#include <memory>
#include <string>

#include "common/clock.h"
#include "injector/kube/api.h"

namespace Poco::Net {
class HTTPClientSession;
}

namespace dormouse::injector {

struct RestClientOptions {
  std::string url;        // "https://10.96.0.1:443"; http:// for a kubectl proxy.
  std::string caFile;     // Verifies the API server. Must be there for https.
  std::string tokenFile;  // Read at every call, because the kubelet rotates it. Empty: no token.
  /// For connecting, and for each read and write.
  Nanos timeout = std::chrono::seconds(10);
};

/// One connection per call: the calls are few. Any thread may call.
class RestClient final : public KubeApi {
 public:
  /// Throws std::invalid_argument with a sentence if the URL cannot be used.
  explicit RestClient(RestClientOptions options);

  /// From a pod's environment and its ServiceAccount's files; an empty url outside a cluster.
  static RestClientOptions inCluster();

  std::string call(const ApiRequest& request) override;

 private:
  std::unique_ptr<Poco::Net::HTTPClientSession> connect() const;
  std::string callOnce(const ApiRequest& request) const;
  std::string token() const;

  const RestClientOptions options_;
  const Poco::URI url_;
};

}  // namespace dormouse::injector
