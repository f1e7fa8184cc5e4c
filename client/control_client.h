// The sidecar's control API, as the client uses it. Blocking calls with time limits.
#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/URI.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "client/agent_state.h"
#include "client/outcome.h"
#include "wire/mirror_spec.h"

namespace dormouse::client {

/// The sidecar cannot be reached, or it refused. what() is a printable sentence.
class ControlError : public std::runtime_error {
 public:
  /// `status`: of its refusal; 0 if there was no answer.
  explicit ControlError(const std::string& sentence, int status = 0)
      : std::runtime_error(sentence), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

struct TlsOptions {
  std::string caFile;       // Empty: the system's authorities.
  bool skipVerify = false;  // Accept any certificate.
};

/// A stream whose head has come.
struct OpenedStream {
  Poco::Net::StreamSocket socket;   // Blocking still.
  std::vector<std::uint8_t> early;  // The first bytes of the body, read along with the head.
  std::string mirror;               // The mirror's id: letters, digits and hyphens.
};

/// Any thread may call; each call makes a connection of its own.
class ControlClient {
 public:
  /// `url`: http:// or https://, a host, perhaps a port and a path prefix. Throws ControlError if
  /// it is none or the CA file cannot be read.
  ControlClient(const std::string& url, std::string token, const TlsOptions& tls);

  /// GET /v1/stream. Returns once the sidecar says that the capture is live. `cancelled` is asked
  /// ten times a second; true ends the wait with a ControlError.
  OpenedStream openStream(const wire::MirrorSpec& spec,
                          const std::function<bool()>& cancelled) const;
  /// GET /v1/mirrors/{id}.
  Report find(const std::string& id) const;
  /// DELETE /v1/mirrors/{id}: the final report.
  Report remove(const std::string& id) const;
  /// DELETE /v1/mirrors: how many mirrors of the token's owner that has ended.
  std::size_t removeAll() const;
  /// GET /v1/status, as it came; parseAgentState() has taken it.
  std::string statusText() const;

 private:
  Poco::Net::StreamSocket connect() const;
  template <typename Parse>
  auto call(const std::string& method, const std::string& path, const Parse& parse) const;
  std::string where() const;

  Poco::URI url_;
  std::string prefix_;  // The URL's path without its last slash.
  std::string token_;
  Poco::Net::Context::Ptr context_;  // Null for http://.
};

}  // namespace dormouse::client
