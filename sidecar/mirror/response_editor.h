// Between a mirror's responses and its sink: what is redacted of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "http/redactor.h"
#include "mirror/sink.h"

namespace dormouse::mirror {

/// Only there for mirrors that redact. A response whose body cannot be looked into, since it is
/// cut, compressed or broken JSON, is missing as kUnredactable, if members of JSON bodies are
/// redacted at all; Content-Length stays that of the original. Data thread only.
class ResponseEditor final : public ResponseIntake {
 public:
  /// REQUIRES: both outlive the editor.
  ResponseEditor(const http::Redactor& redactor, ResponseIntake& sink)
      : redactor_(redactor), sink_(sink) {}

  std::uint64_t numberOf(ConnectionHandle handle) const override { return sink_.numberOf(handle); }
  Reason response(const ResponseInfo& info) override;

 private:
  /// As lines, and the empty one. `newBody`: without digests of the one that was there.
  void appendEdited(std::string& head, const std::vector<http::HeaderField>& fields,
                    bool newBody) const;
  /// The response as it may leave, or nothing.
  std::optional<http::PairedResponse> edited(const http::PairedResponse& response) const;

  const http::Redactor& redactor_;
  ResponseIntake& sink_;
};

}  // namespace dormouse::mirror
