// What a developer asks for: the body of POST /v1/mirrors, or the query of GET /v1/stream.
#pragma once

#include <Poco/JSON/Object.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/ip.h"

namespace dormouse::wire {

enum class Protocol : std::uint8_t { kTcp, kUdp };
enum class Midstream : std::uint8_t { kHttp, kRaw };
/// How connections of HTTP/2 are handed on: request by request, or as the bytes they are.
enum class Http2 : std::uint8_t { kRequests, kRaw };
enum class Format : std::uint8_t { kFrames, kPcap, kNdjson, kHttp };

std::string_view protocolName(Protocol protocol);
std::string_view midstreamName(Midstream midstream);
std::string_view http2Name(Http2 http2);
std::string_view formatName(Format format);

/// Which HTTP requests. What is not set selects everything but the kubelet's probes.
struct RequestSelection {
  struct Header {
    std::string name;
    std::string pattern;
    bool operator==(const Header&) const = default;
  };
  std::vector<std::string> methods;  // Tokens; "safe" stands for GET, HEAD, OPTIONS. At most 16.
  std::string path;                  // A regular expression, at most 1,024 bytes; empty: any.
  std::vector<Header> headers;       // At most 16; each pattern as for path.
  std::optional<bool> probes;        // The kubelet's probes too.
  double percent = 0;                // Above 0 and at most 100; 0: no sample.
  std::string by;                    // "header:NAME", "cookie:NAME", "trace"; only with percent.
  std::uint32_t rate = 0;            // Requests a second, at most 1,000,000; 0: no cap.

  bool operator==(const RequestSelection&) const = default;
};

struct MirrorSpec {
  std::vector<std::uint16_t> ports;  // 1 to 65535, at least one, at most 64, sorted, no duplicates.
  Protocol protocol = Protocol::kTcp;
  std::string to;                          // Push only: HOST:PORT or [V6]:PORT; empty in a stream.
  Format format = Format::kFrames;         // Stream only.
  std::chrono::seconds ttl{0};             // 0: the agent's default. The agent checks the maximum.
  Midstream midstream = Midstream::kHttp;  // What becomes of connections open before the wake.
  Http2 http2 = Http2::kRequests;          // Means nothing for UDP and `pcap`.
  std::vector<Network> sources;            // Empty: everybody.
  RequestSelection requests;               // TCP only, and not in `pcap` or with midstream "raw".
  /// What is hidden of requests: a header's name in lower case, "cookie:NAME", "json:PATH" (see
  /// common/member_path.h). Each once. The agent adds what the administrator demands.
  std::vector<std::string> redact;
  bool mark = false;          // Delivered requests say which mirror they are from.
  double ceilingPercent = 0;  // Filled in by the agent: the share that may be taken; 0: everything.

  bool responses = false;  // The pod's answers too; only in the streams `frames` and `ndjson`.

  /// Whether connections of HTTP/2 are taken apart.
  bool splitsHttp2() const { return protocol == Protocol::kTcp && http2 == Http2::kRequests; }

  /// Whether the mirror is one of HTTP requests: it selects among them or changes them, or its
  /// format holds nothing else. Else it is one of connections.
  bool ofRequests() const { return selectsRequests() || !redact.empty(); }
  /// The same, were nothing to be hidden.
  bool selectsRequests() const {
    return requests != RequestSelection{} || mark || responses ||
           (to.empty() && (format == Format::kNdjson || format == Format::kHttp));
  }
};

/// The specification is wrong. what() is a sentence that names the key.
class SpecError : public std::invalid_argument {
 public:
  SpecError(std::string key, const std::string& sentence)
      : std::invalid_argument(sentence), key_(std::move(key)) {}
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

/// Whether a regular expression is one is for the agent to say.
///
/// From the text of a JSON body. Unknown keys, duplicate keys, wrong
/// types, values out of range, anything that is no JSON object: SpecError. `to` is required.
MirrorSpec parsePushSpec(std::string_view json);

/// From decoded query pairs, in order. Keys as in the JSON body but flat; commas split only port,
/// method, source and redact; these and `header` may repeat, others not.
/// SpecError as above. `to` is refused here.
MirrorSpec parseStreamSpec(const std::vector<std::pair<std::string, std::string>>& query);

/// The query of GET /v1/stream for this specification, each value percent-encoded: the inverse of
/// parseStreamSpec.
std::string toQuery(const MirrorSpec& spec);

/// The selection as the JSON body writes it: members `filter`, `sample`, `rate`, `redact`, `mark`,
/// each only if it was asked for; `filter` with the sources too. `sample` has "of":"connections" if
/// the agent's ceiling samples those.
Poco::JSON::Object::Ptr selectionToJson(const MirrorSpec& spec);

/// Where a push mirror delivers.
struct HostPort {
  std::string host;  // A name or an address, without brackets.
  std::uint16_t port = 0;
};

/// Splits "HOST:PORT" or "[V6]:PORT"; resolves nothing. Throws std::invalid_argument.
HostPort parseHostPort(std::string_view text);

}  // namespace dormouse::wire
