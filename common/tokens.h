// Who is calling: bearer tokens (RFC 6750) and the principals they stand for.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/log.h"

namespace dormouse {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view text);

/// A principal whose token's hash is known instead of the token.
struct HashedToken {
  std::string name;
  Sha256 hash{};
};

/// NAME=HEX, 64 hexadecimal digits. Throws std::invalid_argument with a sentence.
HashedToken parseHashedToken(std::string_view text);

struct TokenOptions {
  /// Every regular file in it is a principal (its name) with its token (its content, one trailing
  /// newline stripped). Files whose name begins with a dot and empty ones do not count. Empty, or a
  /// directory that is not there: none.
  std::string directory;
  std::vector<HashedToken> hashed;
};

/// Checks the Authorization header of each request. The directory is read at every check: a rotated
/// Secret counts at once and nothing has to be watched. At most 64 files of at most 4 KiB each are
/// looked at, in the order of their names. Any thread may call.
class Tokens {
 public:
  /// REQUIRES: clock and log outlive the object.
  Tokens(TokenOptions options, const Clock& clock, const Log& log);

  /// The principal whose token stands in the header's value. Throws Problem: 503 if there is no
  /// token to compare with; 401 without a token or with a wrong one; 429 with Retry-After for a
  /// wrong one after ten wrong ones within a minute. A right one always passes, however many wrong
  /// ones came before. Comparing takes the same time wherever two tokens differ.
  std::string authenticate(const std::string& authorization);

 private:
  std::vector<HashedToken> load();
  void complainOnce(const std::string& what, const std::string& name);
  [[noreturn]] void refuse();

  const TokenOptions options_;
  const Clock& clock_;
  const Log& log_;
  std::mutex mutex_;
  std::deque<TimePoint> failures_;    // The last ten at most, within the last minute.
  std::set<std::string> complained_;  // Files logged as unusable; bounded.
};

}  // namespace dormouse
