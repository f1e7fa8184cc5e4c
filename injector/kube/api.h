// The Kubernetes API as far as HTTP goes: what the rest is written against, and tests fake.
#pragma once

#include <stdexcept>
#include <string>

namespace dormouse::injector {

struct ApiRequest {
  std::string method;       // "GET"
  std::string path;         // With its query: "/api/v1/namespaces/web/pods?limit=5"
  std::string body;         // Empty: none.
  std::string contentType;  // Of the body.
};

/// A call that did not succeed. what() is a sentence that names the call and holds no secret.
class ApiError : public std::runtime_error {
 public:
  /// `status`: of the answer; 0 if there was none.
  ApiError(int status, const std::string& sentence)
      : std::runtime_error(sentence), status_(status) {}
  int status() const { return status_; }
  /// Somebody else has changed the object meanwhile: read it again.
  bool conflict() const { return status_ == 409; }
  bool notFound() const { return status_ == 404; }

 private:
  int status_;
};

/// Makes calls. Any thread may call.
class KubeApi {
 public:
  virtual ~KubeApi() = default;
  /// The body of a successful answer (2xx). Throws ApiError for every other, and for none. Blocks
  /// for a bounded time.
  virtual std::string call(const ApiRequest& request) = 0;
};

}  // namespace dormouse::injector
