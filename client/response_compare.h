// Compares two responses to the same request.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/json_compare.h"
#include "common/member_path.h"

namespace dormouse::client {

/// A whole response.
struct Answer {
  int status = 0;               // 100 to 999.
  std::string head;             // As http::ResponseText says; of HTTP/2 with its trailers.
  std::string body;             // The content's beginning, without the framing of chunks.
  std::uint64_t bodyBytes = 0;  // Of the whole content.
};

struct CompareRules {
  std::vector<std::string> headers;  // Names of those that count, beside status and body.
  MemberMatcher ignored{{}};         // Of bodies that are JSON.
};

/// What differs: "status", "header NAME", of gRPC also "grpc-status" and "grpc-message" (its
/// answers are 200 even if the call has failed), members of bodies that both are JSON, else "body".
/// A body with Content-Encoding gzip or deflate is compared by its content, if that is whole and at
/// most 4 MiB; one that is longer than what is kept of it byte by byte, by its beginning and its
/// length.
Differences compareAnswers(const Answer& pod, const Answer& local, const CompareRules& rules);

}  // namespace dormouse::client
