// An answer that is no success: RFC 9457 problem details, thrown where the cause is known and
// rendered in one place.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dormouse {

/// Thrown by anything that serves a request. `detail` is a sentence that helps the caller; it holds
/// no secret.
class Problem : public std::runtime_error {
 public:
  Problem(int status, const std::string& detail) : std::runtime_error(detail), status_(status) {}
  /// The same, naming the member of the request that is wrong (extension member "key").
  Problem(int status, const std::string& detail, std::string key)
      : std::runtime_error(detail), status_(status), key_(std::move(key)) {}

  /// The same with one more header field in the answer, such as Allow or Retry-After. `value` holds
  /// no line break.
  Problem with(std::string name, std::string value) && {
    headers_.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }

  int status() const { return status_; }
  const std::string& key() const { return key_; }
  const std::vector<std::pair<std::string, std::string>>& headers() const { return headers_; }

 private:
  int status_;
  std::string key_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

}  // namespace dormouse
