#include "http/opening.h"

#include <algorithm>
#include <string_view>

namespace dormouse::http {

Opening::Answer Opening::feed(std::span<const std::uint8_t> bytes) {
  const bool isPreface = count_ > 0 && held_[0] == kHttp2Preface[0];
  const TlsHello::Answer tls = isPreface ? TlsHello::Answer::kOther : tls_.feed(bytes);
  if (tls == TlsHello::Answer::kTls) return Answer::kTls;
  if (tls == TlsHello::Answer::kOther) {
    if (count_ > 0 && !isPreface) return Answer::kOther;  // Looked like TLS so far.
    const std::string_view rest = kHttp2Preface.substr(count_);
    const std::size_t known = std::min(bytes.size(), rest.size());
    const std::string_view seen(reinterpret_cast<const char*>(bytes.data()), known);
    if (seen != rest.substr(0, known)) return Answer::kOther;
    if (known == rest.size()) return Answer::kHttp2;
  }
  std::copy(bytes.begin(), bytes.end(), held_.begin() + static_cast<std::ptrdiff_t>(count_));
  count_ += bytes.size();
  return Answer::kUndecided;
}

}  // namespace dormouse::http
